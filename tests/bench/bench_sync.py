"""What it costs to ingest again: `python -m tests.bench.bench_sync [--passages 10000] [--data DIR]`.

Articles made of the data sets (see `tests.bench.articles`) are ingested for the first time, again unchanged, once more
after one section of one article was changed, and after one article was removed: from one file of JSON lines and from a
folder of Markdown files. Each time the folder is opened anew and the embedding model is loaded anew, in this process.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.types import Document, SyncReport, Vectors
from tests.bench.articles import DEFAULT_DATA, articles, load_sets
from tests.embedders import Wrapped


class Counting(Wrapped):
    """A real embedder, and how many texts it was given."""

    def __init__(self, model: SentenceTransformerEmbedder) -> None:
        super().__init__(model)
        self.texts = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return self._model.embed(texts)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        self.texts += len(passages)
        return self._model.embed_passages(passages)


@dataclass(frozen=True, slots=True)
class Step:
    """What one ingest took."""

    name: str
    seconds: float
    embedded: int
    report: SyncReport


def write_jsonl(folder: Path, documents: Sequence[Document]) -> None:
    rows = [
        {"id": d.doc_id, "title": d.title, "text": d.text, "audience": d.audience.value, "language": d.language}
        for d in documents
    ]
    lines = [json.dumps({key: value for key, value in row.items() if value is not None}) for row in rows]
    (folder / "articles.jsonl").write_text("\n".join(lines), encoding="utf-8")


def write_markdown(folder: Path, documents: Sequence[Document]) -> None:
    for old in folder.iterdir():
        old.unlink()
    for document in documents:
        fields = {"id": document.doc_id, "title": document.title, "audience": document.audience.value}
        if document.language:
            fields["language"] = document.language
        head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in fields.items())
        (folder / f"{document.doc_id}.md").write_text(f"---\n{head}\n---\n{document.text}\n", encoding="utf-8")


def ingest(name: str, data: Path, source: Path, threads: int) -> Step:
    embedder = Counting(SentenceTransformerEmbedder(threads=threads))
    base = KnowledgeBase(KnowledgeSettings(data, threads=threads), embedder)
    start = time.perf_counter()
    report = base.sync([source])
    seconds = time.perf_counter() - start
    base.close()
    return Step(name, seconds, embedder.texts, report)


def steps(kind: str, documents: Sequence[Document], folder: Path, threads: int) -> list[Step]:
    write = {"jsonl": write_jsonl, "markdown": write_markdown}[kind]
    source, data = folder / kind, folder / f"{kind}-data"
    source.mkdir()
    changed = list(documents)
    middle = len(changed) // 2
    before, _, after = changed[middle].text.partition("\n\n")
    text = f"{before}\n\nThis is new. {after}"
    found: list[Step] = []
    for name in ("first", "unchanged", "one section changed", "one article removed"):
        if name == "one section changed":
            changed[middle] = replace(changed[middle], text=text)
        elif name == "one article removed":
            del changed[middle]
        write(source, changed)
        found.append(ingest(name, data, source, threads))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the retrieval sets")
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kind", choices=["jsonl", "markdown"], action="append", help="both if not given")
    options = parser.parse_args()
    for kind in options.kind or ["jsonl", "markdown"]:
        with tempfile.TemporaryDirectory() as folder:
            documents = list(articles(load_sets(options.data), options.passages, Path(folder)))
            found = steps(kind, documents, Path(folder), options.threads)
        print(f"{kind}: {len(documents)} articles, {found[0].report.passages} passages", flush=True)
        print(f"{'':22}{'seconds':>9}{'of first':>10}{'embedded':>10}{'written':>9}{'unchanged':>11}{'removed':>9}")
        for step in found:
            written = len(step.report.added) + len(step.report.updated)
            share = step.seconds / found[0].seconds
            print(
                f"{step.name:22}{step.seconds:9.1f}{share:10.2%}{step.embedded:10}{written:9}"
                f"{len(step.report.unchanged):11}{len(step.report.removed):9}",
                flush=True,
            )


if __name__ == "__main__":
    main()
