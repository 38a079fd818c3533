"""Passages, their vectors and their points in Chroma: the source of truth of the knowledge base.

Beside a partition's passages stand its points, the vectors of the ways of asking for a passage, by which it is found
too.
"""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.partitions import Kind, Partition, chosen, home_of
from knowledge.rows import Facts, Labels, StoredCopy, copy_of, facts_in, label_column, labels_in, passages_of, row_of
from knowledge.store import ChromaStore
from knowledge.types import Audience, Document, Embedder, Passage, PassageId, Vectors

PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Point:
    """A way of asking for a passage: its vector, float32 [d]."""

    passage_id: PassageId
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Entry:
    """A document with its passages, their vectors, float32 [passages, d], and their points."""

    document: Document
    passages: Sequence[Passage]
    vectors: Vectors
    points: Sequence[Point] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a search found: where it is, and a cosine similarity, higher is better."""

    passage_id: PassageId
    partition: Partition
    cosine: float


class ChromaIndex:
    """Opens at first use. Safe to share between threads, and between processes that open the same folder."""

    def __init__(self, *, folder: Path, url: str | None, embedder: Embedder) -> None:
        """Nothing is opened yet. For `folder` and `url` see `ChromaStore`; only the embedder's name is used."""
        self._store = ChromaStore(folder=folder, url=url, embedder=embedder)

    def generation(self) -> str:
        """Changes with every sync that wrote something. Opens the folder again if another process wrote.

        Raises:
            IndexUnavailable: Chroma can't be used now.
            IndexMismatch: another embedding model built the index.
        """
        return self._store.generation()

    def mark(self, generation: str) -> None:
        """Leave a new generation for the other processes."""
        self._store.mark(generation)

    def clear(self) -> None:
        """Remove everything, whichever model or version wrote it.

        Raises:
            IndexUnavailable: Chroma can't be used now.
        """
        self._store.clear()

    def refresh(self) -> None:
        """Open again, whatever the generation. A writer does this first: its graph may be older than the folder."""
        self._store.reopen()

    def partitions(self, audiences: Collection[Audience] = tuple(Audience), languages: Collection[str] = ()) -> list[Partition]:
        """Those that hold something for these audiences and languages, see `chosen`."""
        with self._store.reading("open"):
            return chosen(self._store.partitions(), audiences, languages)

    def search(self, vector: Vectors, partitions: Iterable[Partition], k: int) -> list[Found]:
        """The passages nearest to a vector, float32 [d], best first: at most `k` of all partitions together."""
        return self._nearest(Kind.PASSAGES, vector[None, :], partitions, k)[0]

    def search_each(self, vectors: Vectors, partitions: Iterable[Partition], k: int) -> list[list[Found]]:
        """The same for each of several vectors, float32 [n, d], in less time than one after the other."""
        return self._nearest(Kind.PASSAGES, vectors, partitions, k) if len(vectors) else []

    def search_asked(self, vector: Vectors, partitions: Iterable[Partition], k: int) -> list[Found]:
        """Passages by the nearest way of asking for them, with its cosine, best first; from the `k` nearest ways."""
        nearest: dict[PassageId, Found] = {}
        for point in self._nearest(Kind.POINTS, vector[None, :], partitions, k)[0]:
            passage_id = PassageId(point.passage_id.rpartition("#")[0])
            nearest.setdefault(passage_id, Found(passage_id, point.partition, point.cosine))
        return list(nearest.values())

    def _nearest(self, kind: Kind, vectors: Vectors, partitions: Iterable[Partition], k: int) -> list[list[Found]]:
        rows: list[list[Found]] = [[] for _ in vectors]
        with self._store.reading("search"):
            for partition in partitions:
                if (collection := self._store.get(kind, partition)) is None:
                    continue
                found = collection.query(query_embeddings=vectors, n_results=k, include=["distances"])
                for row, ids, distances in zip(rows, found["ids"], found["distances"] or (), strict=True):
                    row += [Found(PassageId(i), partition, 1 - float(d)) for i, d in zip(ids, distances, strict=True)]
        return [heapq.nlargest(k, row, key=lambda found: found.cosine) for row in rows]

    def vectors(self, homes: Mapping[PassageId, Partition]) -> dict[PassageId, Vectors]:
        """float32 [d] of those passages that exist where they are said to be."""
        return {
            PassageId(i): np.asarray(row, dtype=np.float32)
            for partition, ids in _by_partition(homes).items()
            for i, row in self._vectors(partition, ids)
        }

    def _vectors(self, partition: Partition, ids: list[str]) -> Iterable[tuple[str, Any]]:
        from chromadb.errors import InternalError

        def read() -> tuple[list[str], Any]:
            if (collection := self._store.get(Kind.PASSAGES, partition)) is None:
                return [], []
            found = collection.get(ids=ids, include=["embeddings"])
            return found["ids"], found["embeddings"]

        with self._store.reading("read vectors"):
            try:
                known, rows = read()
            except InternalError:
                # A passage that another process wrote since: it is on disk and not yet in our graph.
                self._store.reopen()
                known, rows = read()
        return [] if rows is None else zip(known, rows, strict=True)

    def fetch(self, homes: Mapping[PassageId, Partition]) -> dict[PassageId, Passage]:
        """Those of the passages that exist where they are said to be, always as they are on disk now."""
        passages: list[Passage] = []
        with self._store.reading("read passages"):
            for partition, ids in _by_partition(homes).items():
                if (collection := self._store.get(Kind.PASSAGES, partition)) is not None:
                    passages += passages_of(partition, collection.get(ids=ids, include=["metadatas"]))
        return {passage.passage_id: passage for passage in passages}

    def passages(self, partition: Partition) -> Iterator[Passage]:
        """All of them, page by page."""
        for found in self._pages(partition):
            yield from passages_of(partition, found)

    def catalogue(self) -> list[StoredCopy]:
        """Every copy of every document."""
        copies: list[StoredCopy] = []
        for partition in self.partitions():
            groups: dict[tuple[str, str], list[tuple[PassageId, Facts, Labels]]] = {}
            for found in self._pages(partition):
                for passage_id, columns in zip(found["ids"], found["metadatas"], strict=True):
                    facts = facts_in(columns)
                    row = (PassageId(passage_id), facts, labels_in(columns))
                    groups.setdefault((facts["doc_id"], facts["version"]), []).append(row)
            copies += [copy_of(partition, rows) for rows in groups.values()]
        return copies

    def write(self, entries: Sequence[Entry], layout: str) -> None:
        """Add documents' passages, or put them in place of those with the same ids (idempotent)."""
        names = f"{entries[0].document.source}" + (f" and {len(entries) - 1} more" if len(entries) > 1 else "")
        homes: dict[Partition, list[Entry]] = {}
        for entry in entries:
            homes.setdefault(home_of(entry.document), []).append(entry)
        with self._store.writing(f"write {names}"):
            for partition, own in homes.items():
                # Points first: a passage that is there has all of its own.
                self._write_points([point for entry in own for point in entry.points], partition)
                self._write_passages(own, partition, layout)

    def _write_passages(self, entries: Sequence[Entry], partition: Partition, layout: str) -> None:
        rows = [
            (passage, vector, row_of(entry.document, passage, layout, len(entry.passages)))
            for entry in entries
            for passage, vector in zip(entry.passages, entry.vectors, strict=True)
        ]
        for start in range(0, len(rows), PAGE):
            part = rows[start : start + PAGE]
            self._store.get_to_fill(Kind.PASSAGES, partition).upsert(
                ids=[passage.passage_id for passage, _, _ in part],
                embeddings=[vector for _, vector, _ in part],
                metadatas=[columns for _, _, columns in part],
            )

    def _write_points(self, points: Sequence[Point], partition: Partition) -> None:
        """Put the points of passages in place of those they had."""
        counts: Counter[PassageId] = Counter()
        numbered: list[tuple[str, Point]] = []
        for point in points:
            numbered.append((f"{point.passage_id}#{counts[point.passage_id]}", point))
            counts[point.passage_id] += 1
        for start in range(0, len(numbered), PAGE):
            part = numbered[start : start + PAGE]
            self._store.get_to_fill(Kind.POINTS, partition).upsert(
                ids=[point_id for point_id, _ in part],
                embeddings=np.stack([point.vector for _, point in part]),
                metadatas=[{"passage_id": point.passage_id} for _, point in part],
            )

    def relabel(self, partition: Partition, ids: Sequence[PassageId], labels: Labels) -> None:
        """Put other labels on passages; text, vectors and points stay. Ids that don't exist are fine."""
        with self._store.writing("label passages"):
            if (collection := self._store.get(Kind.PASSAGES, partition)) is None:
                return
            for part in _parts(ids):
                collection.update(ids=part, metadatas=[label_column(labels)] * len(part))

    def delete(self, partition: Partition, ids: Sequence[PassageId]) -> None:
        """Remove passages; ids that don't exist are fine."""
        if not ids:
            return
        with self._store.writing("delete passages"):
            points, passages = (self._store.get(kind, partition) for kind in (Kind.POINTS, Kind.PASSAGES))
            for part in _parts(ids):
                if points is not None:
                    points.delete(where={"passage_id": {"$in": part}})  # type: ignore[dict-item]
                if passages is not None:
                    passages.delete(ids=part)

    def counts(self) -> dict[Audience, int]:
        """Passages by audience."""
        counts = dict.fromkeys(Audience, 0)
        with self._store.reading("count"):
            for partition in self._store.partitions():
                if (collection := self._store.get(Kind.PASSAGES, partition)) is not None:
                    counts[partition.audience] += collection.count()
        return counts

    def close(self) -> None:
        """Release files and connections; the next use opens again."""
        self._store.close()

    def _pages(self, partition: Partition) -> Iterator[Any]:
        offset = 0
        while True:
            with self._store.reading("read passages"):
                if (collection := self._store.get(Kind.PASSAGES, partition)) is None:
                    return
                found = collection.get(limit=PAGE, offset=offset, include=["metadatas"])
            if found["ids"]:
                yield found
            if len(found["ids"]) < PAGE:
                return
            offset += PAGE


def _by_partition(homes: Mapping[PassageId, Partition]) -> dict[Partition, list[str]]:
    groups: dict[Partition, list[str]] = {}
    for passage_id, partition in homes.items():
        groups.setdefault(partition, []).append(passage_id)
    return groups


def _parts(ids: Sequence[PassageId]) -> Iterator[list[str]]:
    for start in range(0, len(ids), PAGE):
        yield list(ids[start : start + PAGE])
