"""Runs a BERT-like encoder in eight bits on onnxruntime: two to three times as fast on a CPU as torch in full precision.

The graph is written from the weights in half a second, in memory, each time a process first embeds: there is no exported
file that could be half written, stale, or of another model. The only importer of onnx and onnxruntime.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from knowledge.model_folder import Recipe
from knowledge.types import TokenStates, Vectors

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    from tokenizers import Encoding

SCHEME = "int8.2"
"""Part of the embedder's name: another way to round gives other vectors, and needs another word here."""

_LARGEST = 63
"""Weights take seven bits, -63 to 63. AVX2 adds pairs of products in 16 bits, where eight would overflow.
Source: onnxruntime, "Quantize ONNX models", reduce_range."""
_MICROSOFT = "com.microsoft"
Weights = dict[str, npt.NDArray[Any]]
T = TypeVar("T")


class OnnxEncoder:
    """Texts to vectors. Safe to share between threads.

    Each text is run alone: nothing is padded, memory doesn't grow with the number of texts, and since activations share
    one scale in a run, a text's vector depends on no other text. For matrices of this size, batches were hardly faster, nor
    was a graph that loops over texts without the interpreter.
    """

    def __init__(self, recipe: Recipe, threads: int | None = None) -> None:
        """Loads the weights and builds the graph.

        Args:
            recipe: which model.
            threads: how many texts are embedded at once, within one call; one for each CPU if None.

        Raises:
            ImportError, OSError, ValueError, RuntimeError: it can't be loaded.
        """
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._recipe = recipe
        self._threads = threads or os.cpu_count() or 1
        own = load_file(recipe.folder / "model.safetensors")
        weights = {name.removeprefix(recipe.prefix): plain(value) for name, value in own.items()}
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every token is of the first segment, so that the two tables can be added up once.
        positions = weights["embeddings.position_embeddings.weight"][recipe.first_position :]
        self._positions = positions + weights["embeddings.token_type_embeddings.weight"][0]
        self._tokenizer = Tokenizer.from_file(str(recipe.folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(recipe.max_tokens)
        self._session = session(Graph(recipe, weights).model())

    @property
    def is_mean(self) -> bool:
        """True if a vector is the mean of what the model makes of each token."""
        return self._recipe.pooling == "mean"

    def encode(self, texts: Sequence[str]) -> list[Vectors]:
        """float32 [d] each, L2-normalised, in the order of `texts`.

        Raises:
            RuntimeError: the model failed.
        """
        return self.encode_titled([("", text) for text in texts], 0.0)

    def encode_titled(self, passages: Sequence[tuple[str, str]], weight: float) -> list[Vectors]:
        """The same for titles with texts that begin with them: each moved towards the mean of its title's tokens.

        A title that isn't empty needs a model that `is_mean`.
        """
        return self._each([text for _, text in passages], lambda n: self._encode(*passages[n], weight))

    def read(self, texts: Sequence[str]) -> list[tuple[Vectors, TokenStates]]:
        """What `encode` gives, and what the same run of the model makes of each piece of the text, in order.

        Raises:
            RuntimeError: the model failed.
        """
        return self._each(texts, lambda n: self._read(texts[n]))

    def _each(self, texts: Sequence[str], made: Callable[[int], T]) -> list[T]:
        if self._threads == 1 or len(texts) < 2:
            return [made(n) for n in range(len(texts))]
        # The longest first, so that no thread is left with one at the end.
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n]))
        with ThreadPoolExecutor(min(self._threads, len(texts)), "embed") as pool:
            found = dict(zip(order, pool.map(made, order), strict=True))
        return [found[n] for n in range(len(texts))]

    def _read(self, text: str) -> tuple[Vectors, TokenStates]:
        encoded, states = self._run(text)
        inside = [n for n, (start, end) in enumerate(encoded.offsets) if start < end]
        lengths = np.maximum(np.linalg.norm(states[inside], axis=1, keepdims=True), 1e-12)
        spans = tuple(encoded.offsets[n] for n in inside)
        return self._pooled(states), TokenStates(states[inside] / lengths, spans, tuple(encoded.ids[n] for n in inside))

    def _encode(self, title: str, text: str, weight: float) -> Vectors:
        encoded, states = self._run(text)
        own = self._pooled(states)
        of_title = [n for n, (start, end) in enumerate(encoded.offsets) if start < end <= len(title)]
        return _unit(own + weight * _unit(states[of_title].mean(axis=0))) if of_title else own

    def _pooled(self, states: Vectors) -> Vectors:
        return _unit(states.mean(axis=0) if self.is_mean else states[0])

    def _run(self, text: str) -> "tuple[Encoding, Vectors]":
        encoded = self._tokenizer.encode(text)
        tokens = self._words[encoded.ids] + self._positions[: len(encoded.ids)]
        try:
            (states,) = self._session.run(None, {"tokens": tokens[np.newaxis]})
        except Exception as error:
            # onnxruntime's errors share no nearer base.
            raise RuntimeError(str(error)) from error
        return encoded, states[0]


def _unit(vector: Vectors) -> Vectors:
    unit: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit


def plain(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Weights in full precision."""
    return value.astype(np.float32) if value.dtype == np.float16 else value


def session(model: "onnx.ModelProto") -> "onnxruntime.InferenceSession":
    """A graph ready to run, one run a thread."""
    # Before the library is loaded: without it, it sends what it calls usage to its maker, also when it is used from here
    # alone, without `agent.privacy`.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # The threads are ours, one text each: no hand-over inside a text, and none that spins while others need the CPU.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A memory pattern is kept for every length of text, and is of no use where lengths differ.
    options.enable_mem_pattern = False
    # All is fused already where that is faster; the library would fuse what is not.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def rounded(matrix: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Weights [in, out] in seven bits and the scale [out] of each column: `matrix ~ whole * scale`."""
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / _LARGEST
    return np.round(matrix / scale).astype(np.int8), scale.astype(np.float32)


class Graph:
    """An encoder as a graph of onnxruntime's fused operators. Source: onnxruntime, "Contrib Operators"."""

    def __init__(self, recipe: Recipe, weights: Weights) -> None:
        self._recipe = recipe
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: Weights = {}
        self._further: dict[str, list[int | str]] = {}
        """Inputs beside the tokens, by name: their shapes."""

    def model(self) -> "onnx.ModelProto":
        """The whole graph."""
        from onnx import TensorProto, helper, numpy_helper

        width = self._weights["embeddings.LayerNorm.weight"].shape[0]
        epsilon = self._recipe.epsilon
        last = self._node("LayerNormalization", ["tokens", *self._norm("embeddings.LayerNorm")], domain="", epsilon=epsilon)
        for layer in range(self._recipe.layers):
            last = self._layer(self._before(last, layer), layer)
        shape = ["texts", "tokens", width]
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            [
                helper.make_tensor_value_info("tokens", TensorProto.FLOAT, shape),
                *(helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in self._further.items()),
            ],
            [helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)],
            [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in self._constants.items()],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def _before(self, given: str, number: int) -> str:
        """What a layer is given: what the one before it gave."""
        return given

    def _looks(self, number: int) -> list[str]:
        """What a layer's attention is given beside queries, keys and values: nothing."""
        return []

    def _layer(self, given: str, number: int) -> str:
        layer = f"encoder.layer.{number}."
        whole = self._node("DynamicQuantizeLinear", [given], outputs=3, domain="")
        parts = [self._shared_dense(whole, f"{layer}attention.self.{part}") for part in ("query", "key", "value")]
        attended = self._node("MultiHeadAttention", [*parts, *self._looks(number)], num_heads=self._recipe.heads)
        attended = self._dense(attended, f"{layer}attention.output.dense")
        attended = self._added(attended, given, f"{layer}attention.output.LayerNorm")
        wide = self._node("Gelu", [self._dense(attended, f"{layer}intermediate.dense")])
        narrow = self._dense(wide, f"{layer}output.dense")
        return self._added(narrow, attended, f"{layer}output.LayerNorm")

    def _added(self, one: str, other: str, norm: str) -> str:
        # Two steps, each several times as fast as the library's fused one.
        both = self._node("Add", [one, other], domain="")
        return self._node("LayerNormalization", [both, *self._norm(norm)], domain="", epsilon=self._recipe.epsilon)

    def _dense(self, given: str, name: str) -> str:
        whole, scale, zero, bias = self._rounded(name)
        return self._node("DynamicQuantizeMatMul", [given, whole, scale, zero, bias])

    def _shared_dense(self, given: str, name: str) -> str:
        """The same for a text in whole numbers, as `DynamicQuantizeLinear` gives it: three matrices share one."""
        whole, scale, zero, bias = self._rounded(name)
        return self._node("MatMulIntegerToFloat", [given, whole, f"{given}.1", scale, f"{given}.2", zero, bias])

    def _rounded(self, name: str) -> Iterator[str]:
        whole, scale = rounded(self._weights[f"{name}.weight"].T)
        zero = np.zeros(len(scale), dtype=np.int8)
        bias = self._weights[f"{name}.bias"]
        parts: Weights = {"whole": whole, "scale": scale, "zero": zero, "bias": bias}
        return (self._constant(f"{name}.{part}", value) for part, value in parts.items())

    def _norm(self, name: str) -> list[str]:
        return [self._constant(f"{name}.{part}", self._weights[f"{name}.{part}"]) for part in ("weight", "bias")]

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self._constants[name] = value
        return name

    def _node(self, operator: str, inputs: list[str], *, outputs: int = 1, domain: str = _MICROSOFT, **attributes: Any) -> str:
        """Adds a node; the name of its first output, the others are `name.1`, `name.2`."""
        from onnx import helper

        name = f"{operator}_{len(self._nodes)}"
        names = [name, *(f"{name}.{n}" for n in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return name
