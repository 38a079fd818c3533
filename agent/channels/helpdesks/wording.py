"""An outcome in the words that a helpdesk shows: the reply with its sources, the proposal, the hand-over note. Pure."""

import html
from dataclasses import replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.channels.helpdesks.marks import without_marks
from agent.channels.helpdesks.note_rulings import APPROVE, DECLINE
from agent.channels.helpdesks.plain import plain, without_tables
from agent.channels.helpdesks.types import Words
from agent.types import OutboxEntry, Outcome
from knowledge.markdown_parser import markdown_parser

_HOW = (
    f"To have it sent, and done what it speaks of, write an internal note that begins with `{APPROVE}`, before anybody takes the "
    f"ticket; with `{DECLINE}` it is dropped and handed over. Or answer the customer yourself."
)


def reply(outcome: Outcome, mark: str) -> Words:
    """What the customer reads: the answer, what it rests on, and the reference by which we find it again."""
    return _words([outcome.answer, *_sources(outcome)], mark)


def proposal(outcome: Outcome, mark: str, *, notes_decide: bool = False) -> Words:
    """An internal note with a reply that a person may send. `notes_decide`: says by which note it is sent."""
    head = (
        f"**Proposed reply, not sent.** {outcome.reason[:1].upper()}{outcome.reason[1:]} (confidence {outcome.confidence:.0%})."
    )
    about = [outcome.summary] if outcome.summary else []
    how = [_HOW] if notes_decide else []
    return _words([head, *about, *how, "---", outcome.answer, *_sources(outcome)], mark)


def notice(outcome: Outcome, mark: str) -> Words:
    """What the customer reads while a reply waits for a person."""
    return _words([outcome.notice or ""], mark)


def handover(outcome: Outcome, mark: str) -> Words:
    """An internal note for the person who takes over."""
    place = [f"Meant for: {outcome.queue}."] if outcome.queue else []
    words = _words(
        [
            f"**Handed over by the AI assistant.** {outcome.reason[:1].upper()}{outcome.reason[1:]}.",
            outcome.summary or "",
            *place,
        ],
        mark,
    )
    return replace(words, meant_for=outcome.queue)


def passed_on(text: str, mark: str) -> Words:
    """An internal note with what a customer wrote elsewhere."""
    return _words(["**The customer writes in the chat:**", text], mark)


def subject(entry: OutboxEntry) -> str:
    """A line for a ticket that is opened for somebody who has none."""
    asked = (entry.outcome.summary or "").partition("\n")[0].removeprefix("Customer asks: ").strip()
    return _sound(asked or "A customer asks for a person")[:120]


def _sources(outcome: Outcome) -> list[str]:
    """A paragraph that lists the cited articles, each once."""
    numbers: dict[str, list[int]] = {}
    for c in outcome.citations:
        numbers.setdefault(c.title + (f" – {c.url}" if c.url else ""), []).append(c.n)
    lines = [f"{' '.join(f'[{n}]' for n in ns)} {article}" for article, ns in numbers.items()]
    return ["\n".join(lines)] if lines else []


def _words(parts: list[str], mark: str) -> Words:
    # A customer's words are quoted in some; a mark in them must not count as ours.
    parsed = [_parser().parse(_sound(without_marks(part))) for part in parts if part.strip()]
    rendered = "".join(_html(tokens) for tokens in parsed)
    ref = f"Ref. {mark}"
    return Words(
        text="\n\n".join([*map(plain, parsed), ref]),
        html=f"{rendered}<p><small>{html.escape(ref)}</small></p>",
        markdown="\n\n".join([*map(without_tables, parsed), ref]),
    )


def _sound(text: str) -> str:
    """Half of a surrogate pair, which JSON may carry and UTF-8 may not, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _html(tokens: list[Token]) -> str:
    for token in tokens:
        token.attrs.pop("style", None)  # of a column that stands to the right
    return str(_parser().renderer.render(tokens, _parser().options, {}))


@cache
def _parser() -> MarkdownIt:
    # Links and images stay the text that they are written as: what a model writes must not lead anywhere.
    disabled = ("link", "image", "autolink", "reference", "lheading", "html_inline", "html_block")
    parser = markdown_parser(disabled=disabled, html=False, breaks=True)
    parser.add_render_rule("heading_open", lambda *_: "<p><strong>")
    parser.add_render_rule("heading_close", lambda *_: "</strong></p>\n")
    return parser
