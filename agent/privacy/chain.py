"""A chain of entries, each sealed with the hash of the one before: what was changed, taken out or put in is found. Pure.

The hash of an entry is the SHA-256 of the hash before it, a line end, and the entry as canonical JSON. Who can write to the
place where the chain is kept can write a whole new one; that is found by a head that was noted down elsewhere.

Source: RFC 8785 (canonical JSON); entries hold texts, whole numbers, lists and objects alone, so that its rule for other numbers
isn't needed.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""Stands for the hash before the first entry."""
_MARK = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the chain: an entry's number, from 1 on, and its hash. 0 and `GENESIS` stand before the first."""

    seq: int = 0
    digest: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry as it is kept. `text` is its canonical JSON, in which its number stands as `seq`."""

    text: str
    mark: Mark


def read_mark(text: str) -> Mark | None:
    """The inverse of `str`; None if it is none."""
    found = _MARK.fullmatch(text.strip())
    return Mark(int(found[1]), found[2]) if found else None


def canonical(value: Mapping[str, Any]) -> str:
    """The one way to write it: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def seal(entry: Mapping[str, Any], before: Mark) -> Sealed:
    """The next entry."""
    seq = before.seq + 1
    text = canonical({**entry, "seq": seq})
    return Sealed(text, Mark(seq, _digest(before.digest, text)))


class Walk:
    """Goes through a chain from its front and says what is wrong with it first.

    Attributes:
        at: the last entry that was found good.
    """

    def __init__(self, anchor: Mark, expected: Mark | None = None) -> None:
        """`anchor`: of what was cut from the front. `expected`: a place that was noted down elsewhere."""
        self.at = anchor
        self._anchor = anchor
        self._expected = expected

    def begin(self) -> str | None:
        """What is wrong before the first entry."""
        if self._expected is None or self._expected.seq > self._anchor.seq:
            return None
        if self._expected.seq < self._anchor.seq:
            return (
                f"entry {self._expected.seq} has been cut off with all up to {self._anchor.seq}; if that was by the time that "
                "entries are kept, expect a newer one"
            )
        return self._as_expected()

    def step(self, found: Sealed) -> str | None:
        """What is wrong with the next entry; None if it is good."""
        if found.mark.seq != self.at.seq + 1:
            return f"entry {self.at.seq + 1} is missing: after {self.at.seq} comes {found.mark.seq}"
        if found.mark.digest != _digest(self.at.digest, found.text):
            return f"entry {found.mark.seq} is not what was sealed, or the one before it isn't"
        try:
            seq = json.loads(found.text)["seq"]
        except (ValueError, KeyError, TypeError):
            seq = None
        if seq != found.mark.seq:
            return f"entry {found.mark.seq} stands in the place of another"
        self.at = found.mark
        return self._as_expected() if self._expected is not None and self._expected.seq == self.at.seq else None

    def end(self, head: Mark) -> str | None:
        """What is wrong behind the last entry. `head`: what was written of the newest one."""
        if head != self.at:
            return f"the log ends at entry {self.at.seq}, and its head is entry {head.seq}: entries are missing or were added"
        if self._expected is not None and self._expected.seq > self.at.seq:
            return f"the log ends at entry {self.at.seq}, and entry {self._expected.seq} was there once"
        return None

    def _as_expected(self) -> str | None:
        if self._expected is None or self._expected == self.at:
            return None
        return f"entry {self.at.seq} is another than the one that was noted down: the log was written anew"


def _digest(before: str, text: str) -> str:
    return hashlib.sha256(f"{before}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
