"""Embeddings in eight bits beside sentence-transformers on torch: `python -m tests.bench.bench_embed FOLDER…`.

Each FOLDER is a retrieval data set (see `knowledge.measure`). Both run in this process by turns, slice by slice, so that
whatever else the machine does hits both; the ratios count more than the figures. nDCG@10 is of the vectors alone: cosine
of the query's last turn, documents ranked by their best passage. Memory is of a process that does nothing else.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge import chunk
from knowledge.embed import SentenceTransformerEmbedder, passage_text
from knowledge.evaluation.run import turns
from knowledge.measure import Dataset, load_dataset, ndcg, percentile
from knowledge.sentences import split_sentences
from knowledge.types import Audience, Document, DocumentId, Passage, Vectors

SLICE = 50
QUERIES = 100
MEMORY = """
import sys, time, psutil
start = time.perf_counter()
from knowledge.embed import SentenceTransformerEmbedder
embedder = SentenceTransformerEmbedder(threads=int(sys.argv[1]), exact=sys.argv[2] == "torch")
embedder.embed(["first"])
ready = time.perf_counter() - start
embedder.embed([f"{n} " + "word " * 300 for n in range(64)])
print(f"{ready:.1f} s to the first vector, {psutil.Process().memory_info().rss / 1e6:.0f} MB after 64 long texts")
"""
Pair = dict[str, SentenceTransformerEmbedder]


def passages_of(dataset: Dataset) -> list[Passage]:
    found: list[Passage] = []
    for row in dataset.documents:
        if row.text.strip() or row.title:
            title = row.title or ""
            found += chunk.split(Document(DocumentId(row.doc_id), title, row.text or title, Audience.PUBLIC, row.doc_id))
    return found


def rates(pair: Pair, texts: Sequence[str]) -> dict[str, list[float]]:
    """Texts a second, of each slice."""
    found: dict[str, list[float]] = {name: [] for name in pair}
    for start in range(0, len(texts), SLICE):
        part = texts[start : start + SLICE]
        for name, embedder in pair.items():
            begun = time.perf_counter()
            embedder.embed(part)
            found[name].append(len(part) / (time.perf_counter() - begun))
    return found


def waits(pair: Pair, queries: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds of each query; the number makes it new to the cache."""
    found: dict[str, list[float]] = {name: [] for name in pair}
    for n, query in enumerate(queries):
        for name, embedder in pair.items():
            begun = time.perf_counter()
            embedder.embed([f"{query} {n}"])
            found[name].append((time.perf_counter() - begun) * 1000)
    return found


def quality(dataset: Dataset, passages: Sequence[Passage], own: Vectors, queries: Vectors) -> float:
    scores: list[float] = []
    for query_id, row in zip(dataset.judged, queries @ own.T, strict=True):
        order = np.argsort(-row, kind="stable")[:200]
        ranked = list(dict.fromkeys(str(passages[n].doc_id) for n in order))
        scores.append(ndcg(ranked, dataset.relevance[query_id]))
    return statistics.mean(scores)


def say_speed(what: str, found: dict[str, list[float]]) -> None:
    ratio = statistics.median(ours / theirs for ours, theirs in zip(found["int8"], found["torch"], strict=True))
    middle = {name: statistics.median(values) for name, values in found.items()}
    say(f"  {what}: torch {middle['torch']:.1f}/s, int8 {middle['int8']:.1f}/s, {ratio:.2f} times as many")


def report(pair: Pair, dataset: Dataset, sample: int) -> None:
    passages = passages_of(dataset)
    whole = [passage_text(passage) for passage in passages]
    last = [turns(dataset.queries[query_id])[-1] for query_id in dataset.judged]
    say(f"{dataset.name}: {len(passages)} passages, {len(last)} queries")
    chosen = random.Random(1).sample(passages, min(sample, len(passages)))
    say_speed(f"{len(chosen)} passages", rates(pair, list(dict.fromkeys(map(passage_text, chosen)))))
    small = list(dict.fromkeys(text for passage in chosen for text in split_sentences(passage.text, "en")))[:sample]
    say_speed(f"{len(small)} sentences", rates(pair, small))
    for name, values in waits(pair, last[:QUERIES]).items():
        say(f"  query, {name}: p50 {percentile(values, 0.5):.1f} ms, p95 {percentile(values, 0.95):.1f} ms")
    vectors = {name: (embedder.embed(whole), embedder.embed(last)) for name, embedder in pair.items()}
    near = np.sum(vectors["int8"][0] * vectors["torch"][0], axis=1)
    say(f"  cosine to torch: mean {near.mean():.4f}, least {near.min():.4f}")
    good = {name: quality(dataset, passages, own, queries) for name, (own, queries) in vectors.items()}
    say(f"  nDCG@10: torch {good['torch']:.4f}, int8 {good['int8']:.4f} ({good['int8'] / good['torch'] - 1:+.2%})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sample", type=int, default=400, help="passages to time, of each set")
    arguments = parser.parse_args()
    pair = {
        "torch": SentenceTransformerEmbedder(threads=arguments.threads, exact=True),
        "int8": SentenceTransformerEmbedder(threads=arguments.threads),
    }
    for name in pair:
        command = [sys.executable, "-c", MEMORY, str(arguments.threads), name]
        say(f"{name}: {subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()}")
    for embedder in pair.values():
        embedder.embed(["loaded"])
    for folder in arguments.folders:
        report(pair, load_dataset(folder), arguments.sample)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
