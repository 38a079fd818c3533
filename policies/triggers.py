"""The shape of a trigger in `escalation.yaml`: a hard rule, and what it may count. Pure."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, field_validator, model_validator

from policies.condition import Condition, Identifier, Strict, one_examples
from policies.types import Action, Facts

MOST = 20
"""No trigger counts further."""
_KINDS = ("pattern", "examples", "unanswered", "repeated", "tool_failures")
_COUNTED = _KINDS[2:]


def looked_back(times: int) -> int:
    """So many of the customer's messages are looked at, the latest included, for one that must come `times`: twice as many.

    So a customer who was cross a week ago, and has asked a dozen things since, begins anew.
    """
    return 2 * times


class TriggerCondition(Condition):
    """What a message says, as in every other rule, or a number that the conversation has come to.

    Attributes:
        unanswered: so many replies of ours in a row were no answer: we asked back, or refused. A question of ours about an
            action, such as for its confirmation, is none of them and ends the row.
        repeated: so many of the customer's latest messages, this one included, ask the same in nearly the same words
            (`policies.repeats`). `looked_back` of them are looked at.
        tool_failures: so many calls of the company's systems have failed in the conversation, one of them while this very
            message was worked on: no answer in time, or nobody there. A system that says no has not failed.
    """

    unanswered: Annotated[StrictInt, Field(ge=1, le=MOST)] | None = None
    repeated: Annotated[StrictInt, Field(ge=2, le=MOST)] | None = None
    tool_failures: Annotated[StrictInt, Field(ge=1, le=MOST)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "TriggerCondition":
        given = [kind for kind in _KINDS if getattr(self, kind) not in (None, ())]
        if len(given) != 1:
            named = ", ".join(f"`{kind}`" for kind in _KINDS)
            raise ValueError(f"a condition has one of {named}; give one of them, and each other one a line of its own")
        self._check_examples()
        return self

    @property
    def counts(self) -> bool:
        """Whether it says a number, and nothing of the message."""
        return any(getattr(self, kind) is not None for kind in _COUNTED)

    def is_reached(self, facts: Facts) -> bool:
        """Whether the conversation has come to the number; False for a condition that says none."""
        return any(so_far >= needed for _, so_far, needed in self.numbers(facts))

    def numbers(self, facts: Facts) -> tuple[tuple[str, int, int], ...]:
        """Its kind, how far the conversation has come, and how far it must come; nothing for a condition that says no number."""
        if self.unanswered is not None:
            return (("unanswered", facts.unanswered, self.unanswered),)
        if self.repeated is not None:
            near = sum(ago < looked_back(self.repeated) for ago in facts.asked_before)
            return (("repeated", near + 1, self.repeated),)
        if self.tool_failures is not None:
            return (("tool_failures", facts.tool_failures, self.tool_failures),)
        return ()


class Trigger(Strict):
    """A hard rule: when one of `any` holds, `action` happens, whatever a model would say.

    Attributes:
        action: `handoff` and `refuse` end the turn. `offer` does not: `say` stands behind the reply, once in a conversation;
            who then writes no more than "yes", or "a person, please", is handed to one.
        after: it is set off only by the message with which one of `any` has held for so many of the customer's latest
            messages, in a row or not; `looked_back` of them are looked at. What is written in one go is one message.
        queue: where it is handed to.
        say: id of the approved text.
    """

    id: Identifier
    any: tuple[TriggerCondition, ...] = Field(min_length=1)
    after: Annotated[StrictInt, Field(ge=2, le=MOST)] | None = None
    action: Literal[Action.HANDOFF, Action.REFUSE, Action.OFFER]
    queue: Identifier | None = None
    priority: Literal["urgent", "high", "normal"] = "normal"
    say: Identifier

    _examples_once = field_validator("any")(one_examples)

    @model_validator(mode="after")
    def _counts_once(self) -> "Trigger":
        if self.after is not None and any(condition.counts for condition in self.any):
            raise ValueError(
                f"`after` counts messages, and {', '.join(f'`{kind}`' for kind in _COUNTED)} count by themselves; "
                "leave out `after`, or make two triggers of it"
            )
        return self
