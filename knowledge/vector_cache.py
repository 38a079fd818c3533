"""Remembers the vectors of texts that were embedded lately. Knows no model."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from knowledge.types import Vectors


class VectorCache:
    """The `entries` texts that were asked for last. Not safe to share between threads: its owner holds a lock."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._rows: OrderedDict[str, Vectors] = OrderedDict()

    def known(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """float32 [d] of those of the texts that are remembered."""
        found = {text: self._rows[text] for text in texts if text in self._rows}
        for text in found:
            self._rows.move_to_end(text)
        return found

    def keep(self, rows: Mapping[str, Vectors]) -> None:
        """Remember these, float32 [d] each, and forget the oldest. A row must not be a view: its whole batch would stay."""
        self._rows.update(rows)
        while len(self._rows) > self._entries:
            self._rows.popitem(last=False)
