"""Whole replies in figures, put together again from the claims of a table."""

import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from agent.evaluation.grounding import claiming
from agent.grounding import claims
from agent.grounding.pieces import Nearness
from agent.grounding.reply import ClaimFigures, reply_row
from agent.grounding.told import Told
from agent.grounding.verifier import claim_pieces
from agent.grounding.wording import read
from knowledge.types import TokenReader
from tests.bench.grounding.rows import SOME_WRONG
from tests.bench.grounding.table import Table

AS_SAID = ("true", "judged", SOME_WRONG)
"""Kinds of claims that stand in a reply as it was written; all others were made from one."""


@dataclass(frozen=True)
class Replies:
    """`rows[n]` are the figures of reply n, `weakest[n]` is the probability of its weakest claim.

    The figures are `agent.grounding.reply.FEATURES_READ`. `made` tells those with one thing made wrong from those as written.
    """

    rows: np.ndarray
    weakest: np.ndarray
    supported: np.ndarray
    made: np.ndarray
    corpus: np.ndarray
    groups: np.ndarray

    def which(self, *corpora: str, made: bool) -> np.ndarray:
        return np.where(np.isin(self.corpus, corpora) & (self.made == made))[0]


def replies(data: Table, found: np.ndarray, corpora: Sequence[str], reader: TokenReader, most: int = 3) -> Replies:
    """Each reply of some corpora as it was written, and up to `most` with one of its claims made wrong.

    Args:
        data: claims.
        found: the probability of each, by forests that have not seen its group.
        corpora: which.
        reader: tells what it makes of the claims' pieces.
        most: wrong ones of each reply.
    """
    dice = random.Random(23)
    items: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n in data.which(corpus=tuple(corpora)):
        items[data.rows[n].corpus, data.rows[n].item].append(n)
    told = [version for own in items.values() for version in _versions(data, own, most, dice)]
    pieces = _pieces(data, {n for _, picked, _, _ in told for n in picked}, reader)
    first = [data.rows[picked[0]] for _, picked, _, _ in told]
    names = {name: n for n, name in enumerate(dict.fromkeys(row.group for row in first))}
    return Replies(
        rows=np.array([_row(data, found, pieces, picked, text) for _, picked, text, _ in told]),
        weakest=np.array([found[picked].min() for _, picked, _, _ in told]),
        supported=np.array([data.rows[n].supported for n, _, _, _ in told]),
        made=np.array([made for _, _, _, made in told]),
        corpus=np.array([row.corpus for row in first]),
        groups=np.array([names[row.group] for row in first]),
    )


def _versions(data: Table, own: list[int], most: int, dice: random.Random) -> Iterator[tuple[int, list[int], str, bool]]:
    """A claim by which the reply is judged, the claims of it, all of its text, and whether one was made wrong."""
    said = [n for n in own if data.rows[n].kind in AS_SAID]
    if not said:
        return
    kept = set(claiming([data.rows[n].claim for n in said])) or {data.rows[n].claim for n in said}
    said = [n for n in said if data.rows[n].claim in kept]
    text = data.rows[said[0]].reply or " ".join(data.rows[n].claim for n in said)
    yield said[0], said, text, False
    wrong = [n for n in own if data.rows[n].kind not in AS_SAID]
    for n in dice.sample(wrong, min(most, len(wrong))):
        row = data.rows[n]
        of = [m for m in said if data.rows[m].claim == row.original]
        if of:
            yield n, [n if m in of else m for m in said], text.replace(row.original, row.claim), True
        else:
            yield n, [*said, n], f"{text} {row.claim}", True


def _pieces(data: Table, chosen: set[int], reader: TokenReader) -> dict[int, Nearness]:
    found = {}
    for n in tqdm(sorted(chosen), "reading", file=sys.stderr):
        row = data.rows[n]
        text = claims.bare(row.claim)
        (near,) = claim_pieces(reader, [text], [row.source.region(read(text))], row.source)
        if near is not None:
            found[n] = near
    return found


def _row(data: Table, found: np.ndarray, pieces: dict[int, Nearness], picked: Sequence[int], text: str) -> list[float]:
    first = data.rows[picked[0]]
    figures = [
        ClaimFigures(data.claims[n].tolist(), float(found[n]), (float(data.near[n, 0]), float(data.near[n, 1])), pieces.get(n))
        for n in picked
    ]
    row = reply_row(Told(text, first.question, first.source.text), figures)
    assert row is not None
    return row
