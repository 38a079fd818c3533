"""The figures as one HTML page that needs nothing else: no script, no outside resource, all text escaped."""

from collections.abc import Sequence

from knowledge.evaluation.run import CUTOFFS, Answered, Figures
from knowledge.measure import Dataset
from knowledge.pages import page_environment

WORST = 25
BARS = 10


def render(figures: Figures, answered: Sequence[Answered], dataset: Dataset) -> str:
    """The page: figures, plots, and the queries that found the least, with what they found and what they should have."""
    environment = page_environment("knowledge.evaluation")
    titles = {row.doc_id: row.title or row.text[:80] for row in dataset.documents}
    worst = sorted(answered, key=lambda one: (one.ndcg_10, one.reciprocal_rank, one.query_id))[:WORST]
    recalls = [(k, sum(one.recall[place] for one in answered) / len(answered)) for place, k in enumerate(CUTOFFS)]
    times = [one.milliseconds for one in answered]
    return environment.get_template("page.html").render(
        figures=figures,
        worst=worst,
        titles=titles,
        recalls=recalls,
        quality=histogram([one.ndcg_10 for one in answered], 0.0, 1.0),
        speed=histogram(times, 0.0, max(times)),
    )


def histogram(values: Sequence[float], low: float, high: float) -> list[tuple[float, float, int]]:
    """Bars of even width over `low` to `high`: from, to, and how many values; the last bar holds `high` itself."""
    width = (high - low) / BARS or 1.0
    counts = [0] * BARS
    for value in values:
        counts[min(BARS - 1, max(0, int((value - low) / width)))] += 1
    return [(low + n * width, low + (n + 1) * width, count) for n, count in enumerate(counts)]
