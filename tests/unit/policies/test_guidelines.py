"""Guidelines as a support lead writes them: what they may say, and when they apply."""

from pathlib import Path

import pytest

from policies.engine import PolicyEngine
from policies.errors import RulesInvalid
from policies.guidelines import ENOUGH, NEAR, short_of_examples
from policies.load import load_pack
from policies.matching import FIT
from policies.types import Facts
from tests.unit.policies.conftest import TOPICS

HEAD = "guidelines:\n"
STANDING = HEAD + "  - id: plain_words\n    then: Be brief.\n"


def engine_of(folder: Path, text: str, topics: str = "") -> PolicyEngine:
    (folder / "guidelines" / "tone.yaml").write_text(text)
    if topics:
        (folder / "topics.yaml").write_text(topics)
    return PolicyEngine(load_pack(folder))


def applying(engine: PolicyEngine, text: str = "hm", **facts: object) -> list[str]:
    values: dict[str, object] = {"language": "en", "first_message": False, **facts}
    return [one.id for one in engine.guidelines(Facts(text, **values))]  # type: ignore[arg-type]


def rule(more: str) -> str:
    return STANDING + f"  - id: extra\n    then: Do it.\n{more}"


@pytest.mark.parametrize(
    ("only_if", "holds", "fails"),
    [
        ("{languages: [de]}", {"language": "de-AT"}, {"language": "en"}),
        ("{identity: [claimed, verified]}", {"identity": "claimed"}, {"identity": "anonymous"}),
        ("{first_message: true}", {"first_message": True}, {"first_message": False}),
        ("{first_message: false}", {"first_message": False}, {"first_message": True}),
        ("{turns: {at_least: 3}}", {"turn": 3}, {"turn": 2}),
        ("{turns: {at_most: 2}}", {"turn": 2}, {"turn": 3}),
        ("{topics: [refunds]}", {"text": "my refund"}, {"text": "my key"}),
    ],
)
def test_only_if_must_hold(folder: Path, only_if: str, holds: dict[str, object], fails: dict[str, object]) -> None:
    engine = engine_of(folder, rule(f"    only_if: {only_if}\n"), TOPICS)
    assert applying(engine, **holds) == ["plain_words", "extra"]
    assert applying(engine, **fails) == ["plain_words"]


def test_only_if_and_when_must_both_hold(folder: Path) -> None:
    engine = engine_of(folder, rule("    when: {pattern: '\\bkey\\b'}\n    only_if: {languages: [de]}\n"))
    assert applying(engine, "my key", language="de") == ["plain_words", "extra"]
    assert applying(engine, "my key") == applying(engine, "my cat", language="de") == ["plain_words"]


def test_examples_need_no_threshold_and_may_have_one(folder: Path) -> None:
    engine = engine_of(folder, rule("    when: {examples: [a]}\n"))
    assert applying(engine, similarity={"extra": NEAR}) == ["plain_words", "extra"]
    assert applying(engine, similarity={"extra": NEAR - 0.01}) == ["plain_words"]
    strict = engine_of(folder, rule("    when: {examples: [a], threshold: 0.8, but_not: [b]}\n"))
    assert applying(strict, similarity={"extra": 0.79}) == ["plain_words"]
    assert applying(strict, similarity={"extra": 0.8}) == ["plain_words", "extra"]
    assert applying(strict, similarity={"extra": 0.8, "extra/but_not": 0.9}) == ["plain_words"]


def test_what_a_guideline_is_about_is_an_example_unless_patterns_say_it(folder: Path) -> None:
    with_examples = engine_of(folder, rule("    about: the key\n    when: {examples: [a]}\n"))
    assert with_examples.examples()["extra"] == ("a", "the key")
    assert engine_of(folder, rule("    about: the key\n")).examples()["extra"] == ("the key",)
    assert "extra" not in engine_of(folder, rule("    about: the key\n    when: {pattern: key}\n")).examples()


def test_those_that_fit_best_come_first(folder: Path) -> None:
    text = STANDING + "".join(f"  - id: g{n}\n    about: about {n}\n    then: Do {n}.\n" for n in range(3))
    similarity = {"g0": 0.5, "g1": 0.5, "g2": 0.5, "g0" + FIT: 0.3, "g1" + FIT: 0.4, "g2" + FIT: 0.35}
    assert applying(engine_of(folder, text), similarity=similarity) == ["plain_words", "g1", "g2", "g0"]


def test_once_in_a_conversation(folder: Path) -> None:
    engine = engine_of(folder, rule("    once: conversation\n"))
    assert applying(engine) == ["plain_words", "extra"]
    assert applying(engine, used=("plain_words", "extra")) == ["plain_words"]


def test_what_another_may_exclude_is_not_told_in_every_turn(folder: Path) -> None:
    engine = engine_of(folder, rule("    when: {pattern: key}\n    excludes: [plain_words]\n"))
    assert engine.standing == ()
    assert applying(engine) == ["plain_words"]
    assert applying(engine, "key") == ["extra"]


def test_approved_words_come_once_and_in_the_language(folder: Path) -> None:
    text = rule("    when: {pattern: key}\n    say: clarify\n") + "  - id: more\n    when: {pattern: key}\n    say: clarify\n"
    engine = engine_of(folder, text)
    assert applying(engine, "key") == ["plain_words", "extra", "more"]
    assert engine.approved_words(Facts("key", "de", first_message=False)) == ("ein clarify",)
    assert engine.approved_words(Facts("cat", "de", first_message=False)) == ()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("    excludes: [plain_word]\n", "excludes[0]: there is no guideline `plain_word`; did you mean plain_words?"),
        ("    requires: [nothing_alike]\n", "there is no guideline `nothing_alike`; known are plain_words, extra"),
        ("    only_if: {topics: [refunds]}\n", "there is no topic `refunds`; known are none"),
        ("    say: clarifi\n", "say: there is no text `clarifi`; did you mean clarify?"),
        ("    excludes: [extra]\n", "names itself in `excludes` or `requires`; remove that"),
        (
            "    excludes: [plain_words]\n    requires: [plain_words]\n",
            "can never apply: it excludes `plain_words` and requires it",
        ),
        ("    only_if: {}\n", "is empty; give one of topics, languages, identity, first_message, turns, or remove it"),
        ("    only_if: {turns: {at_least: 3, at_most: 2}}\n", "`at_most` must not be less than `at_least`"),
        ("    only_if: {identity: [known]}\n", "Input should be 'anonymous', 'claimed' or 'verified'"),
        ("    once: ever\n", "Input should be 'conversation'"),
        ("    priorty: 3\n", "unknown key; did you mean priority?"),
        ("  - id: idle\n    about: nothing\n", "does nothing; give it `then`, `say` or both"),
    ],
)
def test_a_mistake_is_told_with_its_line(folder: Path, more: str, problem: str) -> None:
    with pytest.raises(RulesInvalid) as caught:
        engine_of(folder, rule(more))
    assert f"{folder}/guidelines/tone.yaml:" in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("more", "counted"),
    [
        ("    about: late\n", 0),
        ("    when: {examples: [late, later]}\n", 2),
        ("    about: late\n    when: {examples: [later]}\n", 1),
        (f"    when: {{examples: [{', '.join(f'late {n}' for n in range(ENOUGH - 1))}]}}\n", ENOUGH - 1),
        (f"    when: {{examples: [{', '.join(f'late {n}' for n in range(ENOUGH))}]}}\n", None),
        ("    when: {examples: [late], threshold: 0.6}\n", None),
        ("    when: [{pattern: late}, {examples: [later]}]\n", None),
        ("    only_if: {first_message: true}\n", None),
    ],
)
def test_few_examples_are_counted_where_nothing_else_finds_the_guideline(folder: Path, more: str, counted: int | None) -> None:
    (folder / "guidelines" / "tone.yaml").write_text(rule(more))
    assert short_of_examples(load_pack(folder).guidelines) == (() if counted is None else (("extra", counted),))


def test_the_readmes_example_can_be_used(folder: Path) -> None:
    section = (Path(__file__).parents[3] / "README.md").read_text().split("\n## Guidelines", 1)[1].split("\n## ", 1)[0]
    example = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))
    named = example.replace("topics: [bookings]", "topics: [refunds]").replace("say: checkout_times", "say: clarify")
    engine = engine_of(folder, named + "\n" + rule("").removeprefix(HEAD).replace("extra", "early_checkin"), TOPICS)
    late = {"similarity": {"late_checkout": 0.6}, "identity": "verified", "turn": 2}
    assert applying(engine, "my refund", **late) == ["plain_words", "late_checkout"]
    assert applying(engine, "my refund", **{**late, "turn": 1}) == ["plain_words", "early_checkin"]
