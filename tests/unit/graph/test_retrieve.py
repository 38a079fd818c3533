from dataclasses import replace

from langgraph.runtime import Runtime

from agent.graph.answerability import Choice
from agent.graph.nodes.retrieve import best_found, rest_of_article, retrieve, search_each_way
from agent.graph.state import TurnContext
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.types import Author
from knowledge.types import Audience, Hit, Passage, PassageId, Query
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from tests.fakes import HashedWordsEmbedder, InMemoryRetriever
from tests.fakes_model import FakeChatModel
from tests.samples import hit, message, passage

PUBLIC = frozenset({Audience.PUBLIC})
EMBEDDER = HashedWordsEmbedder()
POLICIES = PolicyEngine(load_pack(default_folder()))
STRIKE = passage("events", "A strike of trains is not covered by the event policy.", "Event policy")
DOG = passage("pets", "You can bring a dog to the house.", "Bring a dog")
FEE = passage("fees", "The dog fee is €12, the cat fee is €5.", "Pet fee")


def found_in(texts: list[str]) -> tuple[str, str]:
    """The text that was chosen and the document that it brought."""
    found = best_found(InMemoryRetriever(EMBEDDER, [STRIKE, DOG, FEE]), EMBEDDER, texts, (), PUBLIC)
    return found.text, found.hits[0].passage.doc_id


def test_a_short_message_that_opens_another_subject_is_searched_alone() -> None:
    latest = "Can I bring my dog?"
    assert found_in([latest, f"Is a strike of trains covered by the event policy?\n{latest}"]) == (latest, "pets")


def test_a_message_that_finds_nothing_alone_is_searched_with_what_was_said_before() -> None:
    both = "How much is the dog fee?\nand for the other animal?"
    assert found_in(["and for the other animal?", both]) == (both, "fees")


def test_a_question_about_what_was_named_before_is_searched_in_its_light() -> None:
    retriever = Remembering(EMBEDDER, [STRIKE, DOG, FEE])
    latest, earlier = "How much is it for the week altogether?", ("I bring a dog.", "The dog fee is €12.")
    found = best_found(retriever, EMBEDDER, [latest], earlier, PUBLIC)
    assert [query.earlier for query in retriever.asked] == [(), earlier]
    assert {query.text for query in retriever.asked} == {latest}
    assert found.text == latest


async def test_a_turn_searches_no_more_often_to_judge_what_to_do() -> None:
    retriever = Remembering(EMBEDDER, [STRIKE, DOG, FEE])
    verifier = BuiltInVerifier(EMBEDDER)
    context = TurnContext(FakeChatModel([]), load_profile("smollm2"), retriever, EMBEDDER, verifier, POLICIES, lambda text: "en")
    first, later = (message("1", text="Can I bring my dog?"), message("2", Author.ASSISTANT, "You can bring a dog."))
    state = await retrieve({"messages": (first,)}, Runtime(context=context))
    assert len(retriever.asked) == 1
    assert state["answerability"].choice is Choice.ANSWER
    retriever.asked.clear()
    state = await retrieve({"messages": (first, later, message("3", text="Is skydiving insured?"))}, Runtime(context=context))
    assert [bool(query.earlier) for query in retriever.asked] == [False, False, True]
    assert state["answerability"].choice is not Choice.ANSWER


def test_the_first_and_the_last_way_are_the_request_alone_and_in_context() -> None:
    retriever, latest, earlier = Remembering(EMBEDDER, [DOG, FEE]), "And the fee?", ("Can I bring a dog?", "Yes.")
    searched = search_each_way(retriever, EMBEDDER, [latest, f"{earlier[0]}\n{latest}"], earlier, PUBLIC)
    assert [(found.text, found.alone) for found in searched.ways] == [
        (latest, True),
        (f"{earlier[0]}\n{latest}", False),
        (f"{earlier[0]}\n{latest}", False),
    ]
    assert searched.alone is searched.ways[0]
    assert searched.in_context is searched.ways[-1]
    assert searched.best in searched.ways


class Remembering(InMemoryRetriever):
    """Keeps what it was asked."""

    def __init__(self, embedder: HashedWordsEmbedder, passages: list[Passage]) -> None:
        super().__init__(embedder, passages)
        self.asked: list[Query] = []

    def search(self, query: Query) -> list[Hit]:
        self.asked.append(query)
        return super().search(query)


def test_the_rest_of_the_article_is_what_the_search_did_not_bring() -> None:
    second = replace(DOG, passage_id=PassageId("pets#1"), ordinal=1, text="On a lead.")
    retriever = InMemoryRetriever(EMBEDDER, [DOG, second, FEE])
    rest = rest_of_article(retriever, PUBLIC, [hit("pets", DOG.text)])
    assert [(one.passage.passage_id, one.score) for one in rest] == [("pets#1", 0.0)]
    assert rest_of_article(retriever, PUBLIC, []) == []
