"""Remembers the vectors of texts that were embedded lately. Knows no model."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from knowledge.types import Vectors


class VectorCache:
    """The `entries` texts that were asked for last. Not safe to share between threads: its owner holds a lock."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._rows: OrderedDict[str, Vectors] = OrderedDict()

    def rows(self, texts: Sequence[str], encode: Callable[[list[str]], Vectors]) -> Vectors:
        """float32 [n, d] in the order of `texts`, at least one; those not yet known come from one call of `encode`."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._rows]
        # Copies, for a row that is a view would keep its whole batch alive.
        fresh = {text: row.copy() for text, row in zip(missing, encode(missing), strict=True)} if missing else {}
        found = []
        for text in texts:
            if text in fresh:
                found.append(fresh[text])
            else:
                found.append(self._rows[text])
                self._rows.move_to_end(text)
        self._rows.update(fresh)
        while len(self._rows) > self._entries:
            self._rows.popitem(last=False)
        return np.stack(found)
