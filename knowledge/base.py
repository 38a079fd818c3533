"""The knowledge room's front door: one object that ingests and finds. It only puts the parts together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.embed import SentenceTransformerEmbedder
from knowledge.embed_both import BothEmbedder
from knowledge.embed_e5 import E5Embedder
from knowledge.index import ChromaIndex
from knowledge.lexical import LexicalIndex
from knowledge.retriever import DENSE_WEIGHT, MULTILINGUAL_DENSE_WEIGHT, HybridRetriever
from knowledge.rows import StoredCopy
from knowledge.sync import Progress, Syncer
from knowledge.types import Audience, Embedder, Hit, Passage, Query, SyncReport


@dataclass(frozen=True, slots=True)
class KnowledgeSettings:
    """Where the knowledge base lives and what it embeds with.

    Attributes:
        data_dir: folder of the indexes; several processes may share it.
        embedding_model: local sentence-transformers folder; the packaged MiniLM if None.
        chroma_url: `http://host:port` of a Chroma server; embedded if None.
        threads: threads of the embedding model, for the whole process; the library's choice if None.
        multilingual: also embed with multilingual-e5-small, which finds passages for questions in other languages.
    """

    data_dir: Path
    embedding_model: Path | None = None
    chroma_url: str | None = None
    threads: int | None = None
    multilingual: bool = False


class KnowledgeBase:
    """Ingest and search. Nothing is opened before first use; safe to share between threads."""

    def __init__(self, settings: KnowledgeSettings, embedder: Embedder | None = None) -> None:
        """Opens nothing yet.

        Args:
            settings: where things are.
            embedder: used in place of the one that the settings name, e.g. one that is loaded already.
        """
        self.embedder: Embedder = embedder or _embedder(settings)
        self._index = ChromaIndex(folder=settings.data_dir / "chroma", url=settings.chroma_url, embedder=self.embedder)
        self._lexical = LexicalIndex(settings.data_dir / "lexical")
        self._syncer = Syncer(settings.data_dir, self._index, self._lexical, self.embedder)
        foreign = MULTILINGUAL_DENSE_WEIGHT if settings.multilingual else DENSE_WEIGHT
        self._retriever = HybridRetriever(self._index, self._lexical, self.embedder, self._syncer.mend_lexical, foreign)

    def search(self, query: Query) -> list[Hit]:
        """See `HybridRetriever.search`."""
        return self._retriever.search(query)

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """See `HybridRetriever.around`."""
        return self._retriever.around(passage, audiences)

    def sync(
        self,
        paths: Sequence[Path],
        default_audience: Audience = Audience.PUBLIC,
        on_progress: Progress | None = None,
    ) -> SyncReport:
        """See `Syncer.sync`."""
        return self._syncer.sync(paths, default_audience, on_progress)

    def counts(self) -> dict[Audience, int]:
        """Passages by audience."""
        return self._index.counts()

    def documents(self) -> list[StoredCopy]:
        """Every document with its source, audience and passage ids, in the order of their ids."""
        return sorted(self._index.catalogue(), key=lambda copy: (copy.doc_id, copy.audience))

    def check(self) -> None:
        """Ready to search?

        Raises:
            KnowledgeError: the index can't be reached, or was built with another model, or the model is broken.
        """
        self._index.generation()
        self.embedder.embed(["ready?"])

    def close(self) -> None:
        """Release files and connections."""
        self._index.close()
        self._lexical.close()


def _embedder(settings: KnowledgeSettings) -> Embedder:
    english = SentenceTransformerEmbedder(settings.embedding_model, settings.threads)
    return BothEmbedder(english, E5Embedder(settings.threads)) if settings.multilingual else english
