"""What a run of the proof found out, as values: who tried to reach what, what was done meanwhile, and the verdict. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Seen(StrEnum):
    """Where an attempt ended."""

    DEVICE = "network device"
    GUARD = "guard in the process"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that a program did to reach a place that the allow-list doesn't name.

    Attributes:
        what: tcp, udp, icmp, other, or `look-up A` and the like.
        target: host and port, or the name that was looked up.
        name: the name that the address had been looked up under, if any.
        by: for the guard: the modules that made the call, outermost first.
        pid, command: the process; 0 and empty if it was gone already.
        at: when.
    """

    seen: Seen
    what: str
    target: str
    at: datetime
    name: str | None = None
    by: str = ""
    pid: int = 0
    command: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """Attempts that are alike, with their number."""

    first: Attempt
    times: int


@dataclass(frozen=True, slots=True)
class Permitted:
    """A place on the allow-list of the run, how often its name was looked up, and how often it was connected to."""

    place: str
    purposes: tuple[str, ...]
    looked_up: int
    connected: int


@dataclass(frozen=True, slots=True)
class Tickets:
    """What a channel was sent.

    Attributes:
        ended: how they ended, in the product's words, with their number; tickets without an end are `nothing`.
        note: what was not done here, if anything.
    """

    channel: str
    sent: int
    ended: Mapping[str, int]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """Something else that was run, how often, and how it went."""

    name: str
    times: int
    detail: str


@dataclass(frozen=True, slots=True)
class Knock:
    """Connections to a loopback port at which nothing of the run ever listened. `command`: whose, if that could be told."""

    protocol: str
    port: int
    times: int
    command: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was run, exactly.

    Attributes:
        packages: name and version of every installed one.
        model_sha256: of its file, as it was read; None for a server's.
        configured: the allow-list of the operator's own settings, which the run replaces by stand-ins.
    """

    version: str
    python: str
    kernel: str
    machine: str
    policy_version: str
    policy_sha256: str
    model: str
    model_file: str
    model_sha256: str | None
    packages: Mapping[str, str]
    configured: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Proof:
    """The whole of it. `hours`: of scheduled work that passed in the run; 0 if it broke off before or in them."""

    began: datetime
    seconds: float
    facts: Facts
    permitted: Sequence[Permitted]
    tried: Sequence[Tried]
    knocks: Sequence[Knock]
    tickets: Sequence[Tickets]
    work: Sequence[Work]
    failures: Sequence[str]
    as_user: bool
    housekeeping: int
    hours: int = 0

    @property
    def is_clean(self) -> bool:
        """True if nothing was attempted outside of the list, and all that was to be run was run."""
        return not self.tried and not self.failures

    @property
    def ticket_count(self) -> int:
        """Over all channels."""
        return sum(one.sent for one in self.tickets)


def gathered(attempts: Sequence[Attempt]) -> list[Tried]:
    """Attempts that are alike but for their time and process id, as one, the oldest first."""
    first: dict[tuple[object, ...], Attempt] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for one in attempts:
        key = (one.seen, one.what, one.target, one.name, one.by, one.command)
        first.setdefault(key, one)
        times[key] += 1
    return sorted((Tried(first[key], count) for key, count in times.items()), key=lambda tried: tried.first.at)
