"""Marks: by them a message of ours is found again before it is sent once more. Pure.

No helpdesk here has keys against repeats of its own. So every message that we send ends in a reference, which is made of
the outbox entry and so is the same at every attempt.
"""

import hashlib
import re

from agent.types import OutboxId

_MARK = re.compile(r"\bIK-[0-9A-F]{12}\b")


def mark(outbox_id: OutboxId, part: str) -> str:
    """The reference of one part (reply, note) of an outbox entry."""
    return "IK-" + hashlib.sha256(f"{outbox_id}:{part}".encode()).hexdigest()[:12].upper()


def marks_in(text: str) -> frozenset[str]:
    """Every reference that stands in a text."""
    return frozenset(_MARK.findall(text))


def without_marks(text: str) -> str:
    """The text for quoting: a mark counts only where it was put."""
    return _MARK.sub("", text)


def is_marked(text: str) -> bool:
    """True if a text ends in a reference, as ours do; one that only quotes us has it elsewhere."""
    lines = text.rstrip().splitlines()
    return bool(lines) and bool(_MARK.search(lines[-1]))
