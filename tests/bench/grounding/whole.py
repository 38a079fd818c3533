"""Whole replies in figures, put together again from the claims of a table."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.evaluation.grounding import claiming
from agent.grounding.reply import ClaimFigures, Told, reply_row
from tests.bench.grounding.rows import SOME_WRONG
from tests.bench.grounding.table import Table

AS_SAID = ("true", "judged", SOME_WRONG)
"""Kinds of claims that stand in a reply as it was written; all others were made from one."""


@dataclass(frozen=True)
class Replies:
    """`rows[n]` are the figures of reply n, `weakest[n]` is the probability of its weakest claim.

    `made` tells those with one thing made wrong from those as they were written.
    """

    rows: np.ndarray
    weakest: np.ndarray
    supported: np.ndarray
    made: np.ndarray
    corpus: np.ndarray
    groups: np.ndarray

    def which(self, *corpora: str, made: bool) -> np.ndarray:
        return np.where(np.isin(self.corpus, corpora) & (self.made == made))[0]


def replies(data: Table, found: np.ndarray, corpora: Sequence[str], most: int = 3) -> Replies:
    """Each reply of some corpora as it was written, and up to `most` with one of its claims made wrong.

    Args:
        data: claims.
        found: the probability of each, by forests that have not seen its group.
        corpora: which.
        most: wrong ones of each reply.
    """
    dice = random.Random(23)
    items: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n in data.which(corpus=tuple(corpora)):
        items[data.rows[n].corpus, data.rows[n].item].append(n)
    told = [(n, picked, made) for own in items.values() for n, picked, made in _versions(data, own, most, dice)]
    first = [data.rows[picked[0]] for _, picked, _ in told]
    names = {name: n for n, name in enumerate(dict.fromkeys(row.group for row in first))}
    return Replies(
        rows=np.array([_row(data, found, picked) for _, picked, _ in told]),
        weakest=np.array([found[picked].min() for _, picked, _ in told]),
        supported=np.array([data.rows[n].supported for n, _, _ in told]),
        made=np.array([made for _, _, made in told]),
        corpus=np.array([row.corpus for row in first]),
        groups=np.array([names[row.group] for row in first]),
    )


def _versions(data: Table, own: list[int], most: int, dice: random.Random) -> Iterator[tuple[int, list[int], bool]]:
    """A claim by which the reply is judged, the claims of it, and whether one was made wrong."""
    said = [n for n in own if data.rows[n].kind in AS_SAID]
    if not said:
        return
    kept = set(claiming([data.rows[n].claim for n in said])) or {data.rows[n].claim for n in said}
    said = [n for n in said if data.rows[n].claim in kept]
    yield said[0], said, False
    wrong = [n for n in own if data.rows[n].kind not in AS_SAID]
    for n in dice.sample(wrong, min(most, len(wrong))):
        of = [m for m in said if data.rows[m].claim == data.rows[n].original]
        yield n, [n if m in of else m for m in said] if of else [*said, n], True


def _row(data: Table, found: np.ndarray, picked: Sequence[int]) -> list[float]:
    told = [data.rows[n] for n in picked]
    whole = Told(" ".join(row.claim for row in told), told[0].question, told[0].source.text)
    row = reply_row(whole, [ClaimFigures(data.claims[n].tolist(), float(found[n])) for n in picked])
    assert row is not None
    return row
