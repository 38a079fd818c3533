"""LlamaIndex with its default store, in memory, and embeddings of a local sentence-transformers model.

https://developers.llamaindex.ai/python/framework/module_guides/indexing/vector_store_index: "By default,
VectorStoreIndex stores everything in memory", and, for passages that exist already, "Creating and managing nodes
directly"; https://developers.llamaindex.ai/python/examples/embeddings/huggingface: "Local Embeddings with
HuggingFace". The rest is the default, but for `similarity_top_k`.
"""

from pathlib import Path

from tests.bench.libraries.job import DEPTH, Corpus


class System:
    packages = ("llama-index-core", "llama-index-embeddings-huggingface")

    def __init__(self, model: Path, scratch: Path, threads: int) -> None:
        from llama_index.core import VectorStoreIndex
        from llama_index.core.schema import TextNode
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._index_type, self._node = VectorStoreIndex, TextNode
        self._embedding = HuggingFaceEmbedding(model_name=str(model), device="cpu")

    def index(self, corpus: Corpus) -> None:
        self._corpus = corpus
        # Without metadata, which would be embedded with the text.
        nodes = [self._node(text=text, id_=str(n)) for n, text in enumerate(corpus.texts)]
        index = self._index_type(nodes, embed_model=self._embedding)
        self._retriever = index.as_retriever(similarity_top_k=DEPTH)

    def search(self, query_id: str, text: str) -> list[str]:
        return self._corpus.ranked([int(found.node.node_id) for found in self._retriever.retrieve(text)])
