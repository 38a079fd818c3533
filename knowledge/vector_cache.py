"""Remembers the vectors of texts that were embedded lately, or whatever else a model made of them. Knows no model."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

Made = TypeVar("Made")


class VectorCache(Generic[Made]):
    """The `entries` texts that were asked for last. Not safe to share between threads: its owner holds a lock."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._rows: OrderedDict[str, Made] = OrderedDict()

    def known(self, texts: Sequence[str]) -> dict[str, Made]:
        """What is remembered, by text; nothing of the other texts."""
        found = {text: self._rows[text] for text in texts if text in self._rows}
        for text in found:
            self._rows.move_to_end(text)
        return found

    def keep(self, rows: Mapping[str, Made]) -> None:
        """Remember these and forget the oldest. None may be a view into an array: all of that would stay."""
        self._rows.update(rows)
        while len(self._rows) > self._entries:
            self._rows.popitem(last=False)
