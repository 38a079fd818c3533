"""What a sync answers for: whose stored copies may be removed, and which failures protect them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from knowledge.rows import StoredCopy
from knowledge.types import SourceFailure


@dataclass(frozen=True, slots=True)
class PathScope:
    """What was ingested by path and lies under `root`, an absolute path."""

    root: Path

    @property
    def name(self) -> str:
        """How a report calls it."""
        return str(self.root)

    def owns(self, copy: StoredCopy) -> bool:
        """True if the copy may be removed by a sync of this scope."""
        return not copy.origin and lies_under(copy.source, str(self.root))

    def is_failed_by(self, failure: SourceFailure) -> bool:
        """True if the failure is that of the whole scope."""
        return lies_under(str(self.root), failure.source)


@dataclass(frozen=True, slots=True)
class OriginScope:
    """All documents of one origin. `root` is the path or URL of the whole of it, empty if there is no such thing."""

    name: str
    root: str = ""

    def owns(self, copy: StoredCopy) -> bool:
        """True if the copy may be removed by a sync of this scope."""
        return copy.origin == self.name

    def is_failed_by(self, failure: SourceFailure) -> bool:
        """True if the failure is that of the whole scope."""
        if failure.origin not in {"", self.name}:
            return False
        return failure.source == self.name or (bool(self.root) and lies_under(self.root, failure.source))


@dataclass(frozen=True, slots=True)
class UnlistedScope:
    """All documents of origins that were in the list once and are not now: those of URLs and paths never were."""

    listed: frozenset[str]
    name: str = ""

    def owns(self, copy: StoredCopy) -> bool:
        """True if the copy may be removed by a sync of this scope."""
        return bool(copy.origin) and "://" not in copy.origin and copy.origin not in self.listed

    def is_failed_by(self, failure: SourceFailure) -> bool:
        """Nothing of it is read, so nothing can fail."""
        return False


Scope = PathScope | OriginScope | UnlistedScope


def is_protected(copy: StoredCopy, scopes: Iterable[Scope], failures: Iterable[SourceFailure]) -> bool:
    """True if a failure tells that the copy's document may still be there.

    That is the failure of the document itself, of a place it lies under, or of a whole scope that owns it.
    """
    own = [scope for scope in scopes if scope.owns(copy)]
    return any(lies_under(copy.source, f.source) or any(scope.is_failed_by(f) for scope in own) for f in failures)


def lies_under(source: str, place: str) -> bool:
    """True if a path or URL is `place` or within it: `/docs2` does not lie under `/docs`, nor `/ab` of a site under `/a`."""
    if not place:
        return False
    if "://" in place:
        start = place.rstrip("/")
        return source.rstrip("/") == start or source.startswith((f"{start}/", f"{start}?", f"{start}#"))
    return "://" not in source and Path(source).is_relative_to(place)
