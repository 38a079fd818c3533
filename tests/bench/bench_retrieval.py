"""How good and how fast retrieval is on a data set: `python tests/bench/bench_retrieval.py FOLDER [--queries N] [--data DIR]`.

FOLDER holds corpus.jsonl {id, title, text}, queries.jsonl {id, text} and qrels.tsv (query-id,
corpus-id, score). Prints nDCG@10, recall@5 and recall@20 over documents (ranked by their best
passage), and how long a search takes, with its split. `--data` keeps the index for the next run.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.errors import DatasetUnreadable
from knowledge.measure import CorpusDocument, load_dataset, ndcg, percentile, recall
from knowledge.types import Audience, Query


def write_articles(corpus: Sequence[CorpusDocument], folder: Path) -> None:
    """The corpus as a folder of Markdown files, so that the whole way in is measured."""
    for n, row in enumerate(corpus):
        front = json.dumps({"id": row.doc_id, "title": (row.title or row.doc_id)[:400]}, ensure_ascii=False)
        (folder / f"{n:06}.md").write_text(f"---\n{front}\n---\n{row.text}\n")


def timings(base: KnowledgeBase, texts: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds of a whole search and of its parts; every text is new to the embedder's cache."""
    split: dict[str, list[float]] = {"search": [], "embed": [], "generation": [], "words": [], "vectors": []}

    def timed(part: str, call: Callable[[], object]) -> None:
        start = time.perf_counter()
        call()
        split[part].append((time.perf_counter() - start) * 1000)

    public = frozenset({Audience.PUBLIC})
    for n, text in enumerate(texts):
        timed("search", lambda text=text, n=n: base.search(Query(f"{text} {n}")))
        timed("embed", lambda text=text, n=n: base.embedder.embed([f"{text} {n} again"]))
        vector = base.embedder.embed([f"{text} {n}"])[0]
        timed("generation", base._index.generation)
        timed("words", lambda text=text: base._lexical.search(text, public, 30))
        timed("vectors", lambda vector=vector: base._index.search(vector, Audience.PUBLIC, 30))
    return split


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=10_000, help="at most so many queries")
    parser.add_argument("--data", type=Path, help="keep the index in this folder")
    parser.add_argument("--threads", type=int, help="of the embedding model")
    arguments = parser.parse_args()
    try:
        dataset = load_dataset(arguments.folder)
    except DatasetUnreadable as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory() as scratch:
        articles = Path(scratch, "articles")
        articles.mkdir()
        write_articles(dataset.documents, articles)
        base = KnowledgeBase(KnowledgeSettings(arguments.data or Path(scratch, "data"), threads=arguments.threads))
        start = time.perf_counter()
        report = base.sync([articles], on_progress=lambda done, total, title: None)
        took = time.perf_counter() - start
        say(f"{len(report.added)} of {len(dataset.documents)} documents added, {report.passages} passages, {took:.1f} s")
        for failure in report.failed[:5]:
            say(f"  failed: {failure.source}: {failure.reason}")
        chosen = dataset.judged[: arguments.queries]
        rows = []
        for query_id in chosen:
            hits = base.search(Query(dataset.queries[query_id], k=60))
            ranked = list(dict.fromkeys(hit.passage.doc_id for hit in hits))
            wanted = dataset.relevance[query_id]
            rows.append((ndcg(ranked, wanted), recall(ranked, wanted, 5), recall(ranked, wanted, 20)))
        means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
        say(f"{len(rows)} queries: nDCG@10 {means[0]:.3f}, recall@5 {means[1]:.3f}, recall@20 {means[2]:.3f}")
        for part, values in timings(base, [dataset.queries[query_id] for query_id in chosen[:100]]).items():
            say(f"  {part:<10} p50 {percentile(values, 0.5):6.1f} ms  p95 {percentile(values, 0.95):6.1f} ms")
        base.close()


def say(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
