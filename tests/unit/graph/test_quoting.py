from pathlib import Path

from agent.graph.quoting import MAX_QUOTE_WORDS, best_quote, blocks, document_quotes
from knowledge.chunk import split
from knowledge.sources import read_sources
from knowledge.types import Audience, Document, DocumentId, Passage, PassageId
from tests.fakes import HashedWordsEmbedder

EMBEDDER = HashedWordsEmbedder()
TABLE = "| When you cancel | Refund |\n|---|---|\n| 14 days before | 100% |\n| 7 days before | 75% |"


def sample_passages() -> list[Passage]:
    folder = Path(__file__).parents[3] / "knowledge" / "samples" / "help_centre" / "cancellations"
    return [p for d in read_sources([folder]) if isinstance(d, Document) for p in split(d)]


def test_block_that_answers_is_quoted() -> None:
    text = "Linen is in the cupboard.\n\nA dog costs €12 per night.\n\nThe router is in the hall, beside the door."
    quote, closeness = best_quote(EMBEDDER, "what does a dog cost per night", text)
    assert quote == "A dog costs €12 per night."
    assert closeness > 0.5


def test_list_keeps_its_lead_in() -> None:
    text = "Keys are in the box.\n\nYou must bring:\n\n- your passport\n- the deposit of €100"
    quote, _ = best_quote(EMBEDDER, "how high is the deposit", text)
    assert quote.startswith("You must bring:")
    assert "- the deposit of €100" in quote


def test_table_is_one_block_with_its_header() -> None:
    quote, _ = best_quote(EMBEDDER, "refund when I cancel 7 days before", f"Hello there.\n\n{TABLE}\n\nSee you soon.")
    assert quote == TABLE


def test_long_table_is_cut_to_its_best_rows_and_stays_a_table() -> None:
    rows = "\n".join(f"| Region number {n} with many words in its long name | fee of {n} euros |" for n in range(40))
    table = f"| Region | Fee |\n|---|---|\n{rows}\n| Atlantis under the sea | pearls |"
    quote, _ = best_quote(EMBEDDER, "fee in atlantis pearls", table)
    lines = quote.splitlines()
    assert lines[:2] == ["| Region | Fee |", "|---|---|"]
    assert "| Atlantis under the sea | pearls |" in lines
    assert len(quote.split()) <= MAX_QUOTE_WORDS


def test_long_paragraph_is_cut_to_whole_sentences() -> None:
    filler = " ".join(f"House number {n} has a red roof and a green door with a bell." for n in range(15))
    quote, _ = best_quote(EMBEDDER, "dragon egg price", f"{filler} A dragon egg has the price of €9. {filler}")
    assert "A dragon egg has the price of €9." in quote
    assert len(quote.split()) <= MAX_QUOTE_WORDS


def test_nothing_to_quote() -> None:
    assert best_quote(EMBEDDER, "anything", "  \n ") == ("", 0.0)
    assert blocks("") == []


def test_quote_is_made_of_whole_pieces_of_sample_passages() -> None:
    for passage in sample_passages():
        quote, _ = best_quote(EMBEDDER, "how much refund do I get", passage.text)
        assert quote.strip()
        assert len(quote.split()) <= MAX_QUOTE_WORDS
        lines = [line for line in quote.splitlines() if line.strip()]
        assert all(line in passage.text for line in lines), passage.passage_id
        if "|--" in passage.text and lines[0].startswith("|"):
            assert lines[1].startswith("|--"), passage.passage_id


def test_a_line_that_only_introduces_is_not_quoted_alone() -> None:
    lone = Passage(PassageId("p"), DocumentId("d"), "1", 0, "Cards", (), "Codes of PIN problems are these:", Audience.PUBLIC)
    assert document_quotes(EMBEDDER, "codes of PIN problems", [lone], 1) == []
    both = f"Reset the PIN in the app.\n\n{lone.text}"
    assert best_quote(EMBEDDER, "codes of PIN problems", both)[0] == "Reset the PIN in the app."
