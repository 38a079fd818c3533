"""How well does the best passage answer the question? One calibrated number, before any model is asked. Pure.

A logistic model over a handful of features of the question and of what was found. Its weights stand in
`calibration.json`, made by `python -m tests.bench.calibrate_evidence`, which says on what.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from agent.grounding.names import is_of_a_namesake, unknown_names
from agent.grounding.passages import heading, passage_text
from agent.ports import Embedder
from knowledge.terms import content_terms
from knowledge.types import Hit

FEATURES = ("dense", "nearest", "margin", "support", "coverage", "unknown", "title", "lexical", "length")
"""What each one is stands in `features`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`probability` that the best hit's document answers the question (0 to 1, calibrated).

    `ranking` holds indexes of hits, best first, one for each document. Where the evidence is not `sure`, an answer
    says so, and a runner-up that is nearly as good is quoted beside the best.
    """

    probability: float
    ranking: tuple[int, ...] = ()
    sure: bool = False
    named: bool = True
    """False if the question names something that nothing found speaks of: then no probability makes it sure."""

    @property
    def best(self) -> int:
        """Index of the best hit."""
        return self.ranking[0]


def weigh(embedder: Embedder, question: str, hits: Sequence[Hit]) -> Evidence:
    """Judge what was found. No hits: probability 0."""
    if not hits:
        return Evidence(0.0)
    first_of: dict[str, int] = {}
    for i, hit in enumerate(hits):
        first_of.setdefault(hit.passage.doc_id, i)
    ranking = tuple(first_of.values())
    chance = probability(features(embedder, question, hits))
    named = is_of_what_is_named(question, hits)
    return Evidence(chance, ranking, chance >= _calibration().sure and named, named)


def is_of_what_is_named(question: str, hits: Sequence[Hit]) -> bool:
    """False if the question names something that nothing found speaks of, or of which the best hit knows a namesake only."""
    texts = [passage_text(hit.passage) for hit in hits]
    return not unknown_names(question, texts) and not is_of_a_namesake(question, texts[0])


def features(embedder: Embedder, question: str, hits: Sequence[Hit]) -> tuple[float, ...]:
    """The row of `FEATURES` for the best hit.

    dense, nearest: cosine similarities of what was searched with to it. margin: how far `nearest` is above the best of
    another document. support: `nearest` of another passage of the same document. coverage: share of the
    question's content terms that it has. unknown: share that no hit has ("snake" in a help centre without
    snakes). title: similarity of the question to title and headings. lexical: BM25 per term, on a log scale.
    length: content terms, on a log scale.
    """
    best = hits[0]
    terms = set(content_terms(question))
    count = max(1, len(terms))
    own = set(content_terms(passage_text(best.passage)))
    anywhere = own.union(*(content_terms(passage_text(h.passage)) for h in hits))
    others = [h.nearest for h in hits if h.passage.doc_id != best.passage.doc_id]
    same = [h.nearest for h in hits[1:] if h.passage.doc_id == best.passage.doc_id]
    vectors = embedder.embed([question, heading(best.passage)])
    return (
        best.dense,
        best.nearest,
        best.nearest - max(others, default=0.0),
        max(same, default=0.0),
        len(terms & own) / count,
        len(terms - anywhere) / count,
        float(vectors[0] @ vectors[1]),
        math.log1p(best.lexical / count),
        math.log1p(len(terms)),
    )


def probability(row: Sequence[float]) -> float:
    """The calibrated probability for one row of features."""
    calibration = _calibration()
    return 1 / (1 + math.exp(-(sum(w * x for w, x in zip(calibration.weights, row, strict=True)) + calibration.bias)))


def is_answerable(evidence: Evidence) -> bool:
    """True if the evidence is good enough to answer from."""
    return bool(evidence.ranking) and evidence.probability >= _calibration().answerable


@dataclass(frozen=True, slots=True)
class _Calibration:
    """The numbers in `calibration.json`. `answerable` and `sure` are the two thresholds."""

    weights: tuple[float, ...]
    bias: float
    answerable: float
    sure: float


@cache
def _calibration() -> _Calibration:
    data = json.loads(resources.files("agent.graph").joinpath("calibration.json").read_text(encoding="utf-8"))
    weights = tuple(float(data["weights"][name]) for name in FEATURES)
    return _Calibration(weights, float(data["bias"]), float(data["answerable"]), float(data["sure"]))
