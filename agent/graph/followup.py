"""The texts to search with, when the last message may lean on the ones before it. Pure, no model call."""

import re
from collections.abc import Sequence

from agent.graph.options import chosen_option
from agent.types import Author, Message
from knowledge.terms import content_terms, words

LEANING_TERMS = 3
"""A message with this many content words or fewer is too short to stand by itself after another one."""
MOST = 3
"""So many messages at most make one search text."""

_LEANS = re.compile(
    r"^(and|but|so|or|what about|how about|what if|ok(ay)? (and|but|so)|also|then|und|was ist mit|y|et|e)\b"
    r"|\b(it|that|this|they|them|these|those|there|one|ones|same|else|instead|otherwise|such)\b",
    re.IGNORECASE,
)


def search_texts(messages: Sequence[Message]) -> tuple[str, ...]:
    """What the customer may mean, shortest first: the latest request alone, and with the customer's messages before it.

    Whole conversations drown the question and the last turn alone loses its subject (measured on mtrag_un and
    dstc11_travel), so earlier messages are added only to one that is short or points back, and only as far back as each
    leans on the one before. A short message may still open another subject: which text it is, the passages tell.
    """
    burst, earlier = _split(messages)
    said = ["\n".join(burst)]
    texts = list(said)
    while earlier and leans_back(said[0]) and len(said) < MOST:
        said.insert(0, earlier.pop())
        texts.append("\n".join(said))
    return tuple(texts)


def said_before(messages: Sequence[Message]) -> tuple[str, ...]:
    """What both sides said before the latest request, oldest first."""
    last_reply = _last_reply(messages)
    return tuple(message.text for message in messages[: last_reply + 1])


def asked_before(messages: Sequence[Message]) -> tuple[str, ...]:
    """What the customer said before the latest request and had a reply to, oldest first."""
    return tuple(_split(messages)[1])


def is_follow_up(messages: Sequence[Message]) -> bool:
    """True if the customer had asked something before, and had a reply."""
    return bool(asked_before(messages))


def leans_back(text: str) -> bool:
    """True if the text can't be understood alone: too few content words, or it points back."""
    if len(content_terms(text)) <= LEANING_TERMS:
        return True
    return bool(_LEANS.search(text)) and len(words(text)) <= 14


def latest_request(messages: Sequence[Message]) -> str:
    """What the customer wrote since anyone answered, joined: a burst is one request.

    Where we have listed articles, and the reply is "2" or "the second one", it is that article's title.
    """
    return "\n".join(_split(messages)[0])


def _split(messages: Sequence[Message]) -> tuple[list[str], list[str]]:
    """The customer's messages since the last reply, and those before it."""
    last_reply = _last_reply(messages)
    burst = [m.text for m in messages[last_reply + 1 :]]
    if len(burst) == 1 and last_reply >= 0:
        burst = [chosen_option(messages[last_reply].text, burst[0]) or burst[0]]
    earlier = [m.text for m in messages[: last_reply + 1] if m.author is Author.CUSTOMER]
    return burst, earlier


def _last_reply(messages: Sequence[Message]) -> int:
    """The place of the last message that is not the customer's; -1 if there is none."""
    return max((i for i, m in enumerate(messages) if m.author is not Author.CUSTOMER), default=-1)
