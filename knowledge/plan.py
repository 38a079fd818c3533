"""What a sync has to do: what was read, compared with what is stored. Pure, but for a look whether a path exists."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from knowledge import chunk
from knowledge.partitions import home_of
from knowledge.rows import Labels, StoredCopy, labels_of
from knowledge.scopes import OriginScope, Scope, is_protected
from knowledge.types import DocumentId, Listed, SourceFailure, SourceResult

D = TypeVar("D", bound=Listed)
FEW = 20
"""So many documents may always go at once. More of them must be less than half of an origin, or be asked for."""


@dataclass(frozen=True, slots=True)
class Plan(Generic[D]):
    """What has to be done. `stale` are the copies to delete once `write` is done, `relabel` those that keep their text."""

    write: tuple[D, ...]
    added: tuple[DocumentId, ...]
    updated: tuple[DocumentId, ...]
    unchanged: tuple[DocumentId, ...]
    removed: tuple[DocumentId, ...]
    failed: tuple[SourceFailure, ...]
    stale: Mapping[DocumentId, tuple[StoredCopy, ...]]
    relabel: tuple[tuple[StoredCopy, Labels], ...] = ()
    results: tuple[SourceResult, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if the indexes are in line already."""
        return not self.write and not self.stale and not self.relabel


@dataclass(frozen=True, slots=True)
class _Found(Generic[D]):
    """What becomes of the documents that were read."""

    write: list[D]
    added: list[D]
    updated: list[D]
    unchanged: list[D]
    relabel: list[tuple[StoredCopy, Labels]]
    stale: dict[DocumentId, tuple[StoredCopy, ...]]


@dataclass(frozen=True, slots=True)
class _Gone:
    """A document of which every copy is to go, and what it belonged to."""

    doc_id: DocumentId
    copies: tuple[StoredCopy, ...]
    origin: str
    scope: str


def make_plan(
    read: Iterable[D | SourceFailure],
    stored: Sequence[StoredCopy],
    scopes: Sequence[Scope],
    allow_mass_removal: bool = False,
) -> Plan[D]:
    """Compare what was read with what is stored.

    A stored copy is gone if one of the scopes owns it, and its document was neither read nor protected by a failure.
    A removal of more than half and more than `FEW` of an origin's documents is refused, with a failure that says so.

    Args:
        read: everything that the scopes' sources hold.
        stored: every copy of every document.
        scopes: what this sync answers for.
        allow_mass_removal: remove whatever is gone.
    """
    copies: dict[DocumentId, list[StoredCopy]] = {}
    for copy in stored:
        copies.setdefault(copy.doc_id, []).append(copy)
    documents, failed = _without_taken_ids(read, copies, scopes)
    found = _compare(documents, copies)
    gone, halves = _gone(documents, copies, scopes, failed)
    refused = [] if allow_mass_removal else _refused(gone, stored, scopes, {document.source for document in documents})
    kept = {(failure.origin, failure.source) for failure in refused}
    gone = [one for one in gone if (one.origin, one.scope) not in kept]
    failed += refused
    stale = {**found.stale, **halves, **{one.doc_id: one.copies for one in gone}}
    return Plan(
        write=tuple(found.write),
        added=_ids(found.added),
        updated=_ids(found.updated),
        unchanged=_ids(found.unchanged),
        removed=tuple(one.doc_id for one in gone),
        failed=tuple(failed),
        stale=stale,
        relabel=tuple(found.relabel),
        results=_results(found, gone, failed, scopes),
    )


def _without_taken_ids(
    read: Iterable[D | SourceFailure], copies: Mapping[DocumentId, Sequence[StoredCopy]], scopes: Sequence[Scope]
) -> tuple[list[D], list[SourceFailure]]:
    """Refuse an id that another source holds, or two sources would take the id from each other for ever."""
    documents: dict[DocumentId, D] = {}
    failed: list[SourceFailure] = []
    for found in read:
        if isinstance(found, SourceFailure):
            failed.append(found)
        elif (first := documents.get(found.doc_id)) is not None:
            reason = f"has the id {found.doc_id!r} of {_told(first.source, first.origin)}; {_REMEDY}"
            failed.append(SourceFailure(found.source, reason, found.origin))
        elif (holder := _holder(found, copies.get(found.doc_id, ()), scopes)) is not None:
            whose = _told(holder.source, holder.origin)
            reason = f"has the id {found.doc_id!r} of {whose}, which was ingested before; {_REMEDY}"
            failed.append(SourceFailure(found.source, reason, found.origin))
        else:
            documents[found.doc_id] = found
    return list(documents.values()), failed


_REMEDY = "give one of them another `id`, or one of the sources an `id_prefix`"


def _holder(document: Listed, copies: Sequence[StoredCopy], scopes: Sequence[Scope]) -> StoredCopy | None:
    """Another source that this sync doesn't answer for and that is still there. A page behind a URL is taken to be."""
    for copy in copies:
        is_foreign = copy.source != document.source and not any(scope.owns(copy) for scope in scopes)
        if is_foreign and ("://" in copy.source or Path(copy.source).exists()):
            return copy
    return None


def _told(source: str, origin: str) -> str:
    return f"{source} (source {origin!r})" if origin else source


def _compare(documents: Sequence[D], copies: Mapping[DocumentId, Sequence[StoredCopy]]) -> _Found[D]:
    found: _Found[D] = _Found([], [], [], [], [], {})
    for document in documents:
        mine = copies.get(document.doc_id, [])
        kept = next((copy for copy in mine if _is_current(copy, document)), None)
        if kept is not None and any(copy is not kept and copy.version == kept.version for copy in mine):
            # A killed sync left the same passages in two partitions. They are written once more, or removing the old ones
            # would take them from the word index, which knows a passage by its id.
            kept = None
        labels = labels_of(document)
        if kept is None:
            found.write.append(document)
            (found.updated if any(copy.is_complete for copy in mine) else found.added).append(document)
        elif kept.is_uniform and kept.labels == labels:
            found.unchanged.append(document)
        else:
            found.relabel.append((kept, labels))
            found.updated.append(document)
        if others := tuple(copy for copy in mine if copy is not kept):
            found.stale[document.doc_id] = others
    return found


def _is_current(copy: StoredCopy, document: Listed) -> bool:
    return (
        copy.is_complete
        and copy.version == document.version
        and copy.partition == home_of(document)
        and copy.layout == chunk.LAYOUT
    )


def _gone(
    documents: Sequence[Listed],
    copies: Mapping[DocumentId, Sequence[StoredCopy]],
    scopes: Sequence[Scope],
    failed: Sequence[SourceFailure],
) -> tuple[list[_Gone], dict[DocumentId, tuple[StoredCopy, ...]]]:
    """Documents that are gone altogether, and copies to delete of those that another source holds as well."""
    current = {document.doc_id for document in documents}
    gone: list[_Gone] = []
    halves: dict[DocumentId, tuple[StoredCopy, ...]] = {}
    for doc_id, mine in copies.items():
        if doc_id in current:
            continue
        lost = tuple(
            copy for copy in mine if any(scope.owns(copy) for scope in scopes) and not is_protected(copy, scopes, failed)
        )
        if lost and len(lost) < len(mine):
            halves[doc_id] = lost
        elif lost:
            gone.append(_Gone(doc_id, lost, lost[0].origin, _scope_name(lost[0], scopes)))
    return gone, halves


def _scope_name(copy: StoredCopy, scopes: Sequence[Scope]) -> str:
    return copy.origin or next(scope.name for scope in scopes if scope.owns(copy))


def _refused(gone: Sequence[_Gone], stored: Sequence[StoredCopy], scopes: Sequence[Scope], read: set[str]) -> list[SourceFailure]:
    """A failure for each origin (or root) that would lose most of its documents. One that got another id isn't lost."""
    all_ids: dict[tuple[str, str], set[DocumentId]] = {}
    for copy in stored:
        if any(scope.owns(copy) for scope in scopes):
            all_ids.setdefault((copy.origin, _scope_name(copy, scopes)), set()).add(copy.doc_id)
    lost = Counter((one.origin, one.scope) for one in gone if not any(copy.source in read for copy in one.copies))
    return [
        SourceFailure(
            scope,
            f"{count} of its {len(all_ids[origin, scope])} documents are gone, which looks like an empty folder or a wrong "
            "address; none of them was removed. If they are meant to go, ingest again with --allow-mass-removal",
            origin,
        )
        for (origin, scope), count in lost.items()
        if count > FEW and 2 * count > len(all_ids[origin, scope])
    ]


def _results(
    found: _Found[D], gone: Sequence[_Gone], failed: Sequence[SourceFailure], scopes: Sequence[Scope]
) -> tuple[SourceResult, ...]:
    """One for each origin, those of the scopes first."""
    rows = {scope.name: SourceResult(scope.name) for scope in scopes if isinstance(scope, OriginScope)}
    added, updated, unchanged = (
        Counter(document.origin for document in some) for some in (found.added, found.updated, found.unchanged)
    )
    removed = Counter(one.origin for one in gone)
    failures: dict[str, list[SourceFailure]] = {}
    for failure in failed:
        failures.setdefault(failure.origin, []).append(failure)
    for origin in (*added, *updated, *unchanged, *removed, *failures):
        rows.setdefault(origin, SourceResult(origin))
    return tuple(
        replace(
            row,
            added=added[name],
            updated=updated[name],
            unchanged=unchanged[name],
            removed=removed[name],
            failed=tuple(failures.get(name, ())),
            is_broken=any(
                failure.source == name or scope.is_failed_by(failure)
                for scope in scopes
                if scope.name == name
                for failure in failures.get(name, ())
            ),
        )
        for name, row in rows.items()
    )


def _ids(documents: Sequence[Listed]) -> tuple[DocumentId, ...]:
    return tuple(document.doc_id for document in documents)
