"""The words of the policy room: facts, verdict, stamp. Frozen, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What a hard rule demands."""

    ALLOW = "allow"
    HANDOFF = "handoff"
    REFUSE = "refuse"


class Mode(StrEnum):
    """How far an answer may go at most, whatever a dial allows.

    `AUTO`: as the dials say. `DRAFT`: it is proposed to a person first. `SHADOW`: it is decided and recorded,
    and nothing at all is sent.
    """

    AUTO = "auto"
    DRAFT = "draft"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a turn before anything is looked up.

    `similarity` maps the id of every rule that has examples to the highest cosine similarity between
    the message and one of its examples (-1 to 1).
    """

    text: str
    language: str
    first_message: bool
    similarity: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the hard rules say of a turn, and which rule said it."""

    action: Action
    rule: str | None = None
    queue: str | None = None
    priority: str = "normal"
    say: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyStamp:
    """Which policy decided: semantic version and SHA-256 of the whole folder."""

    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Guideline:
    """A soft rule that applies to a turn: `then` is text for the prompt."""

    id: str
    then: str
