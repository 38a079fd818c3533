"""Reranks with a cross-encoder from a local folder, on this machine's CPU, through sentence-transformers."""

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.cross_encoder import BATCH, UnusableFolder, opened, read_config, readable
from knowledge.errors import RerankerUnavailable
from knowledge.rerank_probe import wrong_order


class CrossEncoderReranker:
    """Any folder that `sentence_transformers.CrossEncoder` reads, of one score. Loads at first use; one call at a time."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            folder: the model's.
            threads: of torch, for the whole process; its own choice if None.
        """
        self._folder = folder
        self._threads = threads
        self._lock = threading.RLock()
        self._model: Any = None
        self._refusal = ""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._folder.resolve().name

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """See `Reranker.score`. Scores are the sigmoid of what the model says, whatever its folder asks for."""
        if not texts:
            return []
        with self._lock:
            return self._scored(self._load(), query, texts)

    def check(self) -> None:
        """Load it.

        Raises:
            RerankerUnavailable: it can't be loaded, is no reranker, or fails questions with known answers.
        """
        with self._lock:
            self._load()

    def _scored(self, model: Any, query: str, texts: Sequence[str]) -> list[float]:
        pairs = [(readable(query), readable(text)) for text in texts]
        try:
            told = np.asarray(model.predict(pairs, batch_size=BATCH, show_progress_bar=False), np.float64)
        except (RuntimeError, IndexError, ValueError) as error:
            raise RerankerUnavailable(f"{self._folder}: the reranker failed: {error}") from error
        scores = [float(one) for one in 1 / (1 + np.exp(-np.clip(told, -500, 500)))]
        if not all(math.isfinite(one) for one in scores):
            raise RerankerUnavailable(f"{self._folder}: the reranker gives scores that are no numbers; its weights are broken")
        return scores

    def _load(self) -> Any:
        if self._refusal:
            # A folder that is broken stays so; to read it again for each search would only take time.
            raise RerankerUnavailable(self._refusal)
        if self._model is None:
            try:
                self._model = self._proven()
            except RerankerUnavailable as error:
                self._refusal = f"{error}; then start again"
                raise RerankerUnavailable(self._refusal) from error
        return self._model

    def _proven(self) -> Any:
        try:
            read_config(self._folder, "reranker")
            model = opened(self._folder, self._threads)
        except UnusableFolder as error:
            raise RerankerUnavailable(f"{self._folder}: {error}") from error
        if model.num_labels != 1:
            raise RerankerUnavailable(
                f"{self._folder}: gives {model.num_labels} numbers for a pair of texts, and a reranker gives one; "
                "name a cross-encoder that is trained to rank"
            )
        if wrong := wrong_order(lambda query, texts: self._scored(model, query, texts)):
            raise RerankerUnavailable(
                f"{self._folder}: is not used, for {wrong}; name a reranker whose last layer was trained and saved with it"
            )
        return model
