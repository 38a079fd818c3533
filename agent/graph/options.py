"""What a customer is given to pick: a yes or a no, or one of a numbered list of articles; and what a reply picks. Pure."""

import re
from collections.abc import Sequence

from agent.graph.acting.consent import PLAIN
from agent.types import Outcome
from policies.rule import language_of

_OPTION = re.compile(r"^([1-9])\. (.+?)\s*$", re.MULTILINE)
_PLACES = {
    **{word: n for n, words in enumerate(("1 one first", "2 two second", "3 three third"), 1) for word in words.split()},
    **{f"{n}{end}": n for n, end in ((1, "st"), (2, "nd"), (3, "rd"))},
}
_PICK = re.compile(
    r"\W*(?:(?:it's|it is|its|i mean|i meant|option|number|no|nr|the)\W+)*(\w+)(?:\W+(?:one|option|please|thanks|thank you))*\W*",
    re.IGNORECASE,
)


def listed(lead: str, question: str, titles: Sequence[str]) -> str:
    """The question to the customer, behind what it may be about."""
    if not titles:
        return question
    lines = "\n".join(f"{n}. {title}" for n, title in enumerate(titles, 1))
    return f"{lead}\n\n{lines}\n\n{question}"


def offered(outcome: Outcome) -> tuple[str, ...]:
    """What may be answered to a question by a press of a button: the words that are said then."""
    proposal = outcome.proposal
    if proposal is None:
        return listed_titles(outcome.answer)
    return PLAIN.get(language_of(outcome.language), ()) if proposal.asked is None else ()


def listed_titles(question: str) -> tuple[str, ...]:
    """The titles that a question lists, in order; none if it lists no more than one."""
    titles = tuple(title for _, title in _OPTION.findall(question))
    return titles if len(titles) > 1 else ()


def chosen_option(question: str, reply: str) -> str | None:
    """The title that a reply such as "2" or "the second one" picks of those that the question listed."""
    known = {int(n): title for n, title in _OPTION.findall(question)}
    picked = _PICK.fullmatch(reply)
    return known.get(_PLACES.get(picked[1].lower(), 0)) if picked and len(known) > 1 else None
