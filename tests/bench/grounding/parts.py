"""Thirds of the rows that share no conversation, no passage and no article."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from agent.grounding.source import Source
from tests.bench.grounding.rows import Row

_TOLD = 150
"""So many characters tell passages apart."""


def parts(rows: Sequence[Row], count: int, seed: int) -> np.ndarray:
    """A part for each row. What is tied by a group or a passage shares one.

    An agent's earlier turn is in part 0 if its conversation or any passage beside it is: its passages were found by words,
    and would tie everything together.
    """
    above: dict[str, str] = {}

    def top(name: str) -> str:
        above.setdefault(name, name)
        while above[name] != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    passages = _Passages()
    tied = [row for row in rows if row.corpus != "turns"]
    for row in tied:
        for passage in passages.of(row.source) if row.corpus != "articles" else ():
            above[top(passage)] = top(f"group {row.group}")
    names = sorted({top(f"group {row.group}") for row in tied})
    part = dict(zip(names, np.random.RandomState(seed).permutation(len(names)) % count, strict=True))
    held = {name for name in list(above) if part.get(top(name)) == 0}

    def of(row: Row) -> int:
        if row.corpus != "turns":
            return int(part[top(f"group {row.group}")])
        return int(not held & {f"group {row.group}", *passages.of(row.source)})

    return np.array([of(row) for row in rows])


class _Passages:
    def __init__(self) -> None:
        self._known: dict[int, tuple[Source, set[str]]] = {}

    def of(self, source: Source) -> set[str]:
        if id(source) not in self._known:
            texts: dict[int, str] = defaultdict(str)
            for sentence in source.sentences:
                texts[sentence.passage] += sentence.text
            self._known[id(source)] = (source, {f"passage {text[:_TOLD]}" for text in texts.values()})
        return self._known[id(source)][1]
