"""Brings the indexes in line with the sources. The plan is pure; carrying it out can be killed at any moment.

New passages are written before old ones are deleted, and what a document should look like is read
from Chroma, not remembered: whatever a killed sync left is found and mended by the next one.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import filelock

from knowledge import chunk
from knowledge.behind import behind
from knowledge.errors import IndexUnavailable, KnowledgeError, SourceUnreadable
from knowledge.index import PAGE, ChromaIndex, Entry
from knowledge.lexical import LexicalIndex, Placed
from knowledge.partitions import Partition, home_of
from knowledge.plan import Plan, make_plan
from knowledge.points import Known, entry_of, key_of
from knowledge.reuse import stored_vectors
from knowledge.rows import StoredCopy
from knowledge.scopes import PathScope, Scope
from knowledge.sources.files import existing_roots, read_sources
from knowledge.spool import Spool, Spooled
from knowledge.types import Audience, Document, Embedder, Passage, PassageId, SourceFailure, SyncReport

Progress = Callable[[int, int, str], None]
"""Called with documents done, documents to write, and the title of the one just written."""
BATCH = 256
"""Passages that are embedded together."""
WAIT_S = 3.0
"""A reader that mends its word index holds the lock for a moment; a sync waits that long, no longer."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a sync is carried out.

    Attributes:
        on_progress: told of each document that was written.
        allow_mass_removal: remove what is gone even if that is most of a source.
        is_stopped: asked between documents; the sync ends with `SyncStopped` once it says True.
        rebuild: empty the index before anything is written, also one of another embedding model or version. Everything
            is read before that, so that nothing is lost where a source doesn't exist or reading is interrupted.
    """

    on_progress: Progress | None = None
    allow_mass_removal: bool = False
    is_stopped: Callable[[], bool] | None = None
    rebuild: bool = False


class Syncer:
    """Carries plans out, one at a time over all processes of a data folder."""

    def __init__(self, data_dir: Path, index: ChromaIndex, lexical: LexicalIndex, embedder: Embedder) -> None:
        self._data_dir = data_dir
        self._index = index
        self._lexical = lexical
        self._embedder = embedder

    def sync(
        self, paths: Sequence[Path], default_audience: Audience = Audience.PUBLIC, options: SyncOptions | None = None
    ) -> SyncReport:
        """Read the paths and write, move and remove what differs. Idempotent.

        Raises:
            SourceUnreadable: a path doesn't exist; nothing was changed.
            IndexUnavailable: the index can't be written, or another sync is running.
            IndexMismatch: another embedding model built the index.
            EmbeddingUnavailable: the embedding model is missing or broken.
        """
        roots = existing_roots(paths)
        scopes = [PathScope(root) for root in roots]
        return self.bring_in_line(scopes, read_sources(roots, default_audience), options or SyncOptions())

    def bring_in_line(
        self, scopes: Sequence[Scope], source: Iterable[Document | SourceFailure], options: SyncOptions
    ) -> SyncReport:
        """Write what `source` holds, and remove what the scopes own and it doesn't hold. Idempotent.

        Args:
            scopes: what this sync answers for.
            source: everything that the scopes hold, or why it could not be read; read once, under the lock.
            options: how.

        Raises:
            SourceUnreadable: for a rebuild: nothing could be read; nothing was changed.
            IndexUnavailable: the index can't be written, or another sync is running.
            IndexMismatch: another embedding model built the index.
            EmbeddingUnavailable: the embedding model is missing or broken.
            SyncStopped: `options.is_stopped` said so; the next sync mends what is half done.
        """
        with self._alone(WAIT_S), Spool(self._data_dir) as spool:
            if not options.rebuild:
                self._index.refresh()
            found = _until_stopped(source, options)
            read = [one if isinstance(one, SourceFailure) else spool.keep(one) for one in found]
            if options.rebuild:
                self._empty(read, scopes)
            plan = make_plan(read, self._index.catalogue(), scopes, options.allow_mass_removal)
            if not plan.is_empty:
                self._carry_out(plan, spool, _stoppable(options))
            elif self._lexical.generation() != self._index.generation():
                self._rebuild_lexical()
            passages = sum(self._index.counts().values())
        return SyncReport(plan.added, plan.updated, plan.unchanged, plan.removed, plan.failed, passages, plan.results)

    def _empty(self, read: Sequence[Spooled | SourceFailure], scopes: Sequence[Scope]) -> None:
        """Empties the index, unless nothing could be put in it then: nothing was read, or the model can't be used."""
        failures = [one for one in read if isinstance(one, SourceFailure)]
        if len(failures) == len(read):
            first = failures[0] if failures else SourceFailure(scopes[0].name, "there is no document")
            raise SourceUnreadable(first.source, f"{first.reason}; nothing else was read either, so the index was not emptied")
        self._embedder.embed(["ready?"])
        self._index.clear()

    def mend_lexical(self) -> None:
        """Build the word index again if it isn't that of Chroma's state; leave it alone while a sync is running."""
        try:
            with self._alone(0):
                if self._lexical.generation() != self._index.generation():
                    self._rebuild_lexical()
        except SyncRunning:
            # The sync leaves a good word index when it is done; until then the old one serves.
            return

    def _carry_out(self, plan: Plan[Spooled], spool: Spool, on_progress: Progress) -> None:
        lexical_is_current = self._lexical.generation() == self._index.generation()
        # From here to the end the state is between two syncs; the mark makes that visible after a kill.
        self._index.mark(f"unfinished-{uuid.uuid4().hex}")
        added: dict[PassageId, Partition] = {}
        removed: list[PassageId] = []
        done = 0
        # While a batch is written the next one is embedded: writing keeps but one CPU busy.
        with closing(behind(self._write, self._prepared(plan, spool))) as batches:
            for entries, kept, deleted in batches:
                added |= kept
                removed += deleted
                for entry in entries:
                    done += 1
                    on_progress(done, len(plan.write), entry.document.title)
        written = {document.doc_id for document in plan.write}
        left = [copy for doc_id, copies in plan.stale.items() if doc_id not in written for copy in copies]
        removed += self._delete_copies(left, {})
        for copy, labels in plan.relabel:
            self._index.relabel(copy.partition, copy.passage_ids, labels)
        generation = uuid.uuid4().hex
        if lexical_is_current:
            self._lexical.apply(self._placed(added), [*removed, *added], generation)
        else:
            self._lexical.rebuild(self._all_passages(), generation)
        self._index.mark(generation)

    def _prepared(self, plan: Plan[Spooled], spool: Spool) -> Iterator[tuple[list[Entry], list[StoredCopy]]]:
        """What is to be written, batch by batch, with the copies that go once it is."""
        for batch in _batches(spool.documents(plan.write)):
            stale = [copy for document, _ in batch for copy in plan.stale.get(document.doc_id, ())]
            yield self._embedded(batch, stored_vectors(self._index, stale)), stale

    def _write(
        self, prepared: tuple[list[Entry], list[StoredCopy]]
    ) -> tuple[list[Entry], dict[PassageId, Partition], list[PassageId]]:
        """The entries, where their passages are now, and which others are gone."""
        entries, stale = prepared
        self._index.write(entries, chunk.LAYOUT)
        kept = {passage.passage_id: home_of(passage) for entry in entries for passage in entry.passages}
        return entries, kept, self._delete_copies(stale, kept)

    def _embedded(self, batch: list[tuple[Document, list[Passage]]], known: Known) -> list[Entry]:
        # All in one call: the model's threads then share the work evenly.
        keys = dict.fromkeys(key_of(passage) for _, passages in batch for passage in passages)
        fresh = [key for key in keys if key not in known]
        vectors = known | dict(zip(fresh, self._embedder.embed_passages(fresh), strict=True))
        texts = list(dict.fromkeys(text for document, _ in batch for text in document.asked))
        asked = dict(zip(texts, self._embedder.embed(texts), strict=True))
        return [entry_of(document, passages, vectors, asked) for document, passages in batch]

    def _delete_copies(self, copies: Sequence[StoredCopy], kept: Mapping[PassageId, Partition]) -> list[PassageId]:
        """Delete them, but for passages that were just written over under the same id in the same partition."""
        deleted: list[PassageId] = []
        for partition in dict.fromkeys(copy.partition for copy in copies):
            own = [copy for copy in copies if copy.partition == partition]
            ids = [i for copy in own for i in copy.passage_ids if kept.get(i) != partition]
            self._index.delete(partition, ids)
            deleted += ids
        return deleted

    def _rebuild_lexical(self) -> None:
        self._lexical.rebuild(self._all_passages(), self._index.generation())

    def _placed(self, homes: Mapping[PassageId, Partition]) -> Iterator[Placed]:
        """Passages that were written, read again page by page: to keep them would take as much memory as all texts."""
        rows = iter(homes.items())
        while page := dict(islice(rows, PAGE)):
            yield from ((page[passage_id], passage) for passage_id, passage in self._index.fetch(page).items())

    def _all_passages(self) -> Iterator[Placed]:
        for partition in self._index.partitions():
            yield from ((partition, passage) for passage in self._index.passages(partition))

    @contextmanager
    def _alone(self, timeout_s: float) -> Iterator[None]:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self._data_dir / "sync.lock", timeout=timeout_s)
            lock.acquire()
        except filelock.Timeout as error:
            raise SyncRunning(f"another sync of {self._data_dir} is running; wait until it is done and try again") from error
        except OSError as error:
            raise IndexUnavailable(f"the data folder {self._data_dir} can't be written: {error}") from error
        try:
            yield
        finally:
            lock.release()


class SyncRunning(IndexUnavailable):
    """Another sync of the same data folder is running."""


class SyncStopped(KnowledgeError):
    """The sync was told to stop before it was done."""


def _until_stopped(source: Iterable[Document | SourceFailure], options: SyncOptions) -> Iterator[Document | SourceFailure]:
    for found in source:
        yield found
        _check(options)


def _stoppable(options: SyncOptions) -> Progress:
    def step(done: int, total: int, title: str) -> None:
        if options.on_progress is not None:
            options.on_progress(done, total, title)
        _check(options)

    return step


def _check(options: SyncOptions) -> None:
    if options.is_stopped is not None and options.is_stopped():
        raise SyncStopped("the sync was told to stop; what is left is done by the next one")


def _batches(documents: Iterable[Document]) -> Iterator[list[tuple[Document, list[Passage]]]]:
    """Whole documents, together at least BATCH passages, so that the model works on full batches."""
    batch: list[tuple[Document, list[Passage]]] = []
    count = 0
    for document in documents:
        batch.append((document, passages := chunk.split(document)))
        count += len(passages)
        if count >= BATCH:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch
