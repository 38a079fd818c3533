"""The words of the policy room: facts, verdict, stamp. Frozen, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What a hard rule demands.

    `OFFER`: the turn goes on, and an approved text is said behind its reply.
    """

    ALLOW = "allow"
    HANDOFF = "handoff"
    REFUSE = "refuse"
    OFFER = "offer"

    @property
    def goes_on(self) -> bool:
        """Whether the message is worked on."""
        return self in (Action.ALLOW, Action.OFFER)


class Mode(StrEnum):
    """How far an answer may go at most, whatever a dial allows.

    `AUTO`: as the dials say. `DRAFT`: it is proposed to a person first. `SHADOW`: it is decided and recorded,
    and nothing at all is sent.
    """

    AUTO = "auto"
    DRAFT = "draft"
    SHADOW = "shadow"


class Send(StrEnum):
    """What becomes of an allowed answer: it is sent, proposed to a person, or left to a person to write."""

    AUTO = "auto"
    DRAFT = "draft"
    PERSON = "person"


class Unsure(StrEnum):
    """What becomes of an answer that is less sure than its dial asks for.

    `CLOSEST`: it is sent as what comes closest, and says so. `DRAFT`: it is proposed to a person. `PERSON`: it is left to one.
    """

    CLOSEST = "closest"
    DRAFT = "draft"
    PERSON = "person"


class Verifier(StrEnum):
    """What checks an answer before it may leave, in the order of their work."""

    BUILT_IN = "built_in"
    CROSS_ENCODER = "cross_encoder"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Dial:
    """How far answers go.

    `most_wrong` is the share of the answers sent (0 to 1) that may be wrong. It belongs to `AUTO`, and is None
    if the policies promise none.
    """

    kind: Send
    most_wrong: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a turn before anything is looked up.

    `similarity` maps the id of every rule that has examples to the highest cosine similarity between
    the message and one of its examples (-1 to 1), and the id with `policies.matching.FIT` to how well the message fits
    its examples together. `identity` is `anonymous`, `claimed` or `verified`, as the channel knows it. `turn` counts from 1;
    `used` are the rules that applied to the replies before.

    What hard rules count, all 0 or empty for a first message: `held` maps a trigger to how many of the customer's messages
    before were of its kind as well (`PolicyEngine.counted`); `asked_before` are those that asked the same, each by how many
    messages ago it was (1 is the one before); `unanswered` is how many replies of ours in a row were no answer;
    `tool_failures` how many calls of the company's systems have failed, if one of them failed for this message. `accepted` is
    the trigger whose offer the message takes, and says nothing else.
    """

    text: str
    language: str
    first_message: bool
    similarity: Mapping[str, float] = field(default_factory=dict)
    identity: str = "anonymous"
    turn: int = 1
    used: tuple[str, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    asked_before: tuple[int, ...] = ()
    unanswered: int = 0
    tool_failures: int = 0
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the hard rules say of a turn, and which rule said it."""

    action: Action
    rule: str | None = None
    queue: str | None = None
    priority: str = "normal"
    say: str | None = None


@dataclass(frozen=True, slots=True)
class TopicVerdict:
    """How far the answer of a turn may go.

    `topics` are the ids of those that claim the turn, the one that decides first; empty if none does. `dial`,
    `unsure` and `queue` are the first one's, `verifiers` those of all of them.
    """

    topics: tuple[str, ...]
    dial: Dial
    queue: str | None = None
    verifiers: tuple[Verifier, ...] = (Verifier.BUILT_IN,)
    unsure: Unsure = Unsure.DRAFT


@dataclass(frozen=True, slots=True)
class PolicyStamp:
    """Which policy decided: semantic version and SHA-256 of the whole folder."""

    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Guideline:
    """A soft rule that applies to a turn.

    `then` is text for the prompt, which may be empty; `say` names an approved text that is said behind the answer.
    """

    id: str
    then: str
    say: str | None = None
