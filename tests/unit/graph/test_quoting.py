from pathlib import Path

from agent.graph.quoting import MAX_QUOTE_WORDS, blocks, document_quotes
from knowledge.chunk import split
from knowledge.sources.files import read_sources
from knowledge.types import Audience, Document, DocumentId, Passage, PassageId
from tests.fakes import HashedWordsEmbedder

EMBEDDER = HashedWordsEmbedder()
TABLE = "| When you cancel | Refund |\n|---|---|\n| 14 days before | 100% |\n| 7 days before | 75% |"


def sample_passages() -> list[Passage]:
    folder = Path(__file__).parents[3] / "knowledge" / "samples" / "help_centre" / "cancellations"
    return [p for d in read_sources([folder]) if isinstance(d, Document) for p in split(d)]


def of_text(text: str, *headings: str, place: int = 0) -> Passage:
    return Passage(PassageId(f"p{place}"), DocumentId("d"), "1", place, "House", headings, text, Audience.PUBLIC)


def best_quote(question: str, text: str) -> str:
    """The one block of a text that answers best; empty if there is none."""
    return "".join(quote.text for quote in document_quotes(EMBEDDER, [question], [of_text(text)], most=1))


def test_block_that_answers_is_quoted() -> None:
    text = "Linen is in the cupboard.\n\nA dog costs €12 per night.\n\nThe router is in the hall, beside the door."
    [quote] = document_quotes(EMBEDDER, ["what does a dog cost per night"], [of_text(text)], most=1)
    assert (quote.place, quote.text) == (0, "A dog costs €12 per night.")
    assert quote.closeness > 0.5


def test_block_under_the_heading_that_is_asked_for_is_quoted() -> None:
    passages = [of_text("Trees and roads.", "Other events"), of_text("Strikes and storms.", "Events not covered", place=1)]
    [quote] = document_quotes(EMBEDDER, ["which events are not covered"], passages, most=1)
    assert quote.text == "Strikes and storms."


def test_a_follow_up_is_answered_by_what_the_question_before_did_not_ask() -> None:
    passages = [of_text("A dog costs €12."), of_text("A cat costs nothing.", place=1)]
    [quote] = document_quotes(EMBEDDER, ["what does a dog cost\nand a cat", "and a cat"], passages, most=1)
    assert quote.text == "A cat costs nothing."


def test_quotes_come_in_reading_order_and_neighbours_are_one() -> None:
    found = of_text("The gate opens at 16:00.\n\nA code opens the gate.\n\nTowels lie upstairs.", place=3)
    passages = [found, of_text("The gate opens inwards.", place=1)]
    quotes = document_quotes(EMBEDDER, ["when does the gate open"], passages, most=3)
    assert {q.nearest for q in quotes} == {"The gate opens inwards.", "A code opens the gate."}
    assert [(q.place, q.text) for q in quotes] == [
        (1, "The gate opens inwards."),
        (0, "The gate opens at 16:00.\n\nA code opens the gate."),
    ]


def test_list_keeps_its_lead_in() -> None:
    text = "Keys are in the box.\n\nYou must bring:\n\n- your passport\n- the deposit of €100"
    quote = best_quote("how high is the deposit", text)
    assert quote.startswith("You must bring:")
    assert "- the deposit of €100" in quote


def test_table_is_one_block_with_its_header() -> None:
    quote = best_quote("refund when I cancel 7 days before", f"Hello there.\n\n{TABLE}\n\nSee you soon.")
    assert quote == TABLE


def test_long_table_is_cut_to_its_best_rows_and_stays_a_table() -> None:
    rows = "\n".join(f"| Region number {n} with many words in its long name | fee of {n} euros |" for n in range(40))
    table = f"| Region | Fee |\n|---|---|\n{rows}\n| Atlantis under the sea | pearls |"
    quote = best_quote("fee in atlantis pearls", table)
    lines = quote.splitlines()
    assert lines[:2] == ["| Region | Fee |", "|---|---|"]
    assert "| Atlantis under the sea | pearls |" in lines
    assert len(quote.split()) <= MAX_QUOTE_WORDS


def test_long_paragraph_is_cut_to_whole_sentences() -> None:
    filler = " ".join(f"House number {n} has a red roof and a green door with a bell." for n in range(15))
    quote = best_quote("dragon egg price", f"{filler} A dragon egg has the price of €9. {filler}")
    assert "A dragon egg has the price of €9." in quote
    assert len(quote.split()) <= MAX_QUOTE_WORDS


def test_nothing_to_quote() -> None:
    assert best_quote("anything", "  \n ") == ""
    assert blocks("") == []


def test_quote_is_made_of_whole_pieces_of_sample_passages() -> None:
    for passage in sample_passages():
        quote = best_quote("how much refund do I get", passage.text)
        assert quote.strip()
        assert len(quote.split()) <= MAX_QUOTE_WORDS
        lines = [line for line in quote.splitlines() if line.strip()]
        assert all(line in passage.text for line in lines), passage.passage_id
        if "|--" in passage.text and lines[0].startswith("|"):
            assert lines[1].startswith("|--"), passage.passage_id


def test_a_line_that_only_introduces_is_not_quoted_alone() -> None:
    lone = "Codes of PIN problems are these:"
    assert best_quote("codes of PIN problems", lone) == ""
    assert best_quote("codes of PIN problems", f"Reset the PIN in the app.\n\n{lone}") == "Reset the PIN in the app."


def test_bold_heading_of_a_small_section_stays_with_its_text() -> None:
    text = "Pets are welcome.\n\n**What is not allowed**\n\n- Snakes"
    assert best_quote("can I bring snakes", text) == "**What is not allowed**\n\n- Snakes"
