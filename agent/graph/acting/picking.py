"""Which action a customer asks for, in a model's opinion: the prompt, and what comes back. Pure.

What comes back is an opinion and no more: see `agent.graph.acting.quotes` for what of it counts.
"""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agent.completions import Prompt, Task
from agent.graph.prompting import REWRITE_TOKENS, fence, fill, read_template, transcript
from agent.model_profiles import ModelProfile, estimate_tokens
from agent.types import Message
from policies.action_parts import Argument
from policies.actions import Action

PICK_TOKENS = REWRITE_TOKENS
"""A turn asks for an action or for a question to search with, never for both: what is left to one is left to the other."""
NONE = "none"
MAX_QUOTE_CHARS = 160
MAX_VALUE_CHARS = 80
_CONVERSATION_TOKENS = 300
_MESSAGE_TOKENS = 200
_ACTION_TOKENS = 80
_OUTPUT_TOKENS = 220
_MOST_SHOWN = 6
_FENCE = re.compile(r"^```\w*\s*|\s*```$")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Quoted:
    """What the model says that the customer has named, and the customer's words that it says name it."""

    quote: str
    value: str


@dataclass(frozen=True, slots=True)
class Picked:
    """What the model says. `action` is one of those that it was shown, or None if the customer asks for none."""

    action: str | None
    arguments: Mapping[str, Quoted] = field(default_factory=dict)


def pick_prompt(
    profile: ModelProfile, actions: Sequence[Action], conversation: Sequence[Message], today: dt.date
) -> tuple[tuple[str, ...], Prompt]:
    """Ask which of the actions the customer's latest messages ask for. Ids of those that are shown, and the prompt.

    At most `PICK_TOKENS`, by estimate. Those that are shown stand in the order of their ids: the next turn's prompt begins alike.

    Args:
        profile: of the model that is asked.
        actions: nearest first; what doesn't fit is left out from the end.
        conversation: oldest first; internal notes are left out.
        today: of the company's calendar.
    """
    system, _, user = read_template("act.md").partition("\n---\n")
    said = transcript([m for m in conversation if m.visible and m.text.strip()], _CONVERSATION_TOKENS, _MESSAGE_TOKENS)
    values = {"conversation": said, "today": f"{today:%A} {today.isoformat()}", "actions": ""}
    left = min(PICK_TOKENS, profile.context_tokens - _OUTPUT_TOKENS) - estimate_tokens(system + fill(user, values))
    shown: dict[str, tuple[Action, str]] = {}
    for action in actions:
        block = _block(action)
        left -= estimate_tokens(block) + 1
        if left < 0:
            break
        shown[action.id] = (action, block)
    ordered = [shown[action_id] for action_id in sorted(shown)]
    values["actions"] = "\n".join(block for _, block in ordered)
    prompt = Prompt(
        messages=(("system", system), ("user", fill(user, values).strip())),
        max_tokens=min(profile.max_output_tokens, _OUTPUT_TOKENS),
        schema=_schema([action for action, _ in ordered]),
        temperature=0.0,
        task=Task.ACT,
    )
    return tuple(sorted(shown)), prompt


def read_pick(text: str, shown: Sequence[str]) -> Picked | None:
    """What a completion says. Never raises: None if it is not of that shape, or names an action that was not shown."""
    try:
        wire = _WirePick.model_validate(json.loads(_FENCE.sub("", text.strip())))
    except (ValueError, RecursionError):  # not JSON, or (ValidationError) not of that shape
        return None
    if wire.action == NONE:
        return Picked(None)
    if wire.action not in shown:
        return None
    return Picked(wire.action, {name: Quoted(one.quote, one.value) for name, one in wire.arguments.items()})


def _block(action: Action) -> str:
    lines = [f'<action id="{action.id}">', fence(_one_line(action.about))[:120]]
    lines += [f"- {name}: {fence(_kind(argument))}" for name, argument in list(action.arguments.items())[:_MOST_SHOWN]]
    text = "\n".join(lines)
    while len(lines) > 2 and estimate_tokens(text) > _ACTION_TOKENS:
        text = "\n".join(lines := lines[:-1])
    return f"{text}\n</action>"


def _kind(argument: Argument) -> str:
    if argument.type != "text":
        return argument.type
    return f"like {argument.pattern}" if argument.pattern is not None else f"one of {', '.join(argument.only)}"


def _schema(actions: Sequence[Action]) -> Mapping[str, object]:
    """Everything in it is bounded. The quote comes first: a model that has copied it says what it read."""
    names = dict.fromkeys(name for action in actions for name in action.arguments)
    value = {
        "type": "object",
        "properties": {
            "quote": {"type": "string", "maxLength": MAX_QUOTE_CHARS},
            "value": {"type": "string", "maxLength": MAX_VALUE_CHARS},
        },
        "required": ["quote", "value"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "action": {"enum": [*(action.id for action in actions), NONE]},
            "arguments": {"type": "object", "properties": dict.fromkeys(names, value), "additionalProperties": False},
        },
        "required": ["action", "arguments"],
        "additionalProperties": False,
    }


class _WireQuoted(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    quote: Annotated[str, Field(max_length=10_000)]
    value: Annotated[str, Field(max_length=10_000)]


class _WirePick(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    action: str
    arguments: dict[str, _WireQuoted] = {}


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
