"""The knowledge room's front door: one object that ingests and finds. It only puts the parts together."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from knowledge.embed import SentenceTransformerEmbedder
from knowledge.embed_both import BothEmbedder
from knowledge.embed_e5 import E5Embedder
from knowledge.errors import KnowledgeError
from knowledge.fusion import FOREIGN_WORDS_WEIGHT, WORDS_WEIGHT
from knowledge.index import PAGE, ChromaIndex
from knowledge.kept_vectors import KeptVectors
from knowledge.lexical import LexicalIndex
from knowledge.refresh import SourceState, load_states, note_results, with_since
from knowledge.rerank_local import CrossEncoderReranker
from knowledge.rerank_step import RerankerState, RerankStep
from knowledge.rerank_vllm import RerankerServer, VllmReranker
from knowledge.retriever import HybridRetriever
from knowledge.rows import StoredCopy
from knowledge.scopes import OriginScope, Scope, UnlistedScope
from knowledge.sources.kinds import BaseSource
from knowledge.sources.opening import open_source
from knowledge.sync import Syncer, SyncOptions, SyncRunning, SyncStopped
from knowledge.types import (
    Audience,
    Document,
    Embedder,
    Hit,
    Passage,
    Query,
    Reranker,
    SourceFailure,
    SourceResult,
    SyncReport,
    Vectors,
)
from knowledge.usage import UsageRecord


@dataclass(frozen=True, slots=True)
class KnowledgeSettings:
    """Where the knowledge base lives and what it embeds with.

    Attributes:
        data_dir: folder of the indexes; several processes may share it.
        embedding_model: local sentence-transformers folder; the packaged MiniLM if None.
        chroma_url: `http://host:port` of a Chroma server; embedded if None.
        threads: threads of the embedding model, for the whole process; the library's choice if None.
        multilingual: also embed with multilingual-e5-small, which finds passages for questions in other languages.
        reranker: folder of a cross-encoder, or where one is served; searches are not reranked if None.
        counts_searches: whether what is found goes into the record of usage; not for questions that no customer asks.
    """

    data_dir: Path
    embedding_model: Path | None = None
    chroma_url: str | None = None
    threads: int | None = None
    multilingual: bool = False
    reranker: Path | RerankerServer | None = None
    counts_searches: bool = True


class KnowledgeBase:
    """Ingest and search. Nothing is opened before first use; safe to share between threads."""

    def __init__(self, settings: KnowledgeSettings, embedder: Embedder | None = None, rerank: RerankStep | None = None) -> None:
        """Opens nothing yet.

        Args:
            settings: where things are.
            embedder: used in place of the one that the settings name, e.g. one that is loaded already.
            rerank: used in place of one with the reranker that the settings name.

        Raises:
            RerankerUnavailable: the reranker's URL is no address.
        """
        self.embedder: Embedder = embedder or _embedder(settings)
        self.kept_vectors = KeptVectors(self.embedder, settings.data_dir)
        self._fetched = settings.data_dir / "fetched"
        self._index = ChromaIndex(folder=settings.data_dir / "chroma", url=settings.chroma_url, embedder=self.embedder)
        self._lexical = LexicalIndex(settings.data_dir / "lexical")
        self._data_dir = settings.data_dir
        self._syncer = Syncer(settings.data_dir, self._index, self._lexical, self.embedder)
        self.usage = UsageRecord(settings.data_dir / "usage.sqlite3")
        foreign = FOREIGN_WORDS_WEIGHT if settings.multilingual else WORDS_WEIGHT
        self._counts_searches = settings.counts_searches
        self._rerank = rerank or RerankStep(_reranker(settings))
        self._retriever = HybridRetriever(
            self._index, self._lexical, self.embedder, self._syncer.mend_lexical, foreign, self._rerank
        )

    def search(self, query: Query) -> list[Hit]:
        """See `HybridRetriever.search`. What is found is counted, by passage and day; the question is not kept."""
        hits = self._retriever.search(query)
        if self._counts_searches:
            self.usage.found([hit.passage.passage_id for hit in hits])
        return hits

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """See `HybridRetriever.around`."""
        return self._retriever.around(passage, audiences)

    def sync(
        self,
        paths: Sequence[Path],
        default_audience: Audience = Audience.PUBLIC,
        options: SyncOptions | None = None,
    ) -> SyncReport:
        """See `Syncer.sync`."""
        return self._syncer.sync(paths, default_audience, options)

    def sync_sources(
        self, sources: Sequence[BaseSource], options: SyncOptions | None = None, *, are_all: bool = False
    ) -> SyncReport:
        """Bring the documents of sources in line, and remember when. A source that can't be read keeps its documents.

        The reason of a failure ends with the day since when it has been so, if earlier syncs told of it already.

        Args:
            sources: what to read.
            options: how.
            are_all: these are all that there are: documents of sources that were listed once are removed.

        Raises:
            KnowledgeError: as `Syncer.bring_in_line`; nothing is removed then. It counts as a failure of each source,
                but for `SyncRunning` and `SyncStopped`.
        """
        names = frozenset(source.name for source in sources)
        scopes: list[Scope] = [OriginScope(source.name, source.root) for source in sources]
        if are_all:
            scopes.append(UnlistedScope(names))
        found = (document for source in sources for document in open_source(source, self._fetched))
        try:
            report = self._syncer.bring_in_line(scopes, found, options or SyncOptions())
        except (SyncRunning, SyncStopped):
            raise
        except KnowledgeError:
            failed = [SourceResult(name, is_broken=True) for name in names]
            note_results(self._data_dir, failed, datetime.now(UTC))
            raise
        now = datetime.now(UTC)
        return with_since(report, note_results(self._data_dir, report.sources, now, names if are_all else None), now)

    def bring_in_line(
        self, scopes: Sequence[Scope], source: Iterable[Document | SourceFailure], options: SyncOptions
    ) -> SyncReport:
        """See `Syncer.bring_in_line`."""
        return self._syncer.bring_in_line(scopes, source, options)

    def forget(self, origin: str) -> SyncReport:
        """Remove every document of an origin. Raises as `Syncer.bring_in_line`."""
        return self._syncer.bring_in_line([OriginScope(origin)], (), SyncOptions(allow_mass_removal=True))

    def source_states(self) -> dict[str, SourceState]:
        """When each source was last brought in line."""
        return load_states(self._data_dir)

    def counts(self) -> dict[Audience, int]:
        """Passages by audience, as they are now."""
        self._index.generation()
        return self._index.counts()

    def documents(self) -> list[StoredCopy]:
        """Every document with its source, audience and passage ids, in the order of their ids, as they are now."""
        self._index.generation()
        return sorted(self._index.catalogue(), key=lambda copy: (copy.doc_id, copy.partition.name))

    def fingerprint(self) -> str:
        """SHA-256 of which passages there are and who may see them. Another text has another passage id."""
        named = (f"{copy.partition.name}\t{copy.doc_id}\t{' '.join(map(str, copy.passage_ids))}" for copy in self.documents())
        return hashlib.sha256("\n".join(sorted(named)).encode("utf-8", "surrogatepass")).hexdigest()

    def everything(self) -> Iterator[tuple[Passage, Vectors]]:
        """Every passage with its vector, float32 [d], page by page. What is removed meanwhile may lack."""
        self._index.generation()
        for partition in self._index.partitions():
            passages = self._index.passages(partition)
            while page := list(islice(passages, PAGE)):
                vectors = self._index.vectors({passage.passage_id: partition for passage in page})
                yield from ((p, vectors[p.passage_id]) for p in page if p.passage_id in vectors)

    def check(self) -> None:
        """Ready to search? A reranker's server that is away is no reason against it: see `check_reranker`.

        Raises:
            RerankerUnavailable: the reranker's folder can't be used.
            KnowledgeError: the index can't be reached, or was built with another model, or the model is broken.
        """
        if isinstance(self._rerank.reranker, CrossEncoderReranker):
            self._rerank.reranker.check()
        self._index.generation()
        self.embedder.embed(["ready?"])

    @property
    def reranker_state(self) -> RerankerState:
        """Which reranker there is, and how it goes."""
        return self._rerank.state

    def check_reranker(self) -> None:
        """Does the reranker answer what is known? Asks nothing if there is none.

        Raises:
            RerankerUnavailable: it can't be loaded or reached, or its scores are wrong.
        """
        if self._rerank.reranker is not None:
            self._rerank.reranker.check()

    def close(self) -> None:
        """Release files and connections, and write what is still to be counted."""
        self.usage.close()
        self._index.close()
        self._lexical.close()
        if isinstance(self._rerank.reranker, VllmReranker):
            self._rerank.reranker.close()


def _embedder(settings: KnowledgeSettings) -> Embedder:
    english = SentenceTransformerEmbedder(settings.embedding_model, settings.threads)
    return BothEmbedder(english, E5Embedder(settings.threads)) if settings.multilingual else english


def _reranker(settings: KnowledgeSettings) -> Reranker | None:
    if isinstance(settings.reranker, RerankerServer):
        return VllmReranker(settings.reranker)
    return CrossEncoderReranker(settings.reranker, settings.threads) if settings.reranker is not None else None
