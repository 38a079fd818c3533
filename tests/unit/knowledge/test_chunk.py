import pytest

from knowledge import chunk
from knowledge.types import Audience, Document, DocumentId


def make(text: str, title: str = "Cancelling") -> Document:
    return Document(DocumentId("cancel"), title, text, Audience.PUBLIC, "cancel.md")


SENTENCE = "Guests who cancel early enough get their whole payment back within five working days. "


def test_ids_derive_from_document_version_and_place():
    document = make("One.\n\n## Two\n\nWhat happens when the second section has more than a few words of its own to say to us?")
    assert [p.passage_id for p in chunk.split(document)] == [f"cancel:{document.version}:0"]
    document = make(f"{SENTENCE * 2}\n\n## Two\n\n{SENTENCE * 2}")
    assert [p.passage_id for p in chunk.split(document)] == [f"cancel:{document.version}:{n}" for n in (0, 1)]


def test_a_passage_knows_its_headings_but_not_the_title():
    document = make(f"# Cancelling\n\n{SENTENCE * 2}\n\n## Refunds\n\n### By *card*\n\n{SENTENCE * 2}")
    assert [p.heading_path for p in chunk.split(document)] == [(), ("Refunds", "By card")]


def test_a_sibling_heading_ends_the_one_before():
    document = make(f"## A\n\n### B\n\n{SENTENCE * 2}\n\n## C\n\n{SENTENCE * 2}")
    assert [p.heading_path for p in chunk.split(document)] == [("A", "B"), ("C",)]


def test_a_long_paragraph_is_cut_between_sentences_into_even_parts():
    passages = chunk.split(make(SENTENCE * 30))
    sizes = [chunk.words(p.text) for p in passages]
    assert max(sizes) <= chunk.LIMIT
    assert max(sizes) - min(sizes) <= 30
    assert all(p.text.endswith("working days.") for p in passages)
    assert " ".join(p.text for p in passages) == (SENTENCE * 30).strip()


def test_a_list_stays_with_its_lead_in():
    text = f"{SENTENCE * 12}\n\nYou get back:\n\n- everything, five days before\n- half, one day before"
    passages = chunk.split(make(text))
    assert passages[-1].text == "You get back:\n\n- everything, five days before\n- half, one day before"


def test_a_list_that_is_cut_says_its_lead_in_again():
    items = "\n".join(f"- item {n}: {SENTENCE}" for n in range(30))
    passages = chunk.split(make(f"You get back:\n\n{items}"))
    assert len(passages) > 2
    assert all(p.text.startswith("You get back:\n\n- item ") for p in passages)
    assert sum(p.text.count("- item ") for p in passages) == 30


def test_a_nested_item_stays_with_its_parent():
    nested = "\n".join(f"- parent {n} {SENTENCE}\n  - child {n} {SENTENCE}" for n in range(12))
    for passage in chunk.split(make(nested)):
        assert passage.text.count("- parent") == passage.text.count("  - child")


def test_a_table_that_is_cut_repeats_its_head():
    rows = "\n".join(f"| {n} days | {SENTENCE.strip()} |" for n in range(30))
    passages = chunk.split(make(f"The table:\n\n| When | What |\n|---|---|\n{rows}"))
    assert len(passages) > 2
    for passage in passages:
        assert passage.text.startswith("The table:\n\n| When | What |\n|---|---|\n| ")
    assert sum(p.text.count(" days |") for p in passages) == 30


def test_a_tiny_section_joins_its_sibling_with_its_heading_in_bold():
    text = f"## Post\n\n{SENTENCE * 2}\n\n## Phone\n\nCall 555 01.\n"
    (only,) = chunk.split(make(text))
    assert only.text.endswith("**Phone**\n\nCall 555 01.")
    assert only.heading_path == ("Post",)


def test_a_tiny_part_of_a_section_joins_it_with_both_headings_in_bold():
    text = f"## Not covered\n\n{SENTENCE * 2}\n\n### Strikes\n\nOf trains."
    (only,) = chunk.split(make(text))
    assert only.text.endswith("**Not covered – Strikes**\n\nOf trains.")


def test_a_tiny_answer_to_a_question_stays_alone():
    text = "## Are pets allowed?\n\nYes, two.\n\n## Is there Wi-Fi?\n\nYes, everywhere."
    assert [p.text for p in chunk.split(make(text))] == ["Yes, two.", "Yes, everywhere."]


def test_a_tiny_introduction_goes_into_the_first_section():
    (only,) = chunk.split(make(f"For guests.\n\n## Refunds\n\n{SENTENCE}"))
    assert only.text == f"For guests.\n\n{SENTENCE.strip()}"
    assert only.heading_path == ("Refunds",)


def test_text_without_spaces_or_sentences_is_still_bounded():
    for text in ("退款" * 2000, "word " * 3000, "これは長い文です。" * 300):
        passages = chunk.split(make(text))
        assert max(chunk.words(p.text) for p in passages) <= 2 * chunk.LIMIT
        assert "".join(p.text for p in passages).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", ["# Only a heading", "---", "<!-- note -->", "[ref]: http://example.com"])
def test_a_document_without_prose_still_gives_one_passage(text: str):
    assert [p.text for p in chunk.split(make(text))] == [text]


def test_hard_breaks_and_code_survive():
    text = "Write to:  \nDesk 1  \n10115 Berlin\n\n```\nGET /x\n```"
    (only,) = chunk.split(make(text))
    assert only.text == text
