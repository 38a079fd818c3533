"""Asking back: when a request names too little, how often in a row, and which articles it may be about. Pure."""

from collections.abc import Sequence

from agent.graph.answerability import Answerability, Choice
from agent.graph.evidence import Evidence
from agent.graph.followup import latest_request
from agent.types import Author, Message
from knowledge.terms import content_terms
from knowledge.types import Hit

MOST_IN_A_ROW = 2
FEW_TERMS = 4
"""A request with more content words than that is not asked about again: it has said what it is about.

Of 225 sample requests the weights of `answerability` would ask back at 43 that are longer, and an article answers most of
them; at 9 this short, of which 8 are unclear and one wants a person.
"""
OPTIONS = 3
WORTH_NAMING = 0.1
"""Articles are named from this probability of the evidence on."""


def times_asked(messages: Sequence[Message], texts: Sequence[str]) -> int:
    """How often in a row the assistant has asked back just before the latest request.

    Args:
        messages: the conversation.
        texts: the approved texts to ask back with, in all languages. A message that ends in "?" counts too.
    """
    asked = 0
    for message in reversed(messages):
        if message.author is Author.CUSTOMER:
            continue
        if message.author is not Author.ASSISTANT or not _asks(message.text, texts):
            break
        asked += 1
    return asked


def names_too_little(messages: Sequence[Message], asked: int) -> bool:
    """True if nothing but questions of ours stands before the request, and it has no more than one content word."""
    earlier = [m for m in messages if m.author is Author.CUSTOMER]
    return len(content_terms(latest_request(messages))) <= 1 and len(earlier) <= 1 + asked


def should_ask(
    messages: Sequence[Message], asked: int, evidence: Evidence | None = None, found: Answerability | None = None
) -> bool:
    """True if it is better to ask than to answer or to hand over: too little is said, and there were not two questions yet.

    `evidence` and `found` are None where nothing was looked up.
    """
    if asked >= MOST_IN_A_ROW:
        return False
    if names_too_little(messages, asked):
        return True
    if found is None or found.choice is not Choice.ASK_BACK or (evidence is not None and evidence.sure):
        return False
    return len(content_terms(latest_request(messages))) <= FEW_TERMS


def options(hits: Sequence[Hit], evidence: Evidence | None) -> tuple[str, ...]:
    """Titles of the articles that may be meant, best first; none if there are not two that come near."""
    if evidence is None or evidence.probability < WORTH_NAMING:
        return ()
    titles = dict.fromkeys(" ".join(hits[i].passage.title.split()) for i in evidence.ranking)
    named = tuple(title for title in titles if title)[:OPTIONS]
    return named if len(named) > 1 else ()


def _asks(text: str, texts: Sequence[str]) -> bool:
    return text.rstrip().endswith("?") or any(known in text for known in texts)
