"""Cosine similarities of claims to sentences and to the question. A text is embedded when its likeness is first asked for."""

from collections.abc import Sequence

import numpy as np

from agent.grounding.source import Region
from agent.ports import Embedder
from knowledge.types import Vectors


class Likeness:
    """Each text is embedded once, together with those that it is first compared with.

    Raises:
        EmbeddingUnavailable: from each method; the model is missing or broken.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, Vectors] = {}

    def within(self, text: str, region: Region, passage: Sequence[tuple[int, str]]) -> Vectors:
        """Of a claim to each sentence of a passage, float32 [n]; a sentence outside of the region is like nothing (-1).

        Args:
            text: the claim.
            region: where it most likely comes from.
            passage: the sentences of that passage, each with its place among the source's.
        """
        self.prepare([text, *(s for n, s in passage if region.first <= n < region.end)])
        own = self._vectors[text]
        return np.array([self._vectors[s] @ own if region.first <= n < region.end else -1.0 for n, s in passage], np.float32)

    def to_region_and_question(self, text: str, sentences: Sequence[str], question: str) -> tuple[float, float]:
        """Of a claim to the nearest of some sentences, and to the question; 0 where there is nothing to compare."""
        self.prepare([text, *sentences, question])
        if not text.strip():
            return 0.0, 0.0
        own = self._vectors[text]
        nearest = max((float(self._vectors[s] @ own) for s in sentences if s.strip()), default=0.0)
        return nearest, float(self._vectors[question] @ own) if question.strip() else 0.0

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed what has not been, in one batch."""
        wanted = [text for text in dict.fromkeys(texts) if text.strip() and text not in self._vectors]
        if wanted:
            self._vectors |= dict(zip(wanted, self._embedder.embed(wanted), strict=True))
