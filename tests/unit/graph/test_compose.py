from dataclasses import replace

from agent.graph import compose
from agent.grounding.claims import Claim
from knowledge.types import Hit
from tests.samples import hit, message

HITS = [hit("dogs", "Dogs cost €12.", "Dogs"), hit("cats", "Cats are free.", "Cats")]
DOGS = Claim("Dogs cost €12.", 0, "Dogs cost €12.", 1.0)
CATS = Claim("Cats are free.", 1, "Cats are free.", 1.0)


def test_passages_are_numbered_in_order_of_use() -> None:
    text, citations = compose.answer([CATS, DOGS, CATS], HITS)
    assert text == "Cats are free. [1] Dogs cost €12. [2] Cats are free. [1]"
    assert [(c.n, c.doc_id, c.title) for c in citations] == [(1, "cats", "Cats"), (2, "dogs", "Dogs")]


def test_repeated_quotes_are_cited_once_and_others_joined() -> None:
    other = Claim("Puppies too.", 0, "Puppies cost the same.", 0.9)
    _, citations = compose.answer([DOGS, other, DOGS], HITS)
    assert citations[0].quote == "Dogs cost €12. … Puppies cost the same."


def test_list_and_table_stay_readable_markdown() -> None:
    table = "| Pet | Fee |\n|---|---|\n| Dog | €12 |"
    text, _ = compose.answer([Claim(table, 0, table, 1.0), CATS], HITS)
    assert text == f"{table}\n\n[1]\n\nCats are free. [2]"


def test_number_of_a_paragraph_stands_at_its_end() -> None:
    quote = "Dogs cost €12.\n\nPuppies cost the same."
    text, _ = compose.answer([Claim(quote, 0, quote, 1.0)], HITS)
    assert text == f"{quote} [1]"


def test_list_under_its_lead_in_keeps_its_items() -> None:
    quote = "Bring these:\n- passport\n- money"
    text, _ = compose.answer([Claim(quote, 0, quote, 1.0)], HITS)
    assert text == f"{quote}\n\n[1]"


def quoted(place: int) -> Claim:
    return replace([DOGS, CATS][place], is_quote=True)


def under(doc_id: str, *headings: str) -> Hit:
    found = hit(doc_id, "Strikes.", "Extraordinary events")
    return replace(found, passage=replace(found.passage, heading_path=headings))


def test_a_quote_stands_under_the_heading_that_gives_it_its_meaning() -> None:
    text, citations = compose.answer([replace(quoted(0), text="- Strikes")], [under("events", "Events that are not covered")])
    assert text == "**Extraordinary events – Events that are not covered**\n\n- Strikes [1]"
    assert citations[0].quote == "Dogs cost €12."


def test_a_heading_is_said_once() -> None:
    hits = [under("a"), under("a", "Fees"), under("a", "Fees"), under("b", "Fees")]
    text, _ = compose.answer([replace(quoted(0), hit=n, text=f"Text {n}.") for n in range(4)], hits)
    titles = [line for line in text.splitlines() if line.startswith("**")]
    assert titles == ["**Extraordinary events**", "**Fees**", "**Extraordinary events – Fees**"]


def test_a_small_section_brings_its_own_heading() -> None:
    own = replace(quoted(0), text="**Family**\n\nPoints can be shared.")
    hits = [under("club", "Missing points"), under("club", "Status")]
    assert compose.answer([own], hits)[0] == "**Extraordinary events**\n\n**Family**\n\nPoints can be shared. [1]"
    text, _ = compose.answer([replace(quoted(0), hit=1, text="Gold."), own], hits)
    assert text == "**Extraordinary events – Status**\n\nGold. [1]\n\n**Family**\n\nPoints can be shared. [2]"


def test_words_that_look_like_markup_open_a_paragraph() -> None:
    assert compose.answer([Claim("**Dogs** cost €12.", 0, "q", 1.0)], HITS)[0] == "**Dogs** cost €12. [1]"


def test_summary_names_request_reason_and_articles() -> None:
    text = compose.summary([message("1", text="where is my money")], "rule refund", HITS)
    assert "where is my money" in text
    assert "rule refund" in text
    assert "Dogs; Cats" in text
