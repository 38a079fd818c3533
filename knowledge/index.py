"""Passages and their vectors in Chroma: the source of truth of the knowledge base.

One collection per audience, because metadata filters don't scale and because a collection that is never
asked can't leak. Beside each one stands a collection of points: the vectors of the ways
of asking for a passage, by which it is found too.

Embedded Chroma keeps its vector graph in the memory of each process and doesn't see what another process
wrote; so every sync leaves a new generation in the metadata of the public collection, and a process that
meets an unknown generation opens the folder again.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np

from knowledge import chroma
from knowledge.errors import IndexMismatch
from knowledge.rows import Labels, StoredCopy, copy_of, label_columns, metadata_of, passages_of
from knowledge.types import Audience, Document, Embedder, Passage, PassageId, Vectors

if TYPE_CHECKING:
    from chromadb.api import ServerAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.config import System

PAGE = 2_000
LOCK_TIMEOUT_S = 60.0


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


class ChromaIndex:
    """Opens at first use. Safe to share between threads, and between processes that open the same folder."""

    def __init__(self, *, folder: Path, url: str | None, embedder: Embedder) -> None:
        """Nothing is opened yet.

        Args:
            folder: where an embedded Chroma keeps its files, and the lock of this index.
            url: `http://host:port` of a Chroma server; embedded if None.
            embedder: only its name is used; an index with vectors of another one is refused.
        """
        self._folder = folder
        self._url = url
        self._embedder = embedder
        self._thread_lock = threading.RLock()
        # Processes that share a folder would write the same graph files: one at a time.
        self._process_lock = filelock.FileLock(folder.parent / "chroma.lock", timeout=LOCK_TIMEOUT_S)
        self._system: System | None = None
        self._collections: dict[Audience, Collection] = {}
        self._points: dict[Audience, Collection] = {}
        self._generation = ""

    def generation(self) -> str:
        """Changes with every sync that wrote something. Opens the folder again if another process wrote.

        Raises:
            IndexUnavailable: Chroma can't be used now.
            IndexMismatch: another embedding model built the index.
        """
        with self._thread_lock, self._translated("read its state"):
            self._ensure_open()
            found = self._state().get("generation", "")
            if found != self._generation:
                self._reopen()
            return self._generation

    def mark(self, generation: str) -> None:
        """Leave a new generation for the other processes."""
        with self._thread_lock, self._translated("write its state"), self._exclusive():
            self._ensure_open()
            self._collections[Audience.PUBLIC].modify(metadata={"embedder": self._embedder.name, "generation": generation})
            self._generation = generation

    def refresh(self) -> None:
        """Open again, whatever the generation. A writer does this first: its graph may be older than the folder."""
        with self._thread_lock, self._translated("open"):
            self._reopen()

    def search(self, vector: Vectors, audience: Audience, k: int) -> list[tuple[PassageId, float]]:
        """Passages of one audience with their cosine similarity, best first."""
        with self._thread_lock, self._translated("search"):
            self._ensure_open()
            found = self._collections[audience].query(query_embeddings=vector[None, :], n_results=k, include=["distances"])
        distances = (found["distances"] or [[]])[0]
        return [(PassageId(i), 1.0 - float(d)) for i, d in zip(found["ids"][0], distances, strict=True)]

    def search_asked(self, vector: Vectors, audience: Audience, k: int) -> dict[PassageId, float]:
        """Passages of one audience by the nearest way of asking for them, with its cosine; from the `k` nearest ways."""
        with self._thread_lock, self._translated("search"):
            self._ensure_open()
            points = self._points[audience]
            found = points.query(query_embeddings=vector[None, :], n_results=k, include=["distances"])
        nearest: dict[PassageId, float] = {}
        for point_id, distance in zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True):
            nearest.setdefault(PassageId(point_id.rpartition("#")[0]), 1.0 - float(distance))
        return nearest

    def vectors(self, audience: Audience, ids: Sequence[PassageId]) -> dict[PassageId, Vectors]:
        """float32 [d] of those ids that exist."""
        from chromadb.errors import InternalError

        if not ids:
            return {}
        with self._thread_lock, self._translated("read vectors"):
            self._ensure_open()
            try:
                found = self._collections[audience].get(ids=list(ids), include=["embeddings"])
            except InternalError:
                # A passage that another process wrote since: it is on disk and not yet in our graph.
                self._reopen()
                found = self._collections[audience].get(ids=list(ids), include=["embeddings"])
        rows = found["embeddings"]
        if rows is None:
            return {}
        return {PassageId(i): np.asarray(row, dtype=np.float32) for i, row in zip(found["ids"], rows, strict=True)}

    def fetch(self, audience: Audience, ids: Sequence[PassageId]) -> dict[PassageId, Passage]:
        """Those of the passages that exist and belong to the audience, always as they are on disk now."""
        if not ids:
            return {}
        with self._thread_lock, self._translated("read passages"):
            self._ensure_open()
            found = self._collections[audience].get(ids=list(ids), include=["documents", "metadatas"])
        passages = passages_of(found)
        return {passage.passage_id: passage for passage in passages if passage.audience is audience}

    def passages(self, audience: Audience) -> Iterator[Passage]:
        """All of them, page by page."""
        for found in self._pages(audience, ["documents", "metadatas"]):
            yield from passages_of(found)

    def catalogue(self) -> list[StoredCopy]:
        """Every copy of every document."""
        copies: list[StoredCopy] = []
        for audience in Audience:
            groups: dict[tuple[str, str], list[tuple[int, PassageId, dict[str, Any]]]] = {}
            for found in self._pages(audience, ["metadatas"]):
                for passage_id, meta in zip(found["ids"], found["metadatas"], strict=True):
                    key = (meta["doc_id"], meta["version"])
                    groups.setdefault(key, []).append((meta["ordinal"], PassageId(passage_id), meta))
            copies += [copy_of(audience, rows) for rows in groups.values()]
        return copies

    def write(self, entries: Sequence[Entry], layout: str) -> None:
        """Add documents' passages, or put them in place of those with the same ids (idempotent)."""
        names = f"{entries[0].document.source}" + (f" and {len(entries) - 1} more" if len(entries) > 1 else "")
        with self._thread_lock, self._translated(f"write {names}"), self._exclusive():
            self._ensure_open()
            for audience in Audience:
                # Points first: a passage that is there has all of its own.
                self._write_points([p for e in entries if e.document.audience is audience for p in e.points], audience)
                rows = [
                    (passage, vector, metadata_of(entry.document, passage, layout, len(entry.passages)))
                    for entry in entries
                    if entry.document.audience is audience
                    for passage, vector in zip(entry.passages, entry.vectors, strict=True)
                ]
                for start in range(0, len(rows), PAGE):
                    part = rows[start : start + PAGE]
                    self._collections[audience].upsert(
                        ids=[passage.passage_id for passage, _, _ in part],
                        embeddings=[vector for _, vector, _ in part],
                        documents=[passage.text for passage, _, _ in part],
                        metadatas=[meta for _, _, meta in part],
                    )

    def _write_points(self, points: Sequence[Point], audience: Audience) -> None:
        """Put the points of passages in place of those they had."""
        counts: Counter[PassageId] = Counter()
        numbered: list[tuple[str, Point]] = []
        for point in points:
            numbered.append((f"{point.passage_id}#{counts[point.passage_id]}", point))
            counts[point.passage_id] += 1
        for start in range(0, len(numbered), PAGE):
            part = numbered[start : start + PAGE]
            self._points[audience].upsert(
                ids=[point_id for point_id, _ in part],
                embeddings=np.stack([point.vector for _, point in part]),
                metadatas=[{"passage_id": point.passage_id} for _, point in part],
            )

    def relabel(self, audience: Audience, ids: Sequence[PassageId], labels: Labels) -> None:
        """Put other labels on passages; text, vectors and points stay. Ids that don't exist are fine."""
        with self._thread_lock, self._translated("label passages"), self._exclusive():
            self._ensure_open()
            for start in range(0, len(ids), PAGE):
                part: list[str] = list(ids[start : start + PAGE])
                columns: list[Any] = [label_columns(labels)] * len(part)
                self._collections[audience].update(ids=part, metadatas=columns)

    def delete(self, audience: Audience, ids: Sequence[PassageId]) -> None:
        """Remove passages; ids that don't exist are fine."""
        if not ids:
            return
        with self._thread_lock, self._translated("delete passages"), self._exclusive():
            self._ensure_open()
            for start in range(0, len(ids), PAGE):
                part: list[str] = list(ids[start : start + PAGE])
                self._points[audience].delete(where={"passage_id": {"$in": part}})  # type: ignore[dict-item]
                self._collections[audience].delete(ids=part)

    def counts(self) -> dict[Audience, int]:
        """Passages by audience."""
        with self._thread_lock, self._translated("count"):
            self._ensure_open()
            return {audience: collection.count() for audience, collection in self._collections.items()}

    def close(self) -> None:
        """Release files and connections; the next use opens again."""
        with self._thread_lock:
            system, self._system, self._collections, self._points = self._system, None, {}, {}
            if system is not None:
                chroma.stop(system)

    def _pages(self, audience: Audience, include: list[Any]) -> Iterator[Any]:
        offset = 0
        while True:
            with self._thread_lock, self._translated("read passages"):
                self._ensure_open()
                found = self._collections[audience].get(limit=PAGE, offset=offset, include=include)
            if found["ids"]:
                yield found
            if len(found["ids"]) < PAGE:
                return
            offset += PAGE

    def _reopen(self) -> None:
        if self._url is None:
            self.close()
        self._ensure_open()
        self._generation = self._state().get("generation", "")

    def _ensure_open(self) -> None:
        if self._system is not None:
            return
        if self._url is None:
            self._folder.mkdir(parents=True, exist_ok=True)
        # Opening replays what the graph on disk lacks and may write it: not while another process writes.
        with self._exclusive():
            system, api = chroma.start(self._folder, self._url)
            try:
                self._collections = {audience: self._collection(api, f"passages-{audience}") for audience in Audience}
                self._points = {audience: self._collection(api, f"points-{audience}") for audience in Audience}
                self._system = system
                self._generation = self._state().get("generation", "")
                if self._url is None:
                    self._load_graphs()
            except BaseException:
                self._system, self._collections, self._points = None, {}, {}
                chroma.stop(system)
                raise

    def _collection(self, api: "ServerAPI", name: str) -> "Collection":
        from chromadb.api.models.Collection import Collection

        model = api.get_or_create_collection(
            name=name,
            configuration={"hnsw": {"space": "cosine"}},
            metadata={"embedder": self._embedder.name},
        )
        return Collection(client=api, model=model, embedding_function=None)

    def _load_graphs(self) -> None:
        """The graph is loaded by the first query; have that happen while we hold the lock."""
        for collection in (*self._collections.values(), *self._points.values()):
            if (probe := collection.get(limit=1, include=["embeddings"]))["ids"]:
                collection.query(query_embeddings=probe["embeddings"], n_results=1, include=[])

    def _state(self) -> dict[str, str]:
        """The public collection's metadata as it is on disk now, checked for the embedder."""
        from chromadb.api.models.Collection import Collection

        public = self._collections[Audience.PUBLIC]
        api = public._client
        state = {str(k): str(v) for k, v in (Collection(api, api.get_collection(public.name), None).metadata or {}).items()}
        if (built_with := state.get("embedder")) != self._embedder.name:
            raise IndexMismatch(
                f"the index at {self._where} was built with the embedding model {built_with}, and this is "
                f"{self._embedder.name}. Use the former model, or remove the index and ingest again."
            )
        return state

    @property
    def _where(self) -> str:
        return self._url or str(self._folder)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._url is not None:
            yield
            return
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with self._process_lock:
            yield

    def _translated(self, action: str) -> AbstractContextManager[None]:
        return chroma.translated(self._where, self._url is not None, action)
