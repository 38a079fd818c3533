"""The errors of the knowledge room.

KnowledgeError
  SourceUnreadable     a file can't be read or understood; the rest of the sync goes on
    PageUnreadable     a page of a website can't be fetched; says whether it may be back next time
  ListingInvalid       sources.yaml can't be used; nothing is changed
  IndexUnavailable     the vector or word index can't be reached or written now; try again
  IndexMismatch        the index was built with another embedding model or version; refuse to start
  EmbeddingUnavailable the embedding model is missing or broken; refuse to start
  RerankerUnavailable  the reranker is missing, broken, away or wrong; searches go on without it
  EntailmentUnavailable the model that checks claims is missing, broken or wrong; refuse to start
  DatasetUnreadable    a data set to measure on can't be read or understood
"""

from pathlib import Path


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
    """The index was built with another embedding model, or written by another version."""


class EmbeddingUnavailable(KnowledgeError):
    """The embedding model is missing or broken."""


class RerankerUnavailable(KnowledgeError):
    """The reranker can't be loaded or reached, or its scores can't be trusted."""


class EntailmentUnavailable(KnowledgeError):
    """The cross-encoder that checks claims can't be loaded, or its scores can't be trusted."""


class DatasetUnreadable(KnowledgeError):
    """A file of a data set is missing, or one of its lines is broken."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        """Says where.

        Args:
            path: the file.
            line: its number from 1; None if the fault is in no single line.
            reason: what is wrong.
        """
        super().__init__(f"{path}: {reason}" if line is None else f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason
