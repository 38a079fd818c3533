"""How well do the passages answer the question? One calibrated number, before any model is asked. Pure.

A logistic model over a handful of features of question and passage. Its weights stand in
`calibration.json`, made by `tests/bench/calibrate_evidence.py`, which says on what.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from agent.graph.terms import content_terms
from agent.ports import Embedder
from knowledge.sentences import split_sentences
from knowledge.types import Hit, Passage, Vectors

WEIGHED_HITS = 4
"""Only the best few hits are looked at sentence by sentence: embedding sentences is the dear part."""
FEATURES = ("dense", "sentence", "coverage", "unknown", "title", "lexical", "margin")


@dataclass(frozen=True, slots=True)
class Evidence:
    """`probability` that the hit `best` answers the question (0 to 1, calibrated)."""

    probability: float
    best: int
    ranking: tuple[int, ...] = ()
    """Indexes of the weighed hits, most likely first."""


def weigh(embedder: Embedder, question: str, hits: Sequence[Hit]) -> Evidence:
    """Judge the best hits. No hits: probability 0."""
    if not hits:
        return Evidence(0.0, 0)
    rows = features(embedder, question, hits)
    chances = [probability(row) for row in rows]
    ranking = sorted(range(len(rows)), key=lambda i: -chances[i])
    return Evidence(chances[ranking[0]], ranking[0], tuple(ranking))


def features(embedder: Embedder, question: str, hits: Sequence[Hit]) -> list[tuple[float, ...]]:
    """One row of `FEATURES` for each of the best `WEIGHED_HITS` hits."""
    terms = set(content_terms(question))
    known_somewhere = terms & {t for h in hits for t in content_terms(passage_text(h.passage))}
    unknown = 1 - len(known_somewhere) / len(terms) if terms else 1.0
    weighed = list(hits[:WEIGHED_HITS])
    per_hit = [passage_sentences(h.passage) for h in weighed]
    titles = [heading(h.passage) for h in weighed]
    vectors = embedder.embed([question, *titles, *(s for sentences in per_hit for s in sentences)])
    asked, rest = vectors[0], vectors[1 + len(titles) :]
    rows: list[tuple[float, ...]] = []
    start = 0
    for i, (hit, sentences) in enumerate(zip(weighed, per_hit, strict=True)):
        closeness = rest[start : start + len(sentences)] @ asked
        start += len(sentences)
        covered = terms & set(content_terms(passage_text(hit.passage)))
        rows.append(
            (
                hit.dense,
                _top(closeness),
                len(covered) / len(terms) if terms else 0.0,
                unknown,
                float(vectors[1 + i] @ asked),
                math.log1p(hit.lexical / max(1, len(terms))),
                hit.dense - max((h.dense for h in hits if h.passage.doc_id != hit.passage.doc_id), default=0.0),
            )
        )
    return rows


def probability(row: Sequence[float]) -> float:
    """The calibrated probability for one row of features."""
    weights, bias = _calibration()
    return 1 / (1 + math.exp(-(sum(w * x for w, x in zip(weights, row, strict=True)) + bias)))


def passage_sentences(passage: Passage) -> list[str]:
    """The sentences of a passage's text."""
    return split_sentences(passage.text, "en")


def heading(passage: Passage) -> str:
    """Title and headings: what a passage's sentences take for granted."""
    return " – ".join((passage.title, *(h for h in passage.heading_path if h != passage.title)))


def passage_text(passage: Passage) -> str:
    """Everything that a reader sees of a passage."""
    return f"{heading(passage)}\n{passage.text}"


def _top(closeness: Vectors) -> float:
    return float(np.max(closeness)) if closeness.size else 0.0


@cache
def _calibration() -> tuple[tuple[float, ...], float]:
    data = json.loads(resources.files("agent.graph").joinpath("calibration.json").read_text(encoding="utf-8"))
    return tuple(float(data["weights"][name]) for name in FEATURES), float(data["bias"])
