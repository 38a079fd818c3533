"""What the run asks, and what it has judged."""

import json
from collections.abc import Sequence
from pathlib import Path

from agent.operations.proof.channels import Channel


def shared_out(samples: Path, tickets: int, channels: Sequence[Channel]) -> list[tuple[Channel, list[str]]]:
    """Which questions go by which channel: the sample company's, again from the first when they are through."""
    lines = (samples / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [str(json.loads(line)["conversation"][-1]["text"]) for line in lines if line.strip()]
    counts = shares(tickets, [one.most for one in channels])
    given, first = [], 0
    for channel, count in zip(channels, counts, strict=True):
        given.append((channel, [asked[number % len(asked)] for number in range(first, first + count)]))
        first += count
    return given


def shares(tickets: int, most: Sequence[int | None]) -> list[int]:
    """How many tickets each channel gets: those with a limit no more than it, the others the same."""
    counts = [min(limit, tickets // len(most)) if limit is not None else 0 for limit in most]
    open_ended = [number for number, limit in enumerate(most) if limit is None]
    left = tickets - sum(counts)
    for turn, number in enumerate(open_ended):
        counts[number] = left // len(open_ended) + (turn < left % len(open_ended))
    return counts


def write_replies(folder: Path) -> Path:
    """A file of replies with what they rest on."""
    passage = "Guests may bring two dogs to the house. A dog costs 12 euros per night."
    said = ("A dog costs 12 euros per night.", "A dog costs 20 euros per night.")
    path = folder / "replies.jsonl"
    path.write_text("".join(json.dumps({"reply": one, "passages": [passage]}) + "\n" for one in said), encoding="utf-8")
    return path
