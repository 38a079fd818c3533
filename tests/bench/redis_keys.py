"""What a Redis holds, by kind of key: how many, how many bytes, and which go by themselves. Used by `bench_workers`."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

_KINDS: Mapping[str, str] = {
    r"conversation:.*:(meta|messages|ids)$": "conversation: {}",
    r"conversation:.*:waiting$": "checkpoint that waits for a person",
    r":lg:(cp|blob|blobs|wr|writes|idx|threads|seq)": "checkpoint: {}",
    r"outbox:(entries|pending|dead)$": "outbox: {}",
    r"(unanswered)$": "unanswered",
    r"hints:(seen|waiting|cursor)": "hint: {}",
    r"links:(conversation|ticket|due|said)": "link: {}",
    r"shadow:(records|times)$": "shadow: {}",
    r"widget:session:": "widget: session",
    r"widget:once:": "widget: claim",
    r"widget:newest:": "widget: newest of an owner",
    r"widget:.*:(about|events|keys|messages|feedback)$": "widget: {}",
    r"\}?:(runs|known|results|progress):": "docket: {} of a job",
    r"innkeeper:(?:\{?)(turns|deliveries)": "docket: its own",
}


@dataclass
class Kind:
    """Keys of one kind.

    Attributes:
        stay: so many have no end.
        ttl_s: of the one that lives longest among the others.
    """

    count: int = 0
    size: int = 0
    stay: int = 0
    ttl_s: int = 0


def kinds(redis: "Redis[bytes] | Redis[str]") -> dict[str, Kind]:
    """What is there now, the largest kind first."""
    found: defaultdict[str, Kind] = defaultdict(Kind)
    for key in redis.scan_iter(count=1000):
        name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
        kind = found[_kind_of(name)]
        kind.count += 1
        kind.size += int(redis.memory_usage(key, samples=0) or 0)
        ttl = int(redis.ttl(key))
        kind.stay += ttl == -1
        kind.ttl_s = max(kind.ttl_s, ttl)
    return dict(sorted(found.items(), key=lambda pair: -pair[1].size))


def table(found: Mapping[str, Kind], tickets: int) -> str:
    """For people: keys and bytes of one ticket."""
    lines = [f"{'kind of key':36} {'keys':>8} {'keys a ticket':>14} {'bytes a ticket':>15} {'last':>16} {'without end':>12}"]
    for name, kind in found.items():
        counts = f"{name:36} {kind.count:>8} {kind.count / tickets:>14.2f} {kind.size / tickets:>15.0f}"
        lines.append(f"{counts} {_told(kind.ttl_s) if kind.ttl_s else '':>16} {kind.stay:>12}")
    size = sum(kind.size for kind in found.values())
    lines.append(f"{'together':36} {sum(kind.count for kind in found.values()):>8} {'':14} {size / tickets:>15.0f}")
    return "\n".join(lines)


def _kind_of(name: str) -> str:
    for pattern, told in _KINDS.items():
        if match := re.search(pattern, name):
            return told.format(*match.groups())
    return "other"


def _told(seconds: int) -> str:
    return f"{seconds / 86400:.0f} days" if seconds >= 2 * 86400 else f"{seconds / 60:.0f} min"
