"""What differs between two packs: in their files, and in what they decide of the same cases. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from policies.cases import PlacedCase
from policies.engine import PolicyEngine
from policies.schema import Pack
from policies.testing import Reader, decide_action, decide_message, message_facts, shown_amount, shown_dial
from policies.types import Action, Dial

_WHOLE = ("policy", "disclosure", "privacy", "tone", "hours", "knowledge")
"""Parts of a pack that are one thing each."""
_ONLY_ALLOWED = ("topic", "dial", "guidelines", "action")
"""What matters of a message only if it may be answered."""
_SHORT = 120


class How(StrEnum):
    """What became of a rule or a text."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class PackChange:
    """A rule or text that differs. `details` tell what of it, as `limits.per_day: 5000 -> 4000`."""

    how: How
    what: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """A case that the two packs decide otherwise. `details` as those of `PackChange`; `why` is the rule that decides now."""

    name: str
    details: tuple[str, ...]
    why: str


def pack_changes(old: Pack, new: Pack) -> tuple[PackChange, ...]:
    """Which rules and texts were added, removed or changed, in the order of the newer pack."""
    before, after = dict(_things(old)), dict(_things(new))
    found = []
    for name, thing in after.items():
        if name not in before:
            found.append(PackChange(How.ADDED, name))
        elif details := tuple(_details(before[name], thing)):
            found.append(PackChange(How.CHANGED, name, details))
    gone = (PackChange(How.REMOVED, name) for name in before if name not in after)
    return (*found, *gone, *_orders(old, new))


def _orders(old: Pack, new: Pack) -> Iterator[PackChange]:
    """Lists that say the same in another order: of rules that are alike strong the first one decides."""
    for (kind, before), (_, after) in zip(_listed(old), _listed(new), strict=True):
        ids = ([one.id for one in before], [one.id for one in after])
        first, second = ([one for one in these if one in those] for these, those in (ids, ids[::-1]))
        if first != second:
            yield PackChange(How.CHANGED, f"order of {kind}s", (f"{', '.join(first)} -> {', '.join(second)}",))


def case_changes(
    old: tuple[PolicyEngine, Reader], new: tuple[PolicyEngine, Reader], cases: Sequence[PlacedCase]
) -> Iterator[DecisionChange | None]:
    """For each case what is decided otherwise; None for one that is decided alike.

    Args:
        old: a pack's engine, and what reads messages for it.
        new: the same of the other pack.
        cases: what is decided; what they expect is not looked at.
    """
    for placed in cases:
        before, after = _decided(*old, placed), _decided(*new, placed)
        details = tuple(_details(before, after))
        yield DecisionChange(placed.case.name, details, str(after.get("rule", "none"))) if details else None


def _decided(engine: PolicyEngine, reader: Reader, placed: PlacedCase) -> Mapping[str, Any]:
    given = placed.case.given
    if given.message is not None:
        found = decide_message(engine, message_facts(engine, given, reader), given)
    elif given.action in engine.actions:
        try:
            found = decide_action(engine, given)
        except ValueError as error:  # the other pack's argument is an amount, this one's is none
            return {"decision": f"the case can't be judged: {error}"}
        found["amount"] = shown_amount(found["amount"])
    else:
        return {"decision": f"there is no action {given.action}"}
    if given.message is not None and not Action(found["decision"]).goes_on:
        found = {name: value for name, value in found.items() if name not in _ONLY_ALLOWED}
    return {name: shown_dial(value) if isinstance(value, Dial) else value for name, value in found.items()}


def _things(pack: Pack) -> Iterator[tuple[str, Any]]:
    """Everything that has a name, with what it says."""
    for part in _WHOLE:
        yield part, _plain(getattr(pack, part))
    yield "topic otherwise", _plain(pack.topics.otherwise)
    for kind, models in _listed(pack):
        yield from ((f"{kind} {model.id}", _plain(model)) for model in models)
    yield from ((f"text {key}", dict(text)) for key, text in {**pack.escalation.texts, **pack.canned}.items())
    yield from ((f"test {one.case.name}", _plain(one.case)) for one in pack.cases)


def _listed(pack: Pack) -> tuple[tuple[str, Sequence[Any]], ...]:
    return (
        ("trigger", pack.escalation.triggers),
        ("topic", pack.topics.topics),
        ("guideline", pack.guidelines),
        ("action", pack.actions),
    )


def _plain(value: Any) -> Any:
    """A model as a mapping of what differs from what holds if it isn't written; a dial stays one."""
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        defaults = {name: field.get_default(call_default_factory=True) for name, field in type(value).model_fields.items()}
        written = {name: one for name, one in fields.items() if one != defaults[name]}
        return {name: _plain(one) for name, one in {**written, **(value.__pydantic_extra__ or {})}.items()}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _details(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Every value that differs, with the way to it. What is added to a list, or taken from it, is told by itself."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _details(before.get(key), after.get(key), f"{at}.{key}".lstrip("."))
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        gone, come = [one for one in before if one not in after], [one for one in after if one not in before]
        yield from (f"{at}: - {_shown(one)}" for one in gone)
        yield from (f"{at}: + {_shown(one)}" for one in come)
        if not gone and not come:
            yield f"{at}: another order"
    else:
        yield f"{at}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Dial):
        return shown_dial(value)
    if isinstance(value, dict):
        inside = ", ".join(f"{key}: {_shown(one)}" for key, one in value.items())
        value = f"{{{inside}}}"
    text = " ".join(str(value).split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
