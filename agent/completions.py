"""The words between us and a chat model: what it is asked, and what it says. Frozen, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.types import Usage


class Task(StrEnum):
    """What a chat model is asked to do. Each may have models of its own."""

    ANSWER = "answer"
    """Write the draft of a reply."""
    REWRITE = "rewrite"
    """Put a follow-up as one question that stands alone."""
    JUDGE = "judge"
    """Say which sentences a passage supports."""
    ACT = "act"
    """Say which action a customer asks for, and with which of their words."""


IN_TIME = 0.95
"""Of the time that a caller waits, the share that a prompt gets: so that the client, too, learns that a server was too slow."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One call of a chat model. `messages` are (role, content); `schema` asks for JSON of that shape.

    `temperature` takes the place of the profile's; a judgement must not depend on chance. `timeout_s` is the most that the
    caller waits, whatever is tried; None leaves it to the settings.
    """

    messages: tuple[tuple[str, str], ...]
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    schema: Mapping[str, object] | None = None
    temperature: float | None = None
    task: Task = Task.ANSWER
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, and what it cost. `finish_reason` is `stop` or `length`."""

    text: str
    usage: Usage
    finish_reason: str = "stop"
