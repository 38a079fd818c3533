"""Reranks with a cross-encoder from a local folder, on this machine's CPU, through sentence-transformers."""

import json
import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowledge.errors import RerankerUnavailable
from knowledge.rerank_probe import wrong_order

MAX_TOKENS = 512
"""Of query and text together: what most cross-encoders are trained on. The longer of the two is cut."""
BATCH = 32
_TRAINED_HEADS = ("ForSequenceClassification", "ForCausalLM")


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
        pairs = [(_readable(query), _readable(text)) for text in texts]
        try:
            scores = [float(one) for one in model.predict(pairs, batch_size=BATCH, show_progress_bar=False)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise RerankerUnavailable(f"{self._folder}: the reranker failed: {error}") from error
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
        _refuse_other_models(self._folder)
        # Nothing leaves: a model that lacks a file must fail, not look for it elsewhere.
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            model = _opened(self._folder, self._threads)
        except Exception as error:
            # Four libraries read these files, and some of their errors share no other base.
            raise RerankerUnavailable(
                f"{self._folder}: the reranker can't be loaded: {error}; name a cross-encoder's folder with all its files"
            ) from error
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


def _opened(folder: Path, threads: int | None) -> Any:
    import torch
    from sentence_transformers import CrossEncoder
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if threads is not None:
        torch.set_num_threads(threads)
    model = CrossEncoder(str(folder), device="cpu", local_files_only=True, activation_fn=torch.nn.Sigmoid())
    model.max_seq_length = min(MAX_TOKENS, model.max_seq_length or MAX_TOKENS)
    return model


def _refuse_other_models(folder: Path) -> None:
    """The library gives a model without a head one that was never trained, and says so only in a log line."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architecture = str((config.get("architectures") or ["nothing"])[0])
    except (OSError, ValueError, AttributeError) as error:
        raise RerankerUnavailable(f"{folder}: no reranker here (no config.json that can be read); name its folder") from error
    if not architecture.endswith(_TRAINED_HEADS):
        raise RerankerUnavailable(
            f"{folder}: holds a {architecture}, which gives vectors and not scores; name a cross-encoder's folder "
            "(INNKEEPER_EMBEDDING_MODEL is where an embedding model goes)"
        )


def _readable(text: str) -> str:
    """A lone surrogate, which JSON may carry, would stop the tokenizer."""
    return text.encode("utf-8", "replace").decode()
