from pathlib import Path

import pytest

from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.patterns import matches_glob
from policies.types import Dial, Facts, Mode, Send, TopicVerdict, Unsure, Verifier
from tests.unit.policies.conftest import TOPICS


def engine_of(folder: Path, topics: str | None = TOPICS, mode: Mode = Mode.AUTO) -> PolicyEngine:
    if topics is not None:
        (folder / "topics.yaml").write_text(topics)
    page = folder / "policy.yaml"
    page.write_text(page.read_text().replace("mode: auto", f"mode: {mode}"))
    return PolicyEngine(load_pack(folder))


def ask(engine: PolicyEngine, text: str, *articles: str, **similarity: float) -> TopicVerdict:
    return engine.topic(Facts(text, "en", first_message=False, similarity=similarity), articles)


@pytest.mark.parametrize("text", ["hm", "Can I have a refund?", "A newspaper asks"])
@pytest.mark.parametrize(
    ("mode", "dial"), [(Mode.AUTO, Dial(Send.AUTO)), (Mode.DRAFT, Dial(Send.DRAFT)), (Mode.SHADOW, Dial(Send.AUTO))]
)
def test_without_the_file_the_mode_is_the_only_dial(folder: Path, text: str, mode: Mode, dial: Dial) -> None:
    engine = engine_of(folder, None, mode)
    assert ask(engine, text, "cancel-strict") == TopicVerdict((), dial, unsure=Unsure.CLOSEST)
    assert engine.about == {}


def test_question_that_no_topic_claims_has_the_dial_of_otherwise(folder: Path) -> None:
    assert ask(engine_of(folder), "hm", "wifi") == TopicVerdict((), Dial(Send.AUTO, 0.02), None, (Verifier.BUILT_IN,))


def test_file_with_nothing_but_otherwise_is_one_dial_for_all(folder: Path) -> None:
    engine = engine_of(folder, "otherwise: {dial: person, queue: support}\n")
    assert ask(engine, "Can I have a refund?") == TopicVerdict((), Dial(Send.PERSON), "support", (Verifier.BUILT_IN,))


def test_topic_claims_by_pattern_by_example_and_by_article(folder: Path) -> None:
    engine = engine_of(folder)
    refunds = TopicVerdict(("refunds",), Dial(Send.AUTO, 0.005), None, (Verifier.BUILT_IN, Verifier.JUDGE))
    assert ask(engine, "Can I have a REFUND?") == refunds
    assert ask(engine, "hm", refunds=0.7) == refunds
    assert ask(engine, "hm", "wifi", "cancel-strict") == refunds


def test_what_is_less_sure_goes_where_the_topic_that_decides_says(folder: Path) -> None:
    engine = engine_of(
        folder,
        TOPICS.replace("    dial: {auto: at most 0.5% wrong}", "    dial: {auto: at most 0.5% wrong}\n    unsure: closest", 1),
    )
    assert ask(engine, "Can I have a refund?").unsure is Unsure.CLOSEST
    assert ask(engine, "hm").unsure is Unsure.DRAFT


def test_queue_also_takes_what_is_not_sure_enough(folder: Path) -> None:
    engine = engine_of(folder, "otherwise: {dial: {auto: at most 1% wrong}, unsure: person, queue: support}\n")
    verdict = ask(engine, "hm")
    assert (verdict.unsure, verdict.queue) == (Unsure.PERSON, "support")


def test_nearer_look_alike_claims_nothing(folder: Path) -> None:
    assert ask(engine_of(folder), "hm", **{"refunds": 0.7, "refunds/but_not": 0.8}).topics == ()


def test_most_careful_dial_counts(folder: Path) -> None:
    engine = engine_of(folder)
    verdict = ask(engine, "A newspaper asks for a refund", "damage-claim-host")
    assert (verdict.topics, verdict.dial, verdict.queue) == (("press", "claims", "refunds"), Dial(Send.PERSON), "newsroom")
    verdict = ask(engine, "Can I have a refund?", "damage-claim-host")
    assert (verdict.topics, verdict.dial, verdict.queue) == (("claims", "refunds"), Dial(Send.DRAFT), None)


def test_smaller_share_is_more_careful_than_the_order(folder: Path) -> None:
    engine = engine_of(folder, TOPICS.replace("auto: at most 0.5% wrong", "auto: at most 10% wrong", 1))
    assert ask(engine, "Can I have a refund?", "invoices").topics == ("invoices", "refunds")
    assert ask(engine, "Can I have a refund?", "invoices").dial == Dial(Send.AUTO, 0.005)


def test_order_in_the_file_decides_among_equal_dials(folder: Path) -> None:
    assert ask(engine_of(folder), "Can I have a refund?", "vat-invoices").topics == ("refunds", "invoices")


def test_claiming_topic_counts_even_if_otherwise_is_more_careful(folder: Path) -> None:
    engine = engine_of(folder, TOPICS.replace("{auto: at most 2% wrong}", "person"))
    assert ask(engine, "hm").dial == Dial(Send.PERSON)
    assert ask(engine, "hm", "cancel-strict").dial == Dial(Send.AUTO, 0.005)


def test_every_verifier_of_a_claiming_topic_is_asked_in_their_order(folder: Path) -> None:
    assert ask(engine_of(folder), "hm", "refund-timing").verifiers == (Verifier.BUILT_IN, Verifier.CROSS_ENCODER, Verifier.JUDGE)


def test_articles_make_a_claimed_turn_no_less_careful(folder: Path) -> None:
    engine = engine_of(folder)
    assert ask(engine, "A newspaper asks").dial == Dial(Send.PERSON)
    assert ask(engine, "A newspaper asks", "cancel-strict", "invoices").dial == Dial(Send.PERSON)
    assert ask(engine, "Can I have a refund?").dial == Dial(Send.AUTO, 0.005)
    assert ask(engine, "Can I have a refund?", "damage-claim-host").dial == Dial(Send.DRAFT)


def test_mode_draft_caps_auto_and_leaves_a_person(folder: Path) -> None:
    engine = engine_of(folder, mode=Mode.DRAFT)
    assert ask(engine, "hm").dial == Dial(Send.DRAFT)
    assert ask(engine, "Can I have a refund?") == TopicVerdict(
        ("refunds",), Dial(Send.DRAFT), None, (Verifier.BUILT_IN, Verifier.JUDGE)
    )
    assert ask(engine, "A newspaper asks").dial == Dial(Send.PERSON)


def test_mode_shadow_tells_what_would_have_been_done(folder: Path) -> None:
    engine = engine_of(folder, mode=Mode.SHADOW)
    assert engine.mode is Mode.SHADOW
    assert ask(engine, "Can I have a refund?").dial == Dial(Send.AUTO, 0.005)


def test_examples_of_topics_have_the_keys_that_similarity_has(folder: Path) -> None:
    assert engine_of(folder).examples() == {
        "legal": ("see you in court",),
        "refunds": ("what do I get back",),
        "refunds/but_not": ("when do I get my keys back",),
    }


def test_reports_can_say_what_a_topic_is_about(folder: Path) -> None:
    about = engine_of(folder).about
    assert list(about) == ["refunds", "claims", "press", "invoices"]
    assert about["press"] == "Journalists"


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [
        ("wifi", "wifi", True),
        ("wifi", "wifi-2", False),
        ("cancel-*", "cancel-", True),
        ("cancel-*", "Cancel-strict", False),
        ("*-claim-*", "damage-claim-host", True),
        ("*", "", True),
        ("a*a", "a", False),
        ("ab*ba", "aba", False),
        ("*b*a*", "ab", False),
        ("zendesk/*/en", "zendesk/12/en", True),
        ("faq#[1]?", "faq#[1]?", True),
        ("faq#[1]?", "faq#12", False),
        ("*a" * 200 + "*c", "a" * 4_000, False),
    ],
)
def test_star_stands_for_anything_and_nothing_else_is_special(glob: str, name: str, fits: bool) -> None:
    assert matches_glob(glob, name) is fits


@pytest.fixture(scope="module")
def sample_ids() -> list[str]:
    centre = Path(__file__).parents[3] / "knowledge" / "samples" / "help_centre"
    return sorted(path.stem for path in centre.rglob("*.md") if path.parent.name != "internal")


def test_every_article_that_the_shipped_pack_names_is_in_the_help_centre(sample_ids: list[str]) -> None:
    topics = load_pack(default_folder()).topics.topics
    assert 6 <= len(topics) <= 8
    for glob in (glob for topic in topics for glob in topic.articles):
        assert any(matches_glob(glob, article) for article in sample_ids), glob


def test_shipped_pack_sends_every_topic_at_once(engine: PolicyEngine, sample_ids: list[str]) -> None:
    verdicts = [ask(engine, "hm", article) for article in sample_ids]
    assert {verdict.dial for verdict in verdicts} == {Dial(Send.AUTO, 0.14)}
    assert {verdict.verifiers for verdict in verdicts} == {(Verifier.BUILT_IN,)}
    assert {topic for verdict in verdicts for topic in verdict.topics} == set(engine.about)


def test_what_the_shipped_pack_shows_in_comments_can_be_used(folder: Path) -> None:
    text = (default_folder() / "topics.yaml").read_text().replace("\n  # ", "\n  ")
    engine = engine_of(folder, text)
    assert ask(engine, "hm", "damage-claim-respond").dial == Dial(Send.DRAFT)
    assert ask(engine, "hm", press=0.9) == TopicVerdict(("press",), Dial(Send.PERSON), "press", (Verifier.BUILT_IN,))


def test_example_of_the_readme_can_be_used(folder: Path) -> None:
    section = (Path(__file__).parents[3] / "README.md").read_text().split("### Dials", 1)[1].split("\n## ", 1)[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    engine = engine_of(folder, "\n".join(lines))
    assert {ask(engine, "hm", *articles).dial.kind for articles in ((), ("damage-claim-host",))} == {Send.AUTO, Send.DRAFT}
    assert ask(engine, "I write for a newspaper").dial.kind is Send.PERSON
