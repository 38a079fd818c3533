"""The words of the knowledge room: document, passage, query, hit. Frozen, no I/O."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

DocumentId = NewType("DocumentId", str)
PassageId = NewType("PassageId", str)
Vectors = npt.NDArray[np.float32]


class Audience(StrEnum):
    """Who may read a document. A customer's turn sees `PUBLIC` alone."""

    PUBLIC = "public"
    INTERNAL = "internal"


class Trust(StrEnum):
    """How far a source is relied on, where two of them differ."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Document:
    """One source text as Markdown, whatever it was before."""

    doc_id: DocumentId
    title: str
    text: str
    audience: Audience
    source: str
    url: str | None = None
    updated: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    """How people ask for it, in words that the text does not use. Found by, never shown."""
    origin: str = ""
    """Name of its source in `sources.yaml`, or the URL that was ingested; empty if it was ingested by path."""
    owner: str | None = None
    """The team or person that answers for it."""
    trust: Trust = Trust.NORMAL

    @property
    def version(self) -> str:
        """16 hex digits that change when anything a reader of the text could see changes.

        `source`, `origin`, `owner` and `trust` are not in it: they are labels, which change without a passage
        getting another id or being embedded again.
        """
        seen = [self.title, self.text, self.audience, self.url, self.updated, self.language, self.tags, self.asked]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


class Listed(Protocol):
    """What tells a document from its stored copies: all of it but the text. A `Document` is one."""

    @property
    def doc_id(self) -> DocumentId:
        """Its id."""
        ...

    @property
    def version(self) -> str:
        """As `Document.version`."""
        ...

    @property
    def audience(self) -> Audience:
        """Who may read it."""
        ...

    @property
    def source(self) -> str:
        """Where it was read."""
        ...

    @property
    def origin(self) -> str:
        """As `Document.origin`."""
        ...

    @property
    def language(self) -> str | None:
        """As it is labelled."""
        ...

    @property
    def owner(self) -> str | None:
        """As `Document.owner`."""
        ...

    @property
    def trust(self) -> Trust:
        """How far it is relied on."""
        ...


def passage_id(doc_id: DocumentId, version: str, ordinal: int) -> PassageId:
    """The id of the passage at one place of one version of a document."""
    return PassageId(f"{doc_id}:{version}:{ordinal}")


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of one version of a document, small enough to quote.

    `passage_id` derives from document, version and place (`ordinal`), never from the embedding.
    """

    passage_id: PassageId
    doc_id: DocumentId
    version: str
    ordinal: int
    title: str
    heading_path: tuple[str, ...]
    text: str
    audience: Audience
    url: str | None = None
    updated: str | None = None
    language: str | None = None
    owner: str | None = None
    trust: Trust = Trust.NORMAL


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, and what the asker may see.

    Attributes:
        text: the request itself.
        audiences: only their passages are looked at.
        k: most hits.
        earlier: what both sides said before `text`, oldest first.
        languages: only passages in one of them, and those that name no language; every language if empty. `de` finds
            `de-AT`, and `de-AT` finds `de`.
    """

    text: str
    audiences: frozenset[Audience] = frozenset({Audience.PUBLIC})
    k: int = 8
    earlier: tuple[str, ...] = ()
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    `score` orders the hits (higher is better, 0 to 1); `dense` is the cosine similarity of query and
    passage (-1 to 1); `lexical` is the BM25 score (0 and up, 0 when no word matched); `nearest` is the
    highest cosine similarity of the query to the passage or to a way of asking for it (-1 to 1, at
    least `dense`).
    """

    passage: Passage
    score: float
    dense: float
    lexical: float
    nearest: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that could not be read, and why. Its last good version stays in service.

    `source` is the path or URL of one document or of what lies under it, or the name of an origin for all of it.
    """

    source: str
    reason: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """What a sync did to the documents of one origin, in numbers of documents.

    Attributes:
        name: the origin; empty for what was ingested by path.
        added: new ones.
        updated: those of which text or labels changed.
        unchanged: those that were in line.
        removed: those that are gone.
        failed: what could not be read.
        is_broken: true if one of the failures is that of the origin as a whole.
    """

    name: str
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[SourceFailure, ...] = ()
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did to the knowledge base."""

    added: tuple[DocumentId, ...] = ()
    updated: tuple[DocumentId, ...] = ()
    unchanged: tuple[DocumentId, ...] = ()
    removed: tuple[DocumentId, ...] = ()
    failed: tuple[SourceFailure, ...] = ()
    passages: int = 0
    sources: tuple[SourceResult, ...] = ()


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """Identifies model and settings; vectors of two names must not be mixed."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised, in the order of `texts`. For texts to be found, and to be compared with each other."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for what to look for among texts that `embed` has embedded."""
        ...

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        """float32 [n, d], L2-normalised, comparable with those of `embed`: each moved towards what its title says.

        Args:
            passages: of each its title, which may be empty, and the text to embed, which begins with that title.
        """
        ...


@dataclass(frozen=True, eq=False)
class TokenStates:
    """What a model makes of each piece of a text, in context.

    Attributes:
        states: float32 [t, d], each row L2-normalised.
        spans: of each piece its place in the text, in characters.
        ids: of each its number in the model's vocabulary.
    """

    states: Vectors
    spans: tuple[tuple[int, int], ...]
    ids: tuple[int, ...]


@runtime_checkable
class TokenReader(Protocol):
    """An embedder that also tells what its model makes of each piece of a text."""

    def token_model(self) -> str:
        """Names the model, how it is run, and its files; empty if it keeps the pieces to itself."""
        ...

    def token_states(self, texts: Sequence[str]) -> list[TokenStates]:
        """One a text, in order, from the run of the model that its vector is from; `embed` remembers that vector."""
        ...


class Reranker(Protocol):
    """Judges how well texts answer a query, reading both together. Blocking; safe to share between threads."""

    @property
    def name(self) -> str:
        """The model and where it runs, for people. Holds no secret."""
        ...

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One number a text, 0 to 1, higher is more relevant, in the order of `texts`; [] for none.

        Raises:
            RerankerUnavailable: it can't be loaded or reached, or its scores can't be trusted.
        """
        ...

    def check(self) -> None:
        """Ready to score? Raises `RerankerUnavailable`."""
        ...
