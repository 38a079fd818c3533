"""What every way to check a draft promises: the built-in verifier alone, and with each of the others behind it.

The cross-encoder is a real one with weights set by hand; the judge says yes to everything.
"""

from collections.abc import Sequence
from dataclasses import replace
from shutil import copytree

import pytest

from agent.graph.checking import Checked, check
from agent.graph.judging import JudgeVerifier
from agent.graph.state import TurnContext
from agent.grounding.cross_encoder import CrossEncoderVerifier
from agent.grounding.passages import passage_sentences
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.types import Usage
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.entailment import EntailmentModel
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts, Verifier
from tests.fakes import InMemoryRetriever
from tests.integration.knowledge.word_reranker import word_reranker
from tests.samples import passage
from tests.yes_man import YesMan

pytestmark = pytest.mark.slow
PETS = passage(
    "pets",
    "A dog costs €12 per night, and the fee is paid on arrival. Guide dogs stay free of charge if you tell us before arrival. "
    "Cats can't stay in the house.",
    "Pets",
)
GARAGE = passage(
    "garage",
    "The garage has 8 places for cars. A place costs €8 per day and must be booked in advance. The gate closes at 10 pm.",
    "Garage",
)
PASSAGES = [PETS, GARAGE]
WORD_FOR_WORD = "A dog costs €12 per night, and the fee is paid on arrival."
FREE = "A space in the garage costs €8 per day and you must reserve it in advance."
FORBIDDEN = (
    "A dog costs €13 per night.",
    "We will give you a place in the garage.",
    "A place costs €-8 per day.",
    "Write to pets@evil.example before arrival.",
)
NEVER = (*FORBIDDEN, "Cats can stay in the house.", "A dog in Paris costs €12 per night.", "The garage has 12 places for cars.")
BOTH = (Verifier.CROSS_ENCODER, Verifier.JUDGE)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> EntailmentModel:
    return EntailmentModel(word_reranker(tmp_path_factory.mktemp("models") / "words", counted=1), threads=1)


@pytest.fixture(scope="module", params=[(), BOTH[:1], BOTH[1:], BOTH], ids=["built_in", "cross_encoder", "judge", "all"])
def asked(request) -> Sequence[Verifier]:
    """The verifiers that the topic lists beside the built-in one."""
    return request.param


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory, asked: Sequence[Verifier]) -> PolicyEngine:
    copy = copytree(default_folder(), tmp_path_factory.mktemp("pack") / "policies")
    listed = ", ".join((Verifier.BUILT_IN, *asked))
    (copy / "topics.yaml").write_text(
        f"otherwise: {{dial: {{auto: at most 5% wrong}}}}\ntopics:\n"
        f"  - {{id: known, about: x, articles: [pets, garage], dial: draft, verifiers: [{listed}]}}\n"
    )
    return PolicyEngine(load_pack(copy))


@pytest.fixture
def context(
    asked: Sequence[Verifier], policies: PolicyEngine, embedder: SentenceTransformerEmbedder, words: EntailmentModel
) -> TurnContext:
    chat, profile = YesMan([""]), load_profile("qwen3")
    second = {Verifier.CROSS_ENCODER: CrossEncoderVerifier(words), Verifier.JUDGE: JudgeVerifier(chat, profile)}
    return TurnContext(
        chat,
        profile,
        InMemoryRetriever(embedder, PASSAGES),
        embedder,
        BuiltInVerifier(embedder),
        policies,
        lambda text: "en",
        second={name: second[name] for name in asked},
    )


async def checked(context: TurnContext, *sentences: str, passages=PASSAGES, spent: Usage | None = None) -> Checked:
    question = "What does a dog or a place in the garage cost?"
    return await check(context, Facts(question, "en", False), spent or Usage(), question, sentences, passages)


async def test_there_is_one_judgement_a_sentence_in_order(context: TurnContext) -> None:
    one = await checked(context, WORD_FOR_WORD, NEVER[0], FREE)
    other = await checked(context, FREE, NEVER[0], WORD_FOR_WORD)
    assert len(one.judgements) == 3
    assert [j.supported for j in one.judgements] == [j.supported for j in other.judgements][::-1]
    assert one.verify("?", [FREE], PASSAGES) == [one.judgements[2]]


async def test_nothing_to_check_is_no_work(context: TurnContext) -> None:
    assert await checked(context) == Checked()
    without = await checked(context, WORD_FOR_WORD, "", "?", passages=[])
    assert [j.supported for j in without.judgements] == [False] * 3
    assert isinstance(context.chat, YesMan)
    assert context.chat.prompts == []


@pytest.mark.parametrize("sentence", NEVER)
async def test_what_is_forbidden_stays_so(context: TurnContext, sentence: str) -> None:
    (found,) = (await checked(context, sentence)).judgements
    assert not found.supported
    assert found.reason
    assert found.probability < 0.95


async def test_what_stands_word_for_word_stays_found(context: TurnContext) -> None:
    (found,) = (await checked(context, WORD_FOR_WORD)).judgements
    assert (found.supported, found.quote) == (True, WORD_FOR_WORD)
    assert found.probability >= 0.99


async def test_the_quote_is_whole_sentences_of_the_passage_that_is_named(context: TurnContext) -> None:
    said = (WORD_FOR_WORD, FREE, "The gate closes at 10 pm.", *NEVER)
    for found in (await checked(context, *said)).judgements:
        sentences = passage_sentences(PASSAGES[found.passage])
        runs = {" ".join(sentences[a:b]) for a in range(len(sentences)) for b in range(a + 1, len(sentences) + 1)}
        assert found.quote in runs or not found.supported


async def test_free_words_are_sent_by_the_word_of_whoever_is_asked(context: TurnContext) -> None:
    (found,) = (await checked(context, FREE)).judgements
    assert found.supported is bool(context.second)
    assert 0.5 < found.probability < 0.99


async def test_a_judge_costs_one_call_at_most(context: TurnContext) -> None:
    sentences = [FREE, *NEVER, "The fee of €12 a night for a dog is due on arrival.", WORD_FOR_WORD]
    found = await checked(context, *sentences, spent=Usage(2, 1_500))
    assert isinstance(context.chat, YesMan)
    assert len(context.chat.prompts) == found.usage.llm_calls == (Verifier.JUDGE in context.second)
    assert ("judge" in found.timings_ms) is (Verifier.JUDGE in context.second)


async def test_nobody_is_asked_whom_no_topic_lists(context: TurnContext) -> None:
    elsewhere = [replace(one, doc_id=f"other-{one.doc_id}") for one in PASSAGES]
    (found,) = (await checked(context, FREE, passages=elsewhere)).judgements
    assert not found.supported
    assert isinstance(context.chat, YesMan)
    assert context.chat.prompts == []
