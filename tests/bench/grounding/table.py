"""Rows of claims as figures, and forests fitted on them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from tqdm import tqdm

from agent.grounding import claims
from agent.grounding.alignment import word_rows
from agent.grounding.features import claim_row
from agent.grounding.forest import Forest
from agent.grounding.likeness import Likeness
from agent.grounding.verifier import aligned_claim, word_doubts
from agent.grounding.wording import Kind, read
from knowledge.types import Embedder
from tests.bench.grounding.corruptions import changed_words
from tests.bench.grounding.rows import NOT_ONE_WORD, SOME_WRONG, Row

UNMARKED = (*NOT_ONE_WORD, "judged", SOME_WRONG)
"""Kinds of wrong claims in which it isn't known which word is wrong."""
CORPUS_WEIGHT = {"targets": 2.0, "begin": 1.0, "articles": 0.7, "replies_dev": 4.0, "faithful": 1.0, "paraphrases": 2.0}
WRONG_WORDS = 0.15
"""For each kind of word the wrong ones weigh so much of the right ones: what is often made wrong isn't wrong more often."""


@dataclass(frozen=True)
class Table:
    """`words[n]` holds the rows of claim n's words, `wrong[n]` which of them are wrong, None if that isn't known.

    `near[n]` are its similarities to its region and to the question, for whole replies.
    """

    rows: list[Row]
    claims: np.ndarray
    words: list[np.ndarray]
    wrong: list[np.ndarray | None]
    near: np.ndarray

    @cached_property
    def supported(self) -> np.ndarray:
        return np.array([row.supported for row in self.rows])

    def which(self, **wanted: Any) -> np.ndarray:
        return np.array([n for n, row in enumerate(self.rows) if all(getattr(row, k) in v for k, v in wanted.items())])


class Embedded:
    """Each text is embedded once, in large batches, before it is asked for."""

    def __init__(self, embedder: Embedder, texts: Sequence[str]) -> None:
        known = sorted(dict.fromkeys(texts), key=len)
        self._vectors: dict[str, np.ndarray] = {}
        for at in tqdm(range(0, len(known), 256), "embedding", file=sys.stderr):
            batch = known[at : at + 256]
            self._vectors |= dict(zip(batch, embedder.embed(batch), strict=True))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._vectors[text] for text in texts])


def table(rows: Sequence[Row], embedder: Embedder) -> Table:
    texts = [claims.bare(row.claim) for row in rows]
    regions = [row.source.region(read(text)) for row, text in zip(rows, tqdm(texts, "aligning", file=sys.stderr), strict=True)]
    found = [s.text for row, r in zip(rows, regions, strict=True) if r for s in row.source.sentences[r.first : r.end]]
    embedded = Embedded(embedder, [t for t in [*texts, *found, *(row.question for row in rows)] if t.strip()])
    kept, of_claims, of_words, wrong, near = [], [], [], [], []
    likeness = Likeness(embedded)
    for row, text, region in zip(rows, tqdm(texts, "measuring", file=sys.stderr), regions, strict=True):
        aligned = aligned_claim(text, row.question, row.source, region)
        if aligned is None or region is None:
            continue
        told, places = word_rows(aligned)
        kept.append(row)
        of_claims.append(claim_row(text, aligned))
        beside = [s.text for s in row.source.sentences[region.first : region.end]]
        near.append(likeness.to_region_and_question(text, beside, row.question))
        of_words.append(np.array(told, np.float32))
        wrong.append(_wrong(row, text, places))
    return Table(kept, np.array(of_claims, np.float32), of_words, wrong, np.array(near, np.float32))


def _wrong(row: Row, text: str, places: list[int]) -> np.ndarray | None:
    if row.supported:
        return np.zeros(len(places), bool)
    if row.kind in UNMARKED or not row.original:
        return None
    bad = changed_words(claims.bare(row.original), text)
    return np.array([n in bad for n in places], bool)


def fit_words(data: Table, chosen: np.ndarray) -> Forest:
    known = [n for n in chosen if data.wrong[n] is not None and len(data.words[n])]
    x = np.vstack([data.words[n] for n in known])
    y = np.concatenate([data.wrong[n] for n in known])  # type: ignore[misc]
    w = np.concatenate([np.full(len(data.words[n]), CORPUS_WEIGHT[data.rows[n].corpus]) for n in known])
    for kind in Kind:
        mine = x[:, 0] == kind
        bad, good = w[mine & y].sum(), w[mine & ~y].sum()
        if bad and good:
            w[mine & y] *= WRONG_WORDS * good / bad
    return exported(_trees(220, 20, 0.1, 0.5).fit(x, y, sample_weight=w))


def fit_claims(data: Table, chosen: np.ndarray, doubts: np.ndarray) -> Forest:
    known = np.array([n for n in chosen if data.rows[n].kind != SOME_WRONG])
    y = data.supported[known]
    w = np.array([CORPUS_WEIGHT[data.rows[n].corpus] for n in known])
    w = w * np.where(y, w[~y].sum() / w[y].sum(), 1.0)
    return exported(_trees(300, 12, 0.05, 0.4).fit(np.c_[data.claims, doubts][known], y, sample_weight=w))


def doubts(data: Table, chosen: np.ndarray, forest: Forest) -> np.ndarray:
    """What the forest for words says of each chosen claim; zeros elsewhere."""
    found = np.zeros((len(data.rows), len(word_doubts([]))))
    sizes = [len(data.words[n]) for n in chosen]
    told = iter(forest.chances(np.vstack([data.words[n] for n in chosen if len(data.words[n])])))
    for n, size in zip(chosen, sizes, strict=True):
        found[n] = word_doubts([float(next(told)) for _ in range(size)])
    return found


def folds(data: Table, count: int, seed: int) -> np.ndarray:
    """A fold for each row; rows of a group share one."""
    groups = list(dict.fromkeys(row.group for row in data.rows))
    order = dict(zip(groups, np.random.default_rng(seed).permutation(len(groups)), strict=True))
    return np.array([order[row.group] % count for row in data.rows])


def fit(data: Table, chosen: np.ndarray) -> tuple[Forest, Forest]:
    """Both forests. The one for claims sees only doubts of forests that have not seen the claim."""
    fold = folds(data, 3, 5)[chosen]
    seen = np.zeros((len(data.rows), len(word_doubts([]))))
    for k in range(3):
        seen += doubts(data, chosen[fold == k], fit_words(data, chosen[fold != k]))
    return fit_words(data, chosen), fit_claims(data, chosen, seen)


def chances(data: Table, chosen: np.ndarray, forests: tuple[Forest, Forest]) -> np.ndarray:
    words, whole = forests
    return whole.chances(np.c_[data.claims, doubts(data, chosen, words)][chosen])


def _trees(count: int, leaves: int, rate: float, share: float) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=count,
        learning_rate=rate,
        max_leaf_nodes=leaves,
        min_samples_leaf=20,
        l2_regularization=3,
        max_features=share,
        random_state=0,
    )


def exported(model: HistGradientBoostingClassifier) -> Forest:
    """The trees as arrays."""
    parts: dict[str, list[np.ndarray]] = {"feature": [], "threshold": [], "left": [], "right": [], "value": []}
    roots, start, depth = [], 0, 0
    for (tree,) in model._predictors:
        nodes = tree.nodes
        own = np.arange(len(nodes)) + start
        leaf = nodes["is_leaf"].astype(bool)
        parts["feature"].append(np.where(leaf, 0, nodes["feature_idx"]))
        parts["threshold"].append(np.where(leaf, 0, nodes["num_threshold"]))
        parts["left"].append(np.where(leaf, own, nodes["left"].astype(np.int64) + start))
        parts["right"].append(np.where(leaf, own, nodes["right"].astype(np.int64) + start))
        parts["value"].append(np.where(leaf, nodes["value"], 0))
        roots.append(start)
        start += len(nodes)
        depth = max(depth, int(nodes["depth"].max()))
    whole = {name: np.concatenate(found) for name, found in parts.items()}
    return Forest(
        feature=whole["feature"].astype(np.int32),
        threshold=whole["threshold"].astype(np.float32),
        left=whole["left"].astype(np.int32),
        right=whole["right"].astype(np.int32),
        value=whole["value"].astype(np.float32),
        roots=np.array(roots, np.int32),
        baseline=float(model._baseline_prediction.ravel()[0]),
        depth=depth,
    )
