"""How far an action went in a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.types import Proposal


class Step(StrEnum):
    """How a step of an action ends."""

    IDENTIFY = "identify"
    """Who this is isn't known well enough."""
    ASK = "ask"
    DECLINED = "declined"
    """The customer says no."""
    CONFIRM = "confirm"
    DENIED = "denied"
    PENDING = "pending"
    """A person has to say yes first."""
    DONE = "done"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Acted:
    """What a step of an action came to.

    Attributes:
        rule: that decided.
        say: id of the text for the customer.
        values: for its places.
        proposal: what waits for the customer's word, or a person's; of a call that was begun what it was begun for.
        choices: of the argument that is asked for, if they are known.
        said_more: the customer has written more than the yes that it began with.
    """

    step: Step
    action: str
    rule: str
    say: str
    values: Mapping[str, Any]
    proposal: Proposal | None = None
    choices: tuple[str, ...] = ()
    said_more: bool = False
