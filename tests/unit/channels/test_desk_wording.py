"""An outcome in a helpdesk's words: as plain text, as Markdown without tables, as HTML."""

import pytest

from agent.channels.helpdesks import wording
from agent.channels.helpdesks.types import Words
from agent.types import (
    Citation,
    ConversationId,
    Decision,
    DocumentId,
    MessageId,
    OutboxEntry,
    OutboxId,
    Outcome,
    PassageId,
    PolicyTrace,
    RunId,
)

MARK = "IK-0123456789AB"
REF = f"\n\nRef. {MARK}"
FEES = "| Plan | Price |\n|:--|--:|\n| Basic | **5 €** |\n| Plus | 9 € |"


def outcome(answer: str, decision: Decision = Decision.ANSWER, **more: object) -> Outcome:
    return Outcome(decision, answer, "it is asked", "en", PolicyTrace("1", "0" * 64), **more)  # type: ignore[arg-type]


def said(answer: str) -> Words:
    words = wording.reply(outcome(answer), MARK)
    for one in (words.text, words.markdown or ""):
        assert one.endswith(REF.strip())
    return words


def text(answer: str) -> str:
    return said(answer).text.removesuffix(REF)


def markdown(answer: str) -> str:
    return (said(answer).markdown or "").removesuffix(REF)


def test_a_table_is_a_line_for_each_row_in_text_and_a_table_in_html() -> None:
    words = said(f"Our fees:\n\n{FEES}\n\nAsk us. [1]")
    assert words.text == f"Our fees:\n\nPlan: Basic; Price: 5 €\nPlan: Plus; Price: 9 €\n\nAsk us. [1]{REF}"
    assert words.markdown == f"Our fees:\n\nPlan: Basic; Price: **5 €**\nPlan: Plus; Price: 9 €\n\nAsk us. [1]{REF}"
    assert "<th>Plan</th>" in words.html
    assert "<td><strong>5 €</strong></td>" in words.html
    assert "style" not in words.html


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("| Size |\n|--|\n| S |\n| M |", "Size: S\nSize: M"),
        ("| A | B |\n|--|--|\n| x \\| y | `p \\| q` |", "A: x | y; B: p | q"),
        ("| A: | |\n|--|--|\n| x | y |", "A: x; y"),
        ("| A | B | C |\n|--|--|--|\n| x | | z |\n| | | |\n| v |", "A: x; C: z\nA: v"),
        ("| A | B |\n|--|--|", "A; B"),
        ("A | B\n--|--\nx | y", "A: x; B: y"),
        ("| الخطة | السعر |\n|--|--|\n| أساسية | 5 € |", "الخطة: أساسية; السعر: 5 €"),
        ("> | A | B |\n> |--|--|\n> | x | y |", "> A: x; B: y"),
    ],
)
def test_any_table(table: str, lines: str) -> None:
    assert text(table) == lines


def test_a_table_in_a_list_stays_in_its_item() -> None:
    told = "1. Fees\n\n   | Plan | Price |\n   |--|--|\n   | Basic | 5 € |\n   | Plus | 9 € |\n\n2. Then **pay**."
    lines = "1. Fees\n\n   Plan: Basic; Price: 5 €\n   Plan: Plus; Price: 9 €\n\n2. Then {}."
    assert text(told) == lines.format("pay")
    assert markdown(told) == lines.format("**pay**")
    assert text("- | A | B |\n  |--|--|\n  | x | y |") == "- A: x; B: y"


@pytest.mark.parametrize(
    ("answer", "plainly"),
    [
        ("You get **half** back, __surely__. [1]", "You get half back, surely. [1]"),
        ("Press `Cancel` *once*: 2*3*4.", "Press Cancel *once*: 2*3*4."),
        ("one\ntwo\\\nthree", "one\ntwo\nthree"),
        ("Bring:\n- a **towel**\n- shoes\n  - old ones\n  - new", "Bring:\n\n- a towel\n- shoes\n  - old ones\n  - new"),
        ("3. three\n4. four", "3. three\n4. four"),
        ("9) nine\n\n10) ten\n\n    more", "9) nine\n\n10) ten\n\n    more"),
        ("> **as** said", "> as said"),
        ("```sh\nrun **it**\n```\n\n---\n\nend", "run **it**\n\n---\n\nend"),
        ("## Fees\nThey are low.", "Fees\n\nThey are low."),
        ("[x](http://a.example) ![y](http://a.example/y.png) <http://a.example> <b>z</b>", None),
        ("a \\* b &lt; c", "a * b < c"),
        ("https://help.example/a_b_c?x=1&copy=2", None),
        ("- ", "-"),
    ],
)
def test_marks_are_left_out_where_nothing_is_rendered(answer: str, plainly: str | None) -> None:
    assert text(answer) == (answer if plainly is None else plainly)


@pytest.mark.parametrize(
    "answer",
    [
        "You get **half** back, `now` and *here*. [1]",
        "Bring:\n\n- a **towel**\n- shoes\n  - old ones",
        "1. one\n\n   ```\n   x\n   ```\n\n2. two",
        "    indented",
        "> said",
        "a \\* b",
    ],
)
def test_markdown_without_tables_stays_as_it_is(answer: str) -> None:
    assert markdown(answer) == answer


def test_a_heading_is_a_paragraph_in_bold() -> None:
    assert said("## Fees\nThey are low.").html.startswith("<p><strong>Fees</strong></p>\n<p>They are low.</p>")
    assert markdown("## Fees\nThey are low.") == markdown("# **Fees**\nThey are low.") == "**Fees**\n\nThey are low."


@pytest.mark.parametrize("answer", ["*a " * 3000 + "a* " * 3000, "**a " * 3000 + "a** " * 3000, "*" * 6000 + "a" + "*" * 6000])
def test_marks_may_be_nested_as_deep_as_a_customer_likes(answer: str) -> None:
    assert "a" in wording.passed_on(answer, MARK).text


@pytest.mark.parametrize("answer", ["", "|" * 500, "> " * 200, "- " * 200 + "x", "\x00 \ud800", "* * *", "1.", "|a|\n|-|\n" * 50])
def test_any_answer_can_be_said(answer: str) -> None:
    assert said(answer).text


def test_half_a_surrogate_pair_can_be_sent() -> None:
    words = wording.passed_on("a \ud800 b", MARK)
    assert words.text == f"The customer writes in the chat:\n\na ? b{REF}"
    assert "\ud800" not in words.html + (words.markdown or "")
    told = outcome("", Decision.HANDOFF, summary="Customer asks: a \ud800 b\nmore")
    entry = OutboxEntry(OutboxId("o"), ConversationId("w:1"), "w", "1", RunId("r"), MessageId("m"), told, "2026-01-05T09:00:00Z")
    assert wording.subject(entry) == "a ? b"


def test_sources_stand_below_the_answer_each_article_once() -> None:
    def cited(n: int, title: str, url: str | None) -> Citation:
        return Citation(n, DocumentId("d"), PassageId(f"p{n}"), title, url, "half")

    where = "https://help.example/a_b_c"
    citations = (cited(1, "Cancelling", where), cited(2, "Fees", None), cited(3, "Cancelling", where))
    words = wording.reply(outcome("**Half**. [1]", citations=citations), MARK)
    assert words.text == f"Half. [1]\n\n[1] [3] Cancelling – {where}\n[2] Fees{REF}"


def test_a_note_says_at_once_what_it_is() -> None:
    draft = wording.proposal(outcome("You get **half**.", Decision.DRAFT, confidence=0.5), MARK)
    assert draft.text == f"Proposed reply, not sent. It is asked (confidence 50%).\n\n---\n\nYou get half.{REF}"
    head = "**Proposed reply, not sent.** It is asked (confidence 50%)."
    assert draft.markdown == f"{head}\n\n---\n\nYou get **half**.{REF}"
    note = wording.handover(outcome("", Decision.HANDOFF, summary="Customer asks: Refund", queue="billing"), MARK)
    assert note.text == f"Handed over by the AI assistant. It is asked.\n\nCustomer asks: Refund\n\nMeant for: billing.{REF}"
    assert note.meant_for == "billing"
