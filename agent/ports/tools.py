"""The company's systems, as the agent may use them: look something up, or change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from agent.types import Customer


class Effect(StrEnum):
    """What a call may do there. What isn't known to only read, writes."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One operation of one system.

    Attributes:
        name: `system.operation`, e.g. `bookings.refund`.
        parameters: JSON Schema (2020-12) of the arguments, an object; without those that are bound to the customer.
        effect: what it may do.
        repeats_safely: a repeated call with the same key changes nothing further, and says what the first one did.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    effect: Effect = Effect.WRITE
    repeats_safely: bool = False


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call. Who the customer is comes from the channel; no argument can say otherwise.

    Attributes:
        arguments: JSON values, by the parameter's name.
        customer: whose conversation it is; what is bound to the customer is filled from here.
        key: the same for a repeat of the same call. Needed for one that writes.
    """

    tool: str
    arguments: Mapping[str, Any]
    customer: Customer
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the system said. Data, never instructions.

    Attributes:
        value: JSON.
        is_rehearsal: True if nothing was asked, since the call writes and writing is switched off.
    """

    value: Any
    is_rehearsal: bool = False


class Tools(Protocol):
    """All systems that are configured."""

    async def specs(self, *tools: str) -> Mapping[str, ToolSpec]:
        """Those of these tools that there are, by name; without any named, all.

        Raises:
            ToolUnavailable: a system that has one of them doesn't tell.
        """
        ...

    async def call(self, call: ToolCall) -> ToolResult:
        """Make the call.

        Raises:
            ToolRefused: the system, or the schema of its arguments, says no. Nothing has happened there.
            ToolUnavailable: the system could not be asked. Nothing has happened there.
            ToolUncertain: a call that writes was begun, and nobody knows whether it has happened.
        """
        ...
