"""Turns texts into vectors with two models side by side: one that is best at English, one that reads other languages.

A vector holds the English model's in its first half and the multilingual one's in the second, each at its weight; so its
dot product is the weighted sum of the two cosines, and one index serves both. What to look for is weighed by its
language: the less English it is, the more of its length lies in the second half, since an English model's view of other
languages is noise. The index doesn't change for that.

E5's vectors all point nearly the same way (cosines of 0.7 to 1 whatever the texts); the mean vector of many texts is
taken off first, which leaves cosines as wide as MiniLM's. On long texts it also finds better. The means stand in
`e5_centre.json`, made by `python -m tests.bench.centre_e5`.

Measured over passages of `chunk.split`, a document ranked by its best passage, the means from the other sets alone
(nDCG@10 / recall@20; dev halves of public data; the last three lines of a conversation for mtrag_un and dstc11_travel):

                          stackfaq    covidfaq    mtrag_un    dstc11      tau_banking xquad_crosslingual
    MiniLM                .972/1.00   .795/.982   .802/.918   .391/.667   .262/.384   .304/.449
    e5                    .946/.998   .807/.989   .719/.857   .356/.609   .144/.275   .872/.980
    e5, centred           .942/.998   .786/.984   .813/.917   .412/.691   .216/.325   .882/.984
    both, one weight      .975/1.00   .816/.989   .837/.933   .462/.741   .294/.411   .672/.907
    both, by language     .973/1.00   .817/.984   .835/.934   .465/.744   .292/.410   .884/.984

With 0.4 or 0.6 for e5 no figure differs by more than .012.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np

from knowledge.embed import unit
from knowledge.english import foreignness
from knowledge.errors import EmbeddingUnavailable
from knowledge.types import Embedder, TokenReader, TokenStates, Vectors

MULTILINGUAL_WEIGHT = 0.5
CENTRE = "e5_centre.json"


class BothEmbedder:
    """Two embedders as one. As safe to share between threads as they are."""

    def __init__(self, english: Embedder, multilingual: Embedder) -> None:
        """Loads nothing.

        Args:
            english: reads English.
            multilingual: `knowledge.embed_e5.E5Embedder`; the means are those of its vectors.
        """
        self._english = english
        self._multilingual = multilingual

    @property
    def name(self) -> str:
        """Both names, the weight, and a fingerprint of the means.

        Raises:
            EmbeddingUnavailable: one of the models is missing.
        """
        fingerprint = hashlib.sha256(np.concatenate(_centre()).tobytes()).hexdigest()[:6]
        return f"{self._english.name}+{self._multilingual.name}*{MULTILINGUAL_WEIGHT}-{fingerprint}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised, in the order of `texts`; [0, 0] for none.

        Raises:
            EmbeddingUnavailable: one of the models is missing or broken.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        return self._joined(self._english.embed(texts), self._multilingual.embed(texts))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised, of what to look for, in the order of `texts`; [0, 0] for none.

        Raises:
            EmbeddingUnavailable: one of the models is missing or broken.
        """
        if not texts:
            return np.zeros((0, 0), dtype=np.float32)
        _, queries = _centre()
        foreign = np.array([foreignness(text) for text in texts], np.float32)
        return joined(self._english.embed_queries(texts), unit(self._multilingual.embed_queries(texts) - queries), foreign)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        """See `knowledge.types.Embedder`. Only the English half is moved towards the title.

        On every fourth question of xquad_crosslingual nDCG@10 was .862 so, and .846 with both halves moved.

        Raises:
            EmbeddingUnavailable: one of the models is missing or broken.
        """
        if not passages:
            return np.zeros((0, 0), dtype=np.float32)
        return self._joined(self._english.embed_passages(passages), self._multilingual.embed_passages(passages))

    def token_model(self) -> str:
        """See `knowledge.types.TokenReader`: the English model's.

        Raises:
            EmbeddingUnavailable: that model is missing.
        """
        return self._english.token_model() if isinstance(self._english, TokenReader) else ""

    def token_states(self, texts: Sequence[str]) -> list[TokenStates]:
        """See `knowledge.types.TokenReader`: what the English model makes of each piece.

        Raises:
            EmbeddingUnavailable: that model is missing or broken, or keeps the pieces to itself.
        """
        if not isinstance(self._english, TokenReader):
            raise EmbeddingUnavailable(f"{self._english.name}: this model does not tell what it makes of each piece")
        return self._english.token_states(texts)

    def _joined(self, english: Vectors, multilingual: Vectors) -> Vectors:
        passages, _ = _centre()
        return joined(english, unit(multilingual - passages), np.zeros(len(english), np.float32))


def joined(english: Vectors, multilingual: Vectors, foreign: Vectors) -> Vectors:
    """float32 [n, d1 + d2], L2-normalised: both halves at their weights.

    Args:
        english: float32 [n, d1], L2-normalised.
        multilingual: float32 [n, d2], L2-normalised.
        foreign: [n]; at 0 both have their usual weight, at 1 the English one has none.
    """
    weight = MULTILINGUAL_WEIGHT + (1 - MULTILINGUAL_WEIGHT) * foreign[:, None]
    # The other side of a dot product holds the roots of the usual weights already.
    halves = [
        english * (1 - weight) / np.sqrt(1 - MULTILINGUAL_WEIGHT),
        multilingual * weight / np.sqrt(MULTILINGUAL_WEIGHT),
    ]
    return unit(np.concatenate(halves, axis=1))


@cache
def _centre() -> tuple[Vectors, Vectors]:
    """The mean vectors, float32 [d], of passages and of queries."""
    means = json.loads((resources.files("knowledge") / CENTRE).read_text(encoding="utf-8"))
    return np.array(means["passages"], np.float32), np.array(means["queries"], np.float32)
