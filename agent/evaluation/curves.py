"""How good a probability is: ranking, calibration, and what is risked at which coverage. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """What was foretold with a probability from `low` to `high`. `mean` is the mean of it, `share` how much came true."""

    low: float
    high: float
    count: int
    mean: float
    share: float


@dataclass(frozen=True, slots=True)
class Point:
    """With everything from `threshold` on accepted: the share that is accepted, and the share of those that is wrong."""

    threshold: float
    coverage: float
    risk: float


def auroc(truth: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Chance that something true scores above something false, ties half. None if there is only one of the two.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982.
    """
    good = sum(truth)
    bad = len(truth) - good
    if not good or not bad:
        return None
    above, below_so_far = 0.0, 0
    for _, tied in groupby(sorted(zip(scores, truth, strict=True)), key=lambda pair: pair[0]):
        labels = [label for _, label in tied]
        hits = sum(labels)
        above += hits * (below_so_far + (len(labels) - hits) / 2)
        below_so_far += len(labels) - hits
    return above / (good * bad)


def recall_at(truth: Sequence[bool], scores: Sequence[float], precision: float) -> float:
    """The largest share of what is true that some threshold accepts while at least `precision` of the accepted is true."""
    whole = sum(truth)
    best = 0.0
    for point in risk_coverage(truth, scores):
        if point.risk <= 1 - precision + 1e-9 and whole:
            best = max(best, point.coverage * len(truth) * (1 - point.risk) / whole)
    return best


def risk_coverage(truth: Sequence[bool], scores: Sequence[float]) -> list[Point]:
    """A point for each threshold, the strictest first.

    Source: El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11, 2010.
    """
    accepted = wrong = 0
    points = []
    for threshold, tied in groupby(sorted(zip(scores, truth, strict=True), reverse=True), key=lambda pair: pair[0]):
        labels = [label for _, label in tied]
        accepted += len(labels)
        wrong += len(labels) - sum(labels)
        points.append(Point(threshold, accepted / len(truth), wrong / accepted))
    return points


def reliability(truth: Sequence[bool], scores: Sequence[float]) -> list[Bin]:
    """What was foretold and what came true, in bins of even width; empty bins are left out."""
    bins = []
    for n in range(BINS):
        low, high = n / BINS, (n + 1) / BINS
        mine = [(s, t) for s, t in zip(scores, truth, strict=True) if low <= s < high or (n == BINS - 1 and s == high)]
        if mine:
            mean = sum(s for s, _ in mine) / len(mine)
            bins.append(Bin(low, high, len(mine), mean, sum(t for _, t in mine) / len(mine)))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of foretold and true, weighted by count (Naeini et al., "Bayesian Binning", AAAI 2015: ECE)."""
    whole = sum(one.count for one in bins)
    return sum(one.count * abs(one.mean - one.share) for one in bins) / whole if whole else 0.0
