"""Does a text say what a sentence says? A cross-encoder from a local folder, on this machine's CPU.

Two kinds of model are known: those that name `entailment` among their labels (natural language inference, two labels or
three), and those of one number, which is read through the sigmoid (trained to tell what is consistent, or to rank).
"""

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.cross_encoder import BATCH, UnusableFolder, opened, read_config, readable
from knowledge.errors import EntailmentUnavailable

_OPENING = "The pool is open from 9 in the morning until 8 in the evening. Children swim with an adult."
_PRICE = "Breakfast costs 12 euros per person and is served in the garden."
_KNOWN = (
    # Each true sentence is the other text's wrong one: a model that looks at the sentences alone can't pass.
    (_OPENING, "The pool is open until 8 in the evening.", True),
    (_OPENING, "Breakfast costs 12 euros per person.", False),
    (_PRICE, "Breakfast costs 12 euros per person.", True),
    (_PRICE, "The pool is open until 8 in the evening.", False),
)


class EntailmentModel:
    """Any folder that `sentence_transformers.CrossEncoder` reads. Loads at first use; one call at a time."""

    def __init__(self, folder: Path, threshold: float = 0.5, threads: int | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            folder: the model's.
            threshold: what the probability of a sentence that the text says must reach, and of any other must not:
                `check` holds the model to it.
            threads: of torch, for the whole process; its own choice if None.
        """
        self._folder = folder
        self._threshold = threshold
        self._threads = threads
        self._lock = threading.Lock()
        self._model: Any = None
        self._label = 0
        self._refusal = ""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self._folder.resolve().name

    def entailed(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The probability that the first text of each pair says what the second says, in order.

        Raises:
            EntailmentUnavailable: as `check`, or the model fails on these.
        """
        with self._lock:
            self._load()
            return self._scored(pairs) if pairs else []

    def check(self) -> None:
        """Load it, once.

        Raises:
            EntailmentUnavailable: it can't be loaded, doesn't say what its numbers mean, or gets wrong what is known.
        """
        with self._lock:
            self._load()

    def _load(self) -> None:
        if self._refusal:
            # A folder that is broken stays so; to read it again for each turn would only take time.
            raise EntailmentUnavailable(self._refusal)
        if self._model is not None:
            return
        try:
            config = read_config(self._folder)
            self._model = opened(self._folder, self._threads)
            self._label = _entailment(config, int(self._model.num_labels))
            self._prove()
        except (UnusableFolder, EntailmentUnavailable) as error:
            self._model = None
            reason = str(error).removeprefix(f"{self._folder}: ")
            self._refusal = f"{self._folder}: the model that checks claims is not used: {reason}; then start again"
            raise EntailmentUnavailable(self._refusal) from error

    def _prove(self) -> None:
        """A head that was never trained, or labels in another order than the config says, still give numbers."""
        found = self._scored([(text, sentence) for text, sentence, _ in _KNOWN])
        for (text, sentence, is_said), one in zip(_KNOWN, found, strict=True):
            if (one >= self._threshold) is not is_said:
                raise EntailmentUnavailable(
                    f"it gives {one:.3f} for {sentence!r} from {text!r}, which {'says' if is_said else 'does not say'} it "
                    f"(the threshold is {self._threshold:g}); name a model whose last layer was trained and saved with it"
                )

    def _scored(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        texts = [(readable(text), readable(sentence)) for text, sentence in pairs]
        try:
            told = np.asarray(self._model.predict(texts, batch_size=BATCH, show_progress_bar=False), np.float64)
        except (RuntimeError, IndexError, ValueError) as error:
            raise EntailmentUnavailable(f"{self._folder}: the model that checks claims failed: {error}") from error
        found = probabilities(told.reshape(len(texts), -1), self._label)
        if not all(math.isfinite(one) for one in found):
            raise EntailmentUnavailable(f"{self._folder}: it gives scores that are no numbers; its weights are broken")
        return found


def probabilities(told: np.ndarray, label: int) -> list[float]:
    """What the last layer says as probabilities of one label, by softmax; of a single number by the sigmoid.

    Args:
        told: float [n, labels].
        label: which of them is asked for.
    """
    if told.shape[1] == 1:
        return [float(one) for one in 1 / (1 + np.exp(-np.clip(told[:, 0], -500, 500)))]
    weights = np.exp(told - told.max(axis=1, keepdims=True))
    return [float(one) for one in weights[:, label] / weights.sum(axis=1)]


def _entailment(config: dict[str, Any], labels: int) -> int:
    """Which of a model's labels is entailment, by its config."""
    if labels == 1:
        return 0
    names = config.get("id2label")
    found = [at for at, name in names.items() if str(name).strip().casefold() == "entailment"] if isinstance(names, dict) else []
    if len(found) != 1 or not str(found[0]).isdigit() or int(found[0]) >= labels:
        raise UnusableFolder(
            f"gives {labels} numbers, and `id2label` in its config.json does not say which of them is `entailment`; "
            "name a model for natural language inference, or one of a single score"
        )
    return int(found[0])
