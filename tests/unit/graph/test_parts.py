from agent.graph.nodes.retrieve import look_up_parts, search_each_way
from agent.graph.parts import Part, missing, questions, unsaid
from agent.grounding.claims import Claim
from knowledge.types import Audience
from tests.fakes import HashedWordsEmbedder, InMemoryRetriever
from tests.samples import hit, message, passage

EMBEDDER = HashedWordsEmbedder()
PUBLIC = frozenset({Audience.PUBLIC})
SHELF = [
    passage("pets", "What does a dog cost? The fee for a dog is €12 a night.", "Dog fee"),
    passage("crib", "Where do I get a crib? Ask the host for a crib before arrival.", "Cribs"),
]
DOG, CRIB, SKY = (
    "What is the fee for a dog a night?",
    "Do I ask the host for a crib before arrival?",
    "Is skydiving over volcanoes insured?",
)


def looked_up(text: str):
    retriever = InMemoryRetriever(EMBEDDER, SHELF)
    found = search_each_way(retriever, EMBEDDER, (text,), (), PUBLIC).best
    return look_up_parts(retriever, EMBEDDER, [message("1", text=text)], PUBLIC, found)


def test_only_two_or_three_questions_of_their_own_are_parts() -> None:
    assert questions(f"We come in May. {DOG} {CRIB}") == (DOG, CRIB)
    assert questions(DOG) == ()
    assert questions(f"{DOG} And how much?") == ()
    assert questions(f"{DOG} {DOG}") == ()
    assert questions(f"{DOG} {CRIB} {SKY} Is there a sauna in the cellar?") == ()


def test_a_message_with_one_question_is_left_as_it_is() -> None:
    found, parts = looked_up(DOG)
    assert parts == ()
    assert found.text == DOG


def test_each_question_finds_its_article() -> None:
    found, parts = looked_up(f"{DOG} {CRIB}")
    assert [found.hits[part.hit].passage.doc_id for part in parts if part.hit is not None] == ["pets", "crib"]
    assert missing(parts) == ()
    assert {found.hits[i].passage.doc_id for i in found.evidence.ranking[:2]} == {"pets", "crib"}
    assert found.evidence.probability == min(part.probability for part in parts)


def test_what_nothing_answers_is_missing() -> None:
    found, parts = looked_up(f"{SKY} {DOG}")
    assert missing(parts) == (SKY,)
    assert found.hits[found.evidence.best].passage.doc_id == "pets"
    assert found.evidence.ranking[0] == 0


def test_nothing_is_missing_from_no_answer() -> None:
    assert missing((Part("Is skydiving insured?", 0.1), Part("Is diving insured?", 0.2))) == ()


def test_a_long_question_is_told_in_short() -> None:
    told = missing((Part("Is\n " + "very " * 100 + "deep?", 0.1), Part("Dog?", 0.9, 0)))
    assert len(told) == 1
    assert len(told[0]) <= 200
    assert told[0].startswith("Is very very")
    assert told[0].endswith("…")


def test_what_is_answered_and_not_said_yet_is_quoted_too() -> None:
    hits = [hit("pets", "A dog costs €12."), hit("crib", "A crib is free.")]
    parts = (Part("Dog?", 0.9, 0), Part("Crib?", 0.9, 1), Part("Sauna?", 0.1))
    assert unsaid(parts, (Claim("A dog costs €12.", 0, "A dog costs €12.", 1.0),), hits) == [("Crib?", 1)]
