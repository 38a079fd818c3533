"""The errors of the knowledge room.

KnowledgeError
  SourceUnreadable     a file can't be read or understood; the rest of the sync goes on
    PageUnreadable     a page of a website can't be fetched; says whether it may be back next time
  IndexUnavailable     the vector or word index can't be reached or written now; try again
  IndexMismatch        the index was built with another embedding model; refuse to start
  EmbeddingUnavailable the embedding model is missing or broken; refuse to start
"""


class KnowledgeError(Exception):
    """Root of the room. The message says what happened, what was tried and what to do."""


class SourceUnreadable(KnowledgeError):
    """A source can't be read or understood."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class PageUnreadable(SourceUnreadable):
    """A page of a website can't be fetched.

    `status` is the server's answer, None where there was none. `is_passing` tells a server in trouble,
    which may answer next time, from one that has decided; `is_cut` that a limit of the whole site was
    reached.
    """

    def __init__(
        self, source: str, reason: str, *, status: int | None = None, is_passing: bool = False, is_cut: bool = False
    ) -> None:
        super().__init__(source, reason)
        self.status = status
        self.is_passing = is_passing
        self.is_cut = is_cut

    @property
    def is_gone(self) -> bool:
        """True if the server says that there is no such page."""
        return self.status in {404, 410}


class IndexUnavailable(KnowledgeError):
    """The vector or word index can't be reached or written now."""


class IndexMismatch(KnowledgeError):
    """The index on disk was built with another embedding model."""


class EmbeddingUnavailable(KnowledgeError):
    """The embedding model is missing or broken."""
