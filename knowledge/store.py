"""Chroma opened for one process: its collections by partition, who may write now, and which state it is in.

Embedded Chroma keeps its vector graphs in the memory of each process and doesn't see what another process wrote; so
every sync leaves a new generation in the metadata of the public collection without a language, which always exists, and
a process that meets an unknown generation opens the folder (or lists the server's collections) again. Which collections
are empty is learned then, too: those are not searched.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from knowledge import chroma
from knowledge.errors import IndexMismatch
from knowledge.partitions import Kind, Partition, collection_metadata, collection_name, recognise
from knowledge.rows import FORM
from knowledge.types import Audience, Embedder

if TYPE_CHECKING:
    from chromadb.api import ServerAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.config import System

LOCK_TIMEOUT_S = 60.0
ROOT = Partition(Audience.PUBLIC)
"""Its collection of passages bears the state of the whole index."""
EF_SEARCH = 200
"""How far a search looks around in the graph. With Chroma's 100, searches for the 60 nearest of 20,000 vectors that lie
in topics, as texts do, found 97.0 % of them (the worst one 85 %); with 200 99.3 % (92 %), for 0.35 ms more.

The other defaults stay. A `sync_threshold` of 10,000 in place of 1,000 made writing no faster, neither in rows of 2,000
nor of 256, and left up to 10,000 rows in the log for every opening to replay.
"""


class ChromaStore:
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
        self._api: ServerAPI | None = None
        self._collections: dict[tuple[Kind, Partition], Collection] = {}
        self._filled: set[tuple[Kind, Partition]] = set()
        self._generation = ""

    @contextmanager
    def reading(self, action: str) -> Iterator[None]:
        """The store is open, and no other thread closes it.

        Raises:
            IndexUnavailable: Chroma can't be used now; `action` says for what.
            IndexMismatch: another embedding model built the index.
        """
        with self._thread_lock, chroma.translated(self._where, self._url is not None, action):
            self._ensure_open()
            yield

    @contextmanager
    def writing(self, action: str) -> Iterator[None]:
        """The same, and no other process writes to the folder. Raises as `reading`."""
        with self._thread_lock, chroma.translated(self._where, self._url is not None, action), self._exclusive():
            self._ensure_open()
            yield

    def generation(self) -> str:
        """As it is on disk now; opens anew if it isn't the one that was opened. Raises as `reading`."""
        with self.reading("read its state"):
            if self._state().get("generation", "") != self._generation:
                self.reopen()
            return self._generation

    def mark(self, generation: str) -> None:
        """Leave a new generation for the other processes. Raises as `reading`."""
        with self.writing("write its state"):
            root = self._collections[Kind.PASSAGES, ROOT]
            root.modify(metadata={**self._metadata(ROOT), "generation": generation})
            self._generation = generation

    def reopen(self) -> None:
        """Open again, whatever the generation. Raises as `reading`."""
        with self._thread_lock, chroma.translated(self._where, self._url is not None, "open"):
            if self._url is None:
                self.close()
            if self._api is None:
                self._ensure_open()
            else:
                self._list(self._api)

    def partitions(self) -> list[Partition]:
        """Those that hold passages, as far as this process has seen."""
        return [partition for kind, partition in self._filled if kind is Kind.PASSAGES]

    def get(self, kind: Kind, partition: Partition) -> "Collection | None":
        """A collection, unless it is empty or doesn't exist, as far as this process has seen. Call it while `reading`."""
        return self._collections[kind, partition] if (kind, partition) in self._filled else None

    def get_to_fill(self, kind: Kind, partition: Partition) -> "Collection":
        """A collection to write to, made if it doesn't exist. Call it while `writing`."""
        assert self._api is not None
        if (kind, partition) not in self._collections:
            self._collections[kind, partition] = self._create(self._api, kind, partition)
        self._filled.add((kind, partition))
        return self._collections[kind, partition]

    def clear(self) -> None:
        """Remove all that the index holds, whichever model or version wrote it, and open what is then an empty one.

        Raises:
            IndexUnavailable: Chroma can't be used now.
        """
        with self._thread_lock, chroma.translated(self._where, self._url is not None, "be emptied"), self._exclusive():
            self.close()
            with self._started() as api:
                for model in api.list_collections():
                    if recognise(model.name, model.metadata) is not None:
                        api.delete_collection(model.name)
                self._list(api)

    def close(self) -> None:
        """Release files and connections; the next use opens again."""
        with self._thread_lock:
            system, self._system, self._api, self._collections = self._system, None, None, {}
            self._filled = set()
            if system is not None:
                chroma.stop(system)

    def _ensure_open(self) -> None:
        if self._system is not None:
            return
        # Opening replays what the graph on disk lacks and may write it: not while another process writes.
        with self._exclusive(), self._started() as api:
            self._list(api)

    @contextmanager
    def _started(self) -> "Iterator[ServerAPI]":
        """Chroma, which is stopped again if what is done with it first fails."""
        if self._url is None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._system, self._api = chroma.start(self._folder, self._url)
        try:
            yield self._api
        except BaseException:
            self.close()
            raise

    def _list(self, api: "ServerAPI") -> None:
        from chromadb.api.models.Collection import Collection

        self._create(api, Kind.PASSAGES, ROOT)
        # The state before the list: what is written while we look is then of a generation that we have yet to meet.
        generation = self._state().get("generation", "")
        models = api.list_collections()
        found = {key: model for model in models if (key := recognise(model.name, model.metadata)) is not None}
        self._collections = {key: Collection(api, model, None) for key, model in found.items()}
        self._generation = generation
        self._filled = {key for key, collection in self._collections.items() if self._holds_rows(collection)}

    def _create(self, api: "ServerAPI", kind: Kind, partition: Partition) -> "Collection":
        from chromadb.api.models.Collection import Collection

        model = api.get_or_create_collection(
            name=collection_name(kind, partition),
            configuration={"hnsw": {"space": "cosine", "ef_search": EF_SEARCH}},
            metadata=self._metadata(partition),
        )
        return Collection(api, model, None)

    def _holds_rows(self, collection: "Collection") -> bool:
        """Embedded, the first query loads the graph as well; it happens while we hold the lock."""
        if self._url is not None:
            return bool(collection.get(limit=1, include=[])["ids"])
        probe = collection.get(limit=1, include=["embeddings"])
        if probe["ids"]:
            collection.query(query_embeddings=probe["embeddings"], n_results=1, include=[])
        return bool(probe["ids"])

    def _state(self) -> dict[str, str]:
        """The public collection's metadata as it is on disk now, checked for the embedder and for the form of rows."""
        assert self._api is not None
        found: dict[str, Any] = dict(self._api.get_collection(collection_name(Kind.PASSAGES, ROOT)).metadata or {})
        state = {str(key): str(value) for key, value in found.items()}
        if (built_with := state.get("embedder")) != self._embedder.name:
            raise IndexMismatch(
                f"the index at {self._where} was built with the embedding model {built_with}, and this is "
                f"{self._embedder.name}. Use the former model, or build the index anew: "
                "`innkeeper ingest --rebuild` with all that it is made of."
            )
        if state.get("form") != FORM:
            raise IndexMismatch(
                f"the index at {self._where} was written by another version of Innkeeper. Build it anew: "
                "`innkeeper ingest --rebuild` with all that it is made of."
            )
        return state

    def _metadata(self, partition: Partition) -> dict[str, str]:
        return {**collection_metadata(partition), "embedder": self._embedder.name, "form": FORM}

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
