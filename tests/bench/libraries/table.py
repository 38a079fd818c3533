"""What was measured, as rows and as one table. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowledge.measure import Relevance, ndcg, percentile, recall
from tests.bench.libraries.job import Outcome

NOTE = """\
Passages, embedding model, threads and depth are the same for all. A peer's default takes a query as it is, so it is
asked twice where the set's queries are conversations: with the whole of it, and with the customer's last turn alone;
`*` marks the better one, which is the one to compare with. Indexing is embedding and writing, and Innkeeper's has reading
and cutting in it too; it and LangChain write to disk, the others keep everything in memory. A search has the query's
embedding in it. Memory is the most that a system's own process held."""
HEAD = ("system", "set", "query", "nDCG@10", "recall@20", "p50 ms", "p95 ms", "index s", "docs/s", "peak MB", "version")
TEXT_COLUMNS = frozenset({"system", "set", "query", "version"})


@dataclass(frozen=True, slots=True)
class Row:
    """One system on one set with one variant of its queries."""

    system: str
    dataset: str
    variant: str
    queries: int
    ndcg_10: float
    recall_20: float
    p50_ms: float
    p95_ms: float
    index_s: float
    documents_per_s: float
    peak_mb: float
    version: str
    versions: Mapping[str, str]
    is_best: bool = False
    """True for the better of a system's variants on a set that has several."""


def rows_of(
    system: str, dataset: str, outcome: Outcome, relevance: Mapping[str, Relevance], documents: int, version: str
) -> list[Row]:
    """One row a variant, in the order in which they were asked."""
    by_variant: dict[str, list[tuple[float, float, float]]] = {}
    for answer in outcome.answers:
        wanted = relevance[answer.query_id]
        figures = (ndcg(answer.ranked, wanted, 10), recall(answer.ranked, wanted, 20), answer.took_ms)
        by_variant.setdefault(answer.variant, []).append(figures)
    best = max(by_variant, key=lambda variant: sum(figures[0] for figures in by_variant[variant]))
    rows = []
    for variant, measured in by_variant.items():
        gains, found, took = zip(*measured, strict=True)
        rows.append(
            Row(
                system=system,
                dataset=dataset,
                variant=variant,
                queries=len(measured),
                ndcg_10=sum(gains) / len(gains),
                recall_20=sum(found) / len(found),
                p50_ms=percentile(took, 0.5),
                p95_ms=percentile(took, 0.95),
                index_s=outcome.index_s,
                documents_per_s=documents / outcome.index_s,
                peak_mb=outcome.peak_bytes / 1e6,
                version=version,
                versions=outcome.versions,
                is_best=len(by_variant) > 1 and variant == best,
            )
        )
    return rows


def as_text(rows: Sequence[Row]) -> str:
    """A Markdown table, set by set, and the note that belongs to it."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = "|".join("-" * (width + 1) + ("-" if head in TEXT_COLUMNS else ":") for head, width in zip(HEAD, widths, strict=True))
    table = [_line(HEAD, widths), f"|{rule}|", *(_line(line, widths) for line in lines[1:])]
    return "\n".join([*table, "", NOTE])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.system,
        f"{row.dataset} ({row.queries})",
        row.variant + (" *" if row.is_best else ""),
        f"{row.ndcg_10:.3f}",
        f"{row.recall_20:.3f}",
        f"{row.p50_ms:.1f}",
        f"{row.p95_ms:.1f}",
        f"{row.index_s:.1f}",
        f"{row.documents_per_s:.1f}",
        f"{row.peak_mb:.0f}",
        row.version,
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.ljust(width) if head in TEXT_COLUMNS else cell.rjust(width)
        for head, cell, width in zip(HEAD, cells, widths, strict=True)
    )
    return f"| {' | '.join(padded)} |"
