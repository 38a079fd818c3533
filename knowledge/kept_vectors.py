"""Vectors of the texts that every process embeds when it starts, kept in a file of the data folder. Knows no model.

A file is named by what is in it: the model with its fingerprint and how it is rounded, and the texts themselves. Other texts or
another model have another file, so that none is ever stale; the ones that were not asked for lately are removed.
"""

import contextlib
import hashlib
import json
import logging
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge.types import Embedder, Vectors

_log = logging.getLogger(__name__)

FOLDER = "vectors"
MOST_FILES = 8
"""A pack's examples and its wishes are two; the others are of packs that are tried beside it, and of the last ones."""
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error)


class KeptVectors:
    """Embeds a list of texts once for all processes that share a data folder. Safe to share between threads."""

    def __init__(self, embedder: Embedder, data_dir: Path) -> None:
        """Touches nothing yet.

        Args:
            embedder: makes what isn't kept.
            data_dir: several processes may share it. If it can't be written, nothing is kept.
        """
        self._embedder = embedder
        self._folder = data_dir / FOLDER

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. A file that is missing, cut off or damaged is written anew.

        Raises:
            EmbeddingUnavailable: the model is missing or broken.
        """
        if not texts:
            return self._embedder.embed(texts)
        path = self._folder / f"{digest(self._embedder.name, texts)}.npz"
        found = _read(path, len(texts))
        if found is None:
            found = self._embedder.embed(texts)
            self._keep(path, found)
        return found

    def _keep(self, path: Path, vectors: Vectors) -> None:
        part = path.with_name(f".{path.stem}-{os.getpid()}-{os.urandom(4).hex()}.part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with part.open("wb") as file:
                    np.savez(file, vectors=vectors)
                part.replace(path)  # as a whole or not at all: others may read it meanwhile
            finally:
                part.unlink(missing_ok=True)
            self._forget_old()
        except OSError as error:
            _log.warning("vectors_not_kept: %s: %s", self._folder, error.strerror)

    def _forget_old(self) -> None:
        # Also what a process left that was killed while it wrote.
        files = sorted(self._folder.iterdir(), key=_used_at, reverse=True)
        for path in files[MOST_FILES:]:
            path.unlink(missing_ok=True)


def digest(model: str, texts: Sequence[str]) -> str:
    """What a file is named by: SHA-256, 64 hex digits."""
    return hashlib.sha256(json.dumps([model, *texts]).encode()).hexdigest()


def _read(path: Path, count: int) -> Vectors | None:
    """float32 [count, d]; None if there is no such file, or it is damaged. The archive has a checksum of its own."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            vectors: Vectors = archive["vectors"]
    except _UNREADABLE:
        return None
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != count:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return vectors


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has removed it
        return 0.0
