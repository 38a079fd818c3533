from pathlib import Path

import pytest

from policies.errors import RulesInvalid
from policies.load import load_pack
from policies.topics import read_dial
from policies.types import Dial, Send
from tests.unit.policies.conftest import TOPICS

FORMS = "write `person` (always handed over), `draft` (proposed to a person first) or `{auto: at most 1% wrong}`"


@pytest.mark.parametrize(
    ("written", "dial"),
    [
        ("person", Dial(Send.PERSON)),
        ("draft", Dial(Send.DRAFT)),
        ({"auto": "at most 1% wrong"}, Dial(Send.AUTO, 0.01)),
        ({"auto": "at most 0.5% wrong"}, Dial(Send.AUTO, 0.005)),
        ({"auto": "at most 0.7% wrong"}, Dial(Send.AUTO, 0.007)),
        ({"auto": " at most 50% wrong "}, Dial(Send.AUTO, 0.5)),
    ],
)
def test_dial_is_read_from_words(written: object, dial: Dial) -> None:
    assert read_dial(written) == dial


def problems(folder: Path, topics: str) -> tuple[str, ...]:
    (folder / "topics.yaml").write_text(topics)
    with pytest.raises(RulesInvalid) as caught:
        load_pack(folder)
    return caught.value.problems


@pytest.mark.parametrize(
    "dial",
    [
        "auto",
        "send",
        "1",
        "true",
        "[draft]",
        "{draft: yes}",
        "{auto: 1%}",
        "{auto: 1}",
        "{auto: }",
        "{auto: at most 1 wrong}",
        "{auto: at most one% wrong}",
        "{auto: at most 0% wrong}",
        "{auto: at most 0.0% wrong}",
        "{auto: at most -1% wrong}",
        "{auto: at most 50.01% wrong}",
        "{auto: at most 1e1% wrong}",
        "{auto: at most ١% wrong}",
        "{auto: at most 1% wrong, draft: yes}",
    ],
)
def test_anything_else_is_no_dial_and_the_forms_are_shown(folder: Path, dial: str) -> None:
    (found,) = problems(folder, TOPICS.replace("    dial: draft\n", f"    dial: {dial}\n"))
    line = TOPICS[: TOPICS.index("    dial: draft\n")].count("\n") + 1
    assert found.startswith(f"{folder}/topics.yaml:{line}: topics[1].dial: `")
    assert FORMS in found


def test_misspelt_dial_names_the_nearest(folder: Path) -> None:
    (found,) = problems(folder, TOPICS.replace("dial: draft", "dial: drafts"))
    assert f"`drafts` is no dial (did you mean draft?); {FORMS}" in found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    dial: draft", "    dial:", "the dial is empty; write `person`"),
        ("  dial: {auto: at most 2% wrong}", "  dial: {auto: all}", "otherwise.dial: `{auto: all}` is no dial"),
        ("    about: Journalists", "    abuot: Journalists", "topics[2].abuot: unknown key; did you mean about?"),
        ("        threshold: 0.6\n        but", "        treshold: 0.6\n        but", "unknown key; did you mean threshold?"),
        ("    queue: newsroom", "    que: newsroom", "topics[2].que: unknown key; did you mean queue?"),
        ("    queue: newsroom", "    queue: News room", "topics[2].queue: String should match pattern"),
        ("    verifiers: [built_in, judge]", "    verifiers: [judge]", "in the order of their work; write [built_in, judge]"),
        ("    verifiers: [built_in, judge]", "    verifiers: [judge, built_in]", "write [built_in, judge]"),
        ("    verifiers: [built_in, judge]", "    verifiers: [built_in, built_in]", "write [built_in]"),
        ("    verifiers: [built_in, judge]", "    verifiers: []", "`built_in` must be there"),
        ("    verifiers: [built_in, judge]", "    verifiers: [built_in, jury]", "'built_in', 'cross_encoder' or 'judge'"),
        ("    articles: [invoices, vat-invoices]", "    articles: []", "topics[3].articles: Tuple should have at least 1 item"),
        ("    articles: [invoices, vat-invoices]", "    articles: [*-invoices]", "is not valid YAML"),
        ("      - pattern: '\\brefunds?\\b'", "      - pattern: '(refund'", "not a regular expression"),
        ("      - examples: [what do I get back]\n        threshold: 0.6", "      - examples: [x]", "`threshold` belongs to"),
        ("  - id: press", "  - id: claims", "topics[2].id: `claims` is already used in topics.yaml; rename one"),
        ("  - id: press", "  - id: safety", "topics[2].id: `safety` is already used in escalation.yaml; rename one"),
        ("  - id: press", "  - id: plain_words", "`plain_words` is already used in guidelines/tone.yaml; rename one"),
        ("  - id: press", "  - id: otherwise", "stands for every question that no topic claims; give the topic another id"),
        ("topics:", "topic:", "topic: unknown key; did you mean topics?"),
    ],
)
def test_mistake_is_named_with_its_line(folder: Path, old: str, new: str, said: str) -> None:
    assert old in TOPICS
    line = TOPICS[: TOPICS.index(old)].count("\n") + 1
    found = problems(folder, TOPICS.replace(old, new, 1))
    assert any(said in p and p.startswith(f"{folder}/topics.yaml:{line}: ") for p in found), found


@pytest.mark.parametrize("old", ["    dial: person\n", "    dial: {auto: at most 0.5% wrong}\n", "    about: Papers\n"])
def test_missing_key_is_named(folder: Path, old: str) -> None:
    (found,) = problems(folder, TOPICS.replace(old, "", 1).replace("    queue: newsroom\n", ""))
    assert f"`{old.split(':')[0].strip()}` is missing; add it" in found


def test_missing_otherwise_is_named(folder: Path) -> None:
    found = problems(folder, TOPICS[TOPICS.index("topics:") :])
    assert found == (f"{folder}/topics.yaml:1: `otherwise` is missing; add it",)


def test_topic_that_can_claim_nothing_is_a_mistake(folder: Path) -> None:
    (found,) = problems(folder, TOPICS.replace("    articles: [invoices, vat-invoices]\n", ""))
    line = TOPICS[: TOPICS.index("  - id: invoices")].count("\n") + 1
    assert found == (f"{folder}/topics.yaml:{line}: topics[3]: the topic can claim nothing; give it `any`, `articles` or both")


def test_queue_belongs_to_a_person(folder: Path) -> None:
    (found,) = problems(folder, TOPICS.replace("dial: person", "dial: draft"))
    line = TOPICS[: TOPICS.index("    queue: newsroom")].count("\n") + 1
    assert found.startswith(f"{folder}/topics.yaml:{line}: topics[2].queue: this says where `person` sends a question")


@pytest.mark.parametrize(
    ("name", "said"),
    [("topics.yml", "would not be read; name it topics.yaml"), ("topic.yaml", "unknown file; did you mean topics.yaml?")],
)
def test_file_of_another_name_is_a_mistake(folder: Path, name: str, said: str) -> None:
    (folder / name).write_text(TOPICS)
    with pytest.raises(RulesInvalid) as caught:
        load_pack(folder)
    assert caught.value.problems == (f"{folder}/{name}: {said}",)
