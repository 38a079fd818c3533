"""Is a bundle what was signed? Every difference is named, and each kind of it by a word of its own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.errors import BundleFailed, BundleInvalid
from agent.operations.bundle.contents import sha256_of, walk
from agent.operations.bundle.manifest import MANIFEST, SIGNATURE, UNLISTED, FileEntry, Manifest, read_manifest
from agent.operations.bundle.signing import fingerprint, is_signed

LARGEST = 256 << 20
"""Bytes of a manifest or signature, which are read into memory before anything is known of them: for a million files."""
OnProgress = Callable[[int, int, str], None]
"""Told the bytes that are done, those there are, and the file."""


class Kind(StrEnum):
    """What can be wrong."""

    NO_BUNDLE = "no bundle"
    UNSIGNED = "unsigned"
    WRONG_KEY = "wrong key"
    SIGNATURE_BROKEN = "signature broken"
    MANIFEST_INVALID = "manifest invalid"
    MISSING = "missing"
    TRUNCATED = "truncated"
    LONGER = "longer"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    EXTRA = "extra"
    NO_PLAIN_FILE = "no plain file"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where, and what to do or know."""

    kind: Kind
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `manifest` is None unless its signature is good."""

    manifest: Manifest | None
    problems: tuple[Problem, ...]

    @property
    def is_good(self) -> bool:
        """Nothing is wrong."""
        return self.manifest is not None and not self.problems


def verify(bundle: Path, key: Ed25519PublicKey, on_progress: OnProgress = lambda *_: None) -> Verdict:
    """Check the signature first, since without it the list means nothing, then every file."""
    try:
        manifest = signed_manifest(bundle, key)
    except _Refused as refused:
        return Verdict(None, (refused.problem,))
    return Verdict(manifest, tuple(_differences(bundle, manifest, on_progress)))


def signed_manifest(bundle: Path, key: Ed25519PublicKey) -> Manifest:
    """The manifest, if this key signed it.

    Raises:
        BundleInvalid: there is none, or it isn't signed by this key.
    """
    if not (bundle / MANIFEST).is_file():
        raise _Refused(Kind.NO_BUNDLE, MANIFEST, f"{bundle} has none; name the folder that `innkeeper bundle create` made")
    content = _small(bundle, MANIFEST)
    if not (bundle / SIGNATURE).is_file():
        raise _Refused(Kind.UNSIGNED, SIGNATURE, "there is no signature, so nothing in the bundle can be trusted")
    if not is_signed(content, _small(bundle, SIGNATURE), key):
        raise _Refused(*_why_not_signed(content, key))
    try:
        return read_manifest(content)
    except BundleInvalid as error:
        raise _Refused(Kind.MANIFEST_INVALID, MANIFEST, str(error)) from error


class _Refused(BundleInvalid):
    def __init__(self, kind: Kind, path: str, detail: str) -> None:
        self.problem = Problem(kind, path, detail)
        super().__init__(str(self.problem))


def _small(bundle: Path, name: str) -> bytes:
    try:
        with os.fdopen(os.open(bundle / name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise _Refused(Kind.UNREADABLE, name, error.strerror or "can't be read") from error
    if len(content) > LARGEST:
        raise _Refused(Kind.MANIFEST_INVALID, name, f"it has more than {LARGEST >> 20} MiB")
    return content


def _why_not_signed(content: bytes, key: Ed25519PublicKey) -> tuple[Kind, str, str]:
    """What an untrusted manifest says of its key is good for this hint, and for nothing else."""
    ours = fingerprint(key)
    try:
        theirs = read_manifest(content).signed_by
    except BundleInvalid:
        return Kind.SIGNATURE_BROKEN, MANIFEST, "it isn't a manifest any more, and its signature doesn't fit"
    if theirs == ours:
        return Kind.SIGNATURE_BROKEN, MANIFEST, "the manifest or its signature was changed after it was signed with this key"
    return Kind.WRONG_KEY, SIGNATURE, f"it says it was signed with the key {theirs[:16]}…, and you gave {ours[:16]}…"


def _differences(bundle: Path, manifest: Manifest, on_progress: OnProgress) -> Iterator[Problem]:
    listed = {entry.path: entry for entry in manifest.files}
    seen: set[str] = set()
    done = 0

    def on_bytes(count: int, name: str) -> None:
        nonlocal done
        done += count
        on_progress(done, manifest.bytes, name)

    for found in walk(bundle):
        seen.add(found.path)
        if not found.is_plain:
            yield Problem(Kind.NO_PLAIN_FILE, _shown(found.path), "links, devices and pipes have no place in a bundle")
        elif found.path in listed:
            problem = _difference(bundle, listed[found.path], found.size, on_bytes)
            if problem:
                yield problem
        elif found.path not in UNLISTED:
            yield Problem(Kind.EXTRA, _shown(found.path), "the manifest doesn't list it")
    for path in sorted(listed.keys() - seen):
        yield Problem(Kind.MISSING, path, f"it should have {listed[path].size} bytes")


def _shown(path: str) -> str:
    """A name that somebody else chose, without what a terminal would obey."""
    return path if path.isprintable() else ascii(path)


def _difference(bundle: Path, entry: FileEntry, size: int, on_bytes: Callable[[int, str], None]) -> Problem | None:
    if size < entry.size:
        return Problem(Kind.TRUNCATED, entry.path, f"{size} of {entry.size} bytes: copy it again")
    if size > entry.size:
        return Problem(Kind.LONGER, entry.path, f"{size} bytes instead of {entry.size}")
    try:
        found = sha256_of(bundle / entry.path, on_bytes)
    except BundleFailed as error:
        return Problem(Kind.UNREADABLE, entry.path, str(error))
    if found != entry.sha256:
        return Problem(Kind.CHANGED, entry.path, f"SHA-256 {found[:16]}… instead of {entry.sha256[:16]}…")
    return None
