"""Ingests a data set into a knowledge base of its own, asks its queries and measures what is found."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from knowledge.base import KnowledgeBase
from knowledge.measure import CorpusDocument, Dataset, ndcg, percentile, recall, reciprocal_rank
from knowledge.scopes import OriginScope
from knowledge.sync import Progress, SyncOptions
from knowledge.types import Audience, Document, DocumentId, Query

DEPTH = 100
"""Passages that a query is answered with; a document is ranked by its best one."""
KEPT = 50
CUTOFFS = (1, 3, 5, 10, 20, 50)
_TURN = re.compile(r"^(?:Customer|Agent): ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one query found. `ranked` are document ids, best first; `wanted` those that are relevant."""

    query_id: str
    text: str
    ranked: tuple[str, ...]
    wanted: tuple[str, ...]
    ndcg_10: float
    reciprocal_rank: float
    recall: tuple[float, ...]
    """At each of `CUTOFFS`."""
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the queries, 0 to 1, and the time of one search, its embedding included."""

    dataset: str
    embedder: str
    documents: int
    passages: int
    queries: int
    ndcg_10: float
    recall_5: float
    recall_20: float
    recall_50: float
    mrr: float
    p50_ms: float
    p95_ms: float
    index_s: float | None
    """None if the index was there already."""


def fill(base: KnowledgeBase, dataset: Dataset, on_progress: Progress | None = None) -> float | None:
    """Bring the documents of a data set in. Returns the seconds it took, None if all were there.

    Raises:
        KnowledgeError: the index can't be written, or was built with another model.
    """
    began = time.perf_counter()
    documents = [_document(row, dataset.name) for row in dataset.documents if row.text.strip() or row.title.strip()]
    options = SyncOptions(on_progress, allow_mass_removal=True)
    report = base.bring_in_line([OriginScope(dataset.name)], documents, options)
    return time.perf_counter() - began if report.added or report.updated or report.removed else None


def ask(
    base: KnowledgeBase, dataset: Dataset, query_ids: Sequence[str], on_asked: Callable[[int, int, str], None] | None = None
) -> list[Answered]:
    """Ask each query, one at a time, after one that warms up.

    Raises:
        KnowledgeError: the index can't be read.
    """
    base.search(Query("warm up", k=DEPTH))
    answered: list[Answered] = []
    for query_id in query_ids:
        text = dataset.queries[query_id]
        began = time.perf_counter()
        *earlier, request = turns(text)
        hits = base.search(Query(request, k=DEPTH, earlier=tuple(earlier)))
        spent = 1000 * (time.perf_counter() - began)
        ranked = tuple(dict.fromkeys(hit.passage.doc_id for hit in hits))[:KEPT]
        relevant = dataset.relevance[query_id]
        answered.append(
            Answered(
                query_id=query_id,
                text=text,
                ranked=ranked,
                wanted=tuple(relevant),
                ndcg_10=ndcg(ranked, relevant, 10),
                reciprocal_rank=reciprocal_rank(ranked, relevant, 10),
                recall=tuple(recall(ranked, relevant, k) for k in CUTOFFS),
                milliseconds=spent,
            )
        )
        if on_asked is not None:
            on_asked(len(answered), len(query_ids), query_id)
    return answered


def figures(base: KnowledgeBase, dataset: Dataset, answered: Sequence[Answered], index_s: float | None) -> Figures:
    """Sum up. `answered` holds at least one query."""
    times = [one.milliseconds for one in answered]
    at = {k: sum(one.recall[place] for one in answered) / len(answered) for place, k in enumerate(CUTOFFS)}
    return Figures(
        dataset=dataset.name,
        embedder=base.embedder.name,
        documents=len(dataset.documents),
        passages=sum(base.counts().values()),
        queries=len(answered),
        ndcg_10=sum(one.ndcg_10 for one in answered) / len(answered),
        recall_5=at[5],
        recall_20=at[20],
        recall_50=at[50],
        mrr=sum(one.reciprocal_rank for one in answered) / len(answered),
        p50_ms=percentile(times, 0.5),
        p95_ms=percentile(times, 0.95),
        index_s=index_s,
    )


def turns(text: str) -> list[str]:
    """What was said turn by turn, of a conversation of `Customer:` and `Agent:` lines; any other text is one turn."""
    found = [turn.strip() for turn in _TURN.split(text.strip()) if turn.strip()]
    return found or [text.strip()]


def _document(row: CorpusDocument, origin: str) -> Document:
    return Document(
        doc_id=DocumentId(row.doc_id),
        title=row.title,
        text=row.text if row.text.strip() else row.title,
        audience=Audience.PUBLIC,
        source=f"{origin}/{row.doc_id}",
        url=row.url,
        origin=origin,
    )
