"""What the toolbox asks of a system, whatever its kind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from agent.errors import PermanentError, ToolUnavailable


class Doubtful(PermanentError):
    """A call was begun, and what came of it isn't known. Never leaves this room.

    `repeat`: False if a repeat would end the same way.
    """

    def __init__(self, message: str, *, repeat: bool = True) -> None:
        super().__init__(message)
        self.repeat = repeat


@dataclass
class Sending:
    """How far one call came. `begun` is set before the first byte of a request may have arrived there."""

    begun: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """An operation as its system tells of it.

    Attributes:
        schema: JSON Schema of all its arguments, bound ones included.
    """

    description: str
    schema: Mapping[str, Any]


class System(Protocol):
    """One system of the settings."""

    async def offers(self) -> Mapping[str, Offer | str]:
        """What it has of the operations of the settings, by their names; for one that can't be used, why.

        Raises:
            ToolUnavailable: it doesn't tell.
        """
        ...

    async def send(self, name: str, arguments: Mapping[str, Any], key: str | None, sending: Sending) -> Any:
        """Make one call, once, and give what it said as JSON. `key` is given for what writes.

        Raises:
            ToolRefused: it says no; nothing has happened.
            ToolUnavailable: nothing was begun.
            Doubtful: it was begun.
        """
        ...

    async def aclose(self) -> None:
        """End what is open."""
        ...


def parse_json(text: str | bytes) -> Any:
    """JSON as RFC 8259 has it. Raises `ValueError` for anything else, also for NaN and for nesting that is too deep."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def unknown_operation(system: str, named: str, there: Mapping[str, Any]) -> str:
    """Why an operation can't be used, for whoever wrote the settings."""
    names = ", ".join(sorted(there)[:20])
    return f"the system {system!r} has no operation {named!r}; it has: {names or 'none'}"


def unavailable(system: str, why: str) -> ToolUnavailable:
    """An error for a system that could not be asked."""
    return ToolUnavailable(f"the system {system!r} could not be asked: {why}")
