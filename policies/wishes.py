"""Which actions a message may ask for in words that no pattern knows, so that a model is asked which. Pure.

This only decides what a model is shown. Whatever it says then is held to the action's own rules.
"""

from collections.abc import Iterable, Mapping

from policies.actions import Action, Kind
from policies.judging import Judge
from policies.patterns import WINDOW_CHARS
from policies.searching import finditer

LOW = 0.45
"""A message less like each of an action's wishes than this (cosine) asks for nothing.

Of the sample company's 300 questions to its help centre 19% have more with the packaged encoder, which knows English; of 23
wishes in eight languages that were not among those of the pack 74%, and 8 of the 9 English ones.
"""
MOST = 8
"""So many actions are shown to a model at most."""


def wishes_of(action: Action) -> tuple[str, ...]:
    """What a message is compared with."""
    examples = (example for condition in action.when for example in condition.examples)
    return tuple(dict.fromkeys((action.about, *action.wishes, *examples)))


def may_be_named(judge: Judge, identity: str, customer_id: str | None) -> bool:
    """Whether a model may say that this customer asks for an action.

    Only of what is theirs by a rule, so that a wrong reading tells them nothing but their own; and a change only where they are
    asked first. What they couldn't have at all isn't offered.
    """
    action = judge.action
    is_asked_first = action.kind is Kind.LOOK_UP or action.requires.confirm == "explicit"
    return action.owner is not None and is_asked_first and judge.admits(identity, customer_id)


def near_actions(judges: Iterable[Judge], text: str, near: Mapping[str, float]) -> tuple[Judge, ...]:
    """The actions that a model is asked about, nearest first; none for a message that asks for nothing.

    Args:
        judges: those that may be named.
        text: the message.
        near: how near it is to each action's wishes, by its id (cosine).
    """
    known = sorted(judges, key=lambda judge: -near.get(judge.action.id, -1.0))
    is_meant = any(near.get(judge.action.id, -1.0) >= LOW or names_a_thing(judge.action, text) for judge in known)
    return tuple(known[:MOST]) if is_meant else ()


def names_a_thing(action: Action, text: str) -> bool:
    """True if a message has what can only be one of the things that the action is about, e.g. the number of a booking."""
    patterns = (rf"(?<!\w)(?:{one.pattern})(?!\w)" for one in action.arguments.values() if one.pattern is not None)
    read = text[:WINDOW_CHARS]
    try:
        found = [match[0] for pattern in patterns for match in finditer(pattern, read, any_case=True)]
    except TimeoutError:
        return False
    return any(any(c.isdigit() for c in words) for words in found)
