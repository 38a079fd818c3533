"""How good a ranking is, and the data sets it is measured on. Pure, but for `load_dataset`, which reads three files.

The measures are those of `trec_eval`, so that figures compare with published ones: only documents with a
positive score count as relevant, and a query without one has no figure at all.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from knowledge.errors import DatasetUnreadable

Relevance = Mapping[str, float]
"""Score by document id, for one query: above 0 is relevant, and more is better."""


def ndcg(ranked: Sequence[str], relevant: Relevance, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the first `k`, 0 to 1, higher is better.

    A document's gain is its score (0 or 1 where judgements are binary), divided by log2(rank + 1), and the
    sum is divided by that of the best possible ranking. A document that is ranked twice counts once.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4),
    2002; with the discount log2(rank + 1) of `trec_eval`, which also discounts the second rank.

    Raises:
        ValueError: no document is relevant, or k is below 1.
    """
    gains = sorted(_positive(relevant, k).values(), reverse=True)
    return _dcg([relevant.get(doc_id, 0.0) for doc_id in _first(ranked, k)]) / _dcg(gains[:k])


def recall(ranked: Sequence[str], relevant: Relevance, k: int) -> float:
    """Share of the relevant documents that are among the first `k`, 0 to 1.

    Raises:
        ValueError: no document is relevant, or k is below 1.
    """
    wanted = _positive(relevant, k)
    return len(wanted.keys() & set(_first(ranked, k))) / len(wanted)


def reciprocal_rank(ranked: Sequence[str], relevant: Relevance, k: int = 10) -> float:
    """1 / rank of the first relevant document among the first `k`, 0 if there is none.

    Source: Voorhees, "The TREC-8 Question Answering Track Report", 1999.

    Raises:
        ValueError: no document is relevant, or k is below 1.
    """
    wanted = _positive(relevant, k)
    return next((1 / rank for rank, doc_id in zip(count(1), _first(ranked, k), strict=False) if doc_id in wanted), 0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values don't exceed: the nearest-rank method.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, so no percentile")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document of a data set. `title` is empty where it has none."""

    doc_id: str
    title: str
    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """What to search, what to ask, and what should be found.

    Attributes:
        name: of the folder.
        documents: in the order of the file, each id once.
        queries: text by id, in the order of the file.
        relevance: by query id, with positive scores only; holds the queries that have a relevant document.
    """

    name: str
    documents: tuple[CorpusDocument, ...]
    queries: Mapping[str, str]
    relevance: Mapping[str, Relevance]

    @property
    def judged(self) -> tuple[str, ...]:
        """The ids of the queries that can be measured, in the order of the file."""
        return tuple(query_id for query_id in self.queries if query_id in self.relevance)


def load_dataset(folder: Path) -> Dataset:
    """The data set of a folder.

    It holds `corpus.jsonl` {id, title, text, url?}, `queries.jsonl` {id, text} and `qrels.tsv` (query-id,
    corpus-id, score; with or without that line as its head). Other keys are fine; the title may be empty
    or missing.

    Raises:
        DatasetUnreadable: a file is missing or a line is broken; the message names file and line.
    """
    documents = _by_id(folder / "corpus.jsonl", _CorpusRow)
    queries = {query_id: row.text for query_id, row in _by_id(folder / "queries.jsonl", _QueryRow).items()}
    relevance = _relevance(folder / "qrels.tsv", documents.keys(), queries.keys())
    return Dataset(
        name=folder.resolve().name,
        documents=tuple(CorpusDocument(row.id, row.title or "", row.text, row.url) for row in documents.values()),
        queries=MappingProxyType(queries),
        relevance=MappingProxyType(relevance),
    )


def _positive(relevant: Relevance, k: int) -> dict[str, float]:
    if k < 1:
        raise ValueError(f"k is {k}; a measure looks at the first document at least")
    wanted = {doc_id: score for doc_id, score in relevant.items() if score > 0}
    if not wanted:
        raise ValueError("no document is relevant, so there is nothing to measure")
    return wanted


def _first(ranked: Sequence[str], k: int) -> list[str]:
    return list(dict.fromkeys(ranked))[:k]


def _dcg(gains: Sequence[float]) -> float:
    return sum(max(gain, 0.0) / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


_Filled = Annotated[str, AfterValidator(_not_blank)]


class _QueryRow(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: _Filled
    text: _Filled


class _CorpusRow(_QueryRow):
    title: str | None = None
    url: str | None = None


_Row = TypeVar("_Row", bound=_QueryRow)


def _by_id(path: Path, row_type: type[_Row]) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    for number, line in _lines(path):
        try:
            row = row_type.model_validate_json(line)
        except ValidationError as error:
            raise DatasetUnreadable(path, number, _explain(error)) from error
        if row.id in rows:
            raise DatasetUnreadable(path, number, f"the id {row.id!r} occurs a second time; ids must differ")
        rows[row.id] = row
    if not rows:
        raise DatasetUnreadable(path, None, "has no rows")
    return rows


def _explain(error: ValidationError) -> str:
    """The first fault in one line."""
    fault = error.errors(include_url=False)[0]
    if not fault["loc"]:
        return f"is not a JSON object: {fault['msg']}"
    return f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg'].removeprefix('Value error, ')}"


def _relevance(path: Path, documents: Iterable[str], queries: Iterable[str]) -> dict[str, Relevance]:
    known_documents, known_queries = set(documents), set(queries)
    found: dict[str, dict[str, float]] = {}
    for number, line in _lines(path):
        cells = line.split("\t")
        if number == 1 and cells[0] == "query-id":
            continue
        if len(cells) != 3:
            reason = f"has {len(cells)} columns, not 3 with tabs between them: query-id, corpus-id, score"
            raise DatasetUnreadable(path, number, reason)
        query_id, doc_id, score = cells[0], cells[1], _score(path, number, cells[2])
        if query_id not in known_queries:
            raise DatasetUnreadable(path, number, f"the query {query_id!r} is not in queries.jsonl")
        if doc_id not in known_documents:
            raise DatasetUnreadable(path, number, f"the document {doc_id!r} is not in corpus.jsonl")
        if score > 0:
            found.setdefault(query_id, {})[doc_id] = score
    if not found:
        raise DatasetUnreadable(path, None, "names no relevant document, so there is nothing to measure")
    return dict(found)


def _score(path: Path, number: int, cell: str) -> float:
    try:
        score = float(cell)
    except ValueError as error:
        raise DatasetUnreadable(path, number, f"the score {cell!r} is not a number") from error
    if not math.isfinite(score):
        raise DatasetUnreadable(path, number, f"the score {cell!r} is not a number")
    return score


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1."""
    try:
        # Split at newlines only: JSON may hold other characters that `splitlines` takes for a line's end.
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except FileNotFoundError as error:
        reason = "no such file; a data set is a folder with corpus.jsonl, queries.jsonl and qrels.tsv"
        raise DatasetUnreadable(path, None, reason) from error
    except OSError as error:
        raise DatasetUnreadable(path, None, f"can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DatasetUnreadable(path, None, f"is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.rstrip("\r")
