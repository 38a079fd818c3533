"""The words of the knowledge room: document, passage, query, hit. Frozen, no I/O."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt

DocumentId = NewType("DocumentId", str)
PassageId = NewType("PassageId", str)
Vectors = npt.NDArray[np.float32]


class Audience(StrEnum):
    """Who may read a document. A customer's turn sees `PUBLIC` alone."""

    PUBLIC = "public"
    INTERNAL = "internal"


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

    @property
    def version(self) -> str:
        """16 hex digits that change when anything a reader could see changes."""
        seen = [self.title, self.text, self.audience, self.url, self.updated, self.language, self.tags, self.asked]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


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


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for, and what the asker may see."""

    text: str
    audiences: frozenset[Audience] = frozenset({Audience.PUBLIC})
    k: int = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    `score` orders the hits (higher is better, 0 to 1); `dense` is the cosine similarity of query and
    passage (-1 to 1); `lexical` is the BM25 score (0 and up, 0 when no word matched); `nearest` is the
    highest cosine similarity of the query to the passage, to one of its sentences, or to a way of
    asking for it (-1 to 1, at least `dense`).
    """

    passage: Passage
    score: float
    dense: float
    lexical: float
    nearest: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that could not be read, and why. Its last good version stays in service."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did to the knowledge base."""

    added: tuple[DocumentId, ...] = ()
    updated: tuple[DocumentId, ...] = ()
    unchanged: tuple[DocumentId, ...] = ()
    removed: tuple[DocumentId, ...] = ()
    failed: tuple[SourceFailure, ...] = ()
    passages: int = 0


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
