"""LangChain with Chroma in a folder and embeddings of a local sentence-transformers model.

https://docs.langchain.com/oss/python/integrations/vectorstores/chroma: "a basic initialization, including the
use of a directory to save the data locally"; https://docs.langchain.com/oss/python/integrations/embeddings/huggingfacehub:
"Local embeddings". `from_documents` cuts what Chroma takes at once; the rest is the default, but for `k`.
"""

from pathlib import Path

from tests.bench.libraries.job import DEPTH, Corpus


class System:
    packages = ("langchain-chroma", "langchain-huggingface", "langchain-core", "chromadb")

    def __init__(self, model: Path, scratch: Path, threads: int) -> None:
        from langchain_chroma import Chroma
        from langchain_core.documents import Document
        from langchain_huggingface import HuggingFaceEmbeddings

        self._chroma, self._document = Chroma, Document
        self._embeddings = HuggingFaceEmbeddings(
            model_name=str(model), model_kwargs={"device": "cpu"}, encode_kwargs={"normalize_embeddings": True}
        )
        self._folder = scratch / "chroma_langchain_db"

    def index(self, corpus: Corpus) -> None:
        self._corpus = corpus
        documents = [self._document(page_content=text, metadata={"position": n}) for n, text in enumerate(corpus.texts)]
        self._store = self._chroma.from_documents(documents, self._embeddings, persist_directory=str(self._folder))

    def search(self, query_id: str, text: str) -> list[str]:
        found = self._store.similarity_search(text, k=min(DEPTH, len(self._corpus.texts)))
        return self._corpus.ranked([document.metadata["position"] for document in found])
