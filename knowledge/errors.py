"""The errors of the knowledge room.

KnowledgeError
  SourceUnreadable     a file can't be read or understood; the rest of the sync goes on
  ListingInvalid       sources.yaml can't be used; nothing is changed
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


class ListingInvalid(KnowledgeError):
    """`sources.yaml` can't be used. `problems` has a line each, with file and line number."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("the list of sources can't be used; nothing was changed:\n" + "\n".join(f"  {p}" for p in problems))
        self.problems = problems


class IndexUnavailable(KnowledgeError):
    """The vector or word index can't be reached or written now."""


class IndexMismatch(KnowledgeError):
    """The index on disk was built with another embedding model."""


class EmbeddingUnavailable(KnowledgeError):
    """The embedding model is missing or broken."""
