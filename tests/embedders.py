"""A real embedder with something around it, for tests and benches that watch or replace some of its work."""

from collections.abc import Sequence

from knowledge.types import Embedder, Vectors


class Wrapped:
    """Passes everything on."""

    def __init__(self, model: Embedder) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._model.embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._model.embed_queries(texts)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        return self._model.embed_passages(passages)
