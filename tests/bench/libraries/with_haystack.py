"""Haystack with its in-memory store, and embedders of a local sentence-transformers model.

https://docs.haystack.deepset.ai/docs/inmemoryembeddingretriever: an indexing pipeline with a document embedder,
and a query pipeline with a text embedder and the retriever; https://docs.haystack.deepset.ai/docs/inmemorydocumentstore;
https://docs.haystack.deepset.ai/docs/3.1-unstable/migration: since 3.0 the embedders are in a package of their
own. The rest is the default, but for `top_k` and the progress bar of the embedder, which it draws at every query.
"""

from pathlib import Path

from tests.bench.libraries.job import DEPTH, Corpus


class System:
    packages = ("haystack-ai", "sentence-transformers-haystack")

    def __init__(self, model: Path, scratch: Path, threads: int) -> None:
        from haystack import Document, Pipeline
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.components.writers import DocumentWriter
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack.utils import ComponentDevice
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
            SentenceTransformersTextEmbedder,
        )

        self._document = Document
        given = {"model": str(model), "device": ComponentDevice.from_str("cpu"), "progress_bar": False}
        store = InMemoryDocumentStore()
        self._indexing = Pipeline()
        self._indexing.add_component("embedder", SentenceTransformersDocumentEmbedder(**given))
        self._indexing.add_component("writer", DocumentWriter(document_store=store))
        self._indexing.connect("embedder.documents", "writer.documents")
        self._querying = Pipeline()
        self._querying.add_component("embedder", SentenceTransformersTextEmbedder(**given))
        self._querying.add_component("retriever", InMemoryEmbeddingRetriever(document_store=store, top_k=DEPTH))
        self._querying.connect("embedder.embedding", "retriever.query_embedding")
        self._indexing.warm_up()
        self._querying.warm_up()

    def index(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._indexing.run({"documents": [self._document(id=str(n), content=text) for n, text in enumerate(corpus.texts)]})

    def search(self, query_id: str, text: str) -> list[str]:
        found = self._querying.run({"embedder": {"text": text}})["retriever"]["documents"]
        return self._corpus.ranked([int(document.id) for document in found])
