"""Innkeeper, through its `KnowledgeBase`. The only file here that knows how it is fed and asked."""

import json
from collections.abc import Sequence
from pathlib import Path

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.evaluation.run import turns
from knowledge.measure import CorpusDocument
from knowledge.types import Query
from tests.bench.libraries.job import DEPTH, Corpus

READS = "the request and what was said before it"
"""What it makes of a conversation, for the table."""
TITLE_WORDS = 8


class System:
    packages = ("chromadb", "tantivy")

    def __init__(self, model: Path, scratch: Path, threads: int) -> None:
        self._base = KnowledgeBase(KnowledgeSettings(scratch / "innkeeper"), SentenceTransformerEmbedder(model, threads))
        # Loads model and libraries, as the others do here; a Chroma that is opened later is opened on the clock.
        self._base.check()

    def index(self, corpus: Corpus) -> None:
        report = self._base.sync([corpus.sources])
        if report.failed or report.passages != len(corpus.texts):
            raise RuntimeError(f"{report.passages} of {len(corpus.texts)} passages; failed: {report.failed[:3]}")

    def search(self, query_id: str, text: str) -> list[str]:
        *earlier, request = turns(text)
        hits = self._base.search(Query(request, k=DEPTH, earlier=tuple(earlier)))
        return list(dict.fromkeys(hit.passage.doc_id for hit in hits))


def write_sources(documents: Sequence[CorpusDocument], folder: Path) -> None:
    """The corpus as Markdown files. A document without a title gets its first words for one, as every reader needs one."""
    for n, document in enumerate(documents):
        title = " ".join((document.title or " ".join(document.text.split()[:TITLE_WORDS])).split())[:400]
        front = json.dumps({"id": document.doc_id, "title": title}, ensure_ascii=False)
        (folder / f"{n:06}.md").write_text(f"---\n{front}\n---\n{document.text}\n", "utf-8")
