"""Search in a large knowledge base: `python -m tests.bench.bench_scale [--sizes 10000 100000] [--keep DIR] [--data DIR]`.

For each size, articles made of the data sets (see `tests.bench.articles`) are ingested by a process of its own, and
searched by another one that has nothing else to do: real queries of the sets, each text once so that no vector is
remembered, one at a time, embedding included, public passages only and in one language if `Query` can say so. What the
processes take of memory is their resident set; `most` is the peak while ingesting.

With `--keep DIR` the indexes stay there, and an index that is complete is not built again. With `--fast` one in
`EVERY` passages is embedded for real and the others get the vector of one of those with noise: an index of the same
size and about the same shape in a fraction of the time, whose hits mean nothing.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import psutil

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.measure import percentile
from knowledge.scopes import PathScope
from knowledge.sync import SyncOptions
from knowledge.types import Audience, Query, Vectors
from tests.bench.articles import DEFAULT_DATA, Question, articles, load_sets, questions
from tests.embedders import Wrapped

EVERY = 20
NOISE = 0.04
"""Of each of 384 dimensions: a cosine of about 0.8 to the real one, as between passages about one thing."""
WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Ingested:
    passages: int
    seconds: float
    most_mb: float
    is_fast: bool


@dataclass(frozen=True, slots=True)
class Searched:
    opened_s: float
    """Until the first answer: libraries, index and model are loaded."""
    p50_ms: float
    p95_ms: float
    p95_by_set: dict[str, float]
    rss_mb: float
    by_language: bool


class Noisy(Wrapped):
    """Real vectors for some texts, and for the others one of those with noise. Reads like the real model."""

    def __init__(self, model: SentenceTransformerEmbedder) -> None:
        super().__init__(model)
        self._real = np.zeros((0, 0), np.float32)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        fresh = self._model.embed_passages(passages[::EVERY])
        self._real = np.concatenate([self._real, fresh]) if len(self._real) else fresh
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for _, text in passages]
        noise = np.stack([np.random.default_rng(seed).normal(0, NOISE, self._real.shape[1]) for seed in seeds])
        rows = self._real[[seed % len(self._real) for seed in seeds]] + noise
        rows[::EVERY] = fresh
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ingest(folder: Path, data: Path, passages: int, threads: int, is_fast: bool) -> Ingested:
    model = SentenceTransformerEmbedder(threads=threads)
    base = KnowledgeBase(KnowledgeSettings(folder, threads=threads), Noisy(model) if is_fast else model)
    root = Path("/articles")
    made = articles(load_sets(data), passages, root)
    start = time.perf_counter()
    report = base.bring_in_line([PathScope(root)], made, SyncOptions(tell))
    seconds = time.perf_counter() - start
    base.close()
    return Ingested(report.passages, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, is_fast)


def search(folder: Path, data: Path, count: int, threads: int) -> Searched:
    asked = questions(load_sets(data), count + WARM_UP)
    start = time.perf_counter()
    base = KnowledgeBase(KnowledgeSettings(folder, threads=threads))
    for question in asked[:WARM_UP]:
        base.search(query_of(question))
    opened = time.perf_counter() - start
    spent: dict[str, list[float]] = {}
    for question in asked[WARM_UP:]:
        begun = time.perf_counter()
        base.search(query_of(question))
        spent.setdefault(question.dataset, []).append(1000 * (time.perf_counter() - begun))
    values = [value for some in spent.values() for value in some]
    rss = psutil.Process().memory_info().rss / 1e6
    base.close()
    by_set = {name: percentile(some, 0.95) for name, some in spent.items()}
    return Searched(opened, percentile(values, 0.5), percentile(values, 0.95), by_set, rss, has_languages())


def has_languages() -> bool:
    return any(field.name == "languages" for field in fields(Query))


def query_of(question: Question) -> Query:
    only = {"languages": frozenset({"en"})} if has_languages() else {}
    return Query(question.text, frozenset({Audience.PUBLIC}), earlier=question.earlier, **only)


def measured(folder: Path, size: int, options: argparse.Namespace) -> tuple[Ingested, Searched]:
    """Both in processes of their own; the ingest only if it was not done before."""
    note = folder / f"{size}.json"
    data = folder / str(size)
    common = ["--data", str(options.data), "--threads", str(options.threads), "--queries", str(options.queries)]
    if not note.is_file():
        fast = ["--fast"] if options.fast else []
        note.write_text(child([*common, *fast, "--ingest", str(size), "--folder", str(data)]), encoding="utf-8")
    ingested = Ingested(**json.loads(note.read_text(encoding="utf-8")))
    return ingested, Searched(**json.loads(child([*common, "--search", "--folder", str(data)])))


def child(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "tests.bench.bench_scale", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def table(rows: Sequence[tuple[Ingested, Searched]]) -> str:
    head = (
        f"{'passages':>9}{'ingest s':>10}{'most MB':>9}{'open s':>8}{'p50 ms':>8}{'p95 ms':>8}{'p95 of first':>14}{'RSS MB':>8}"
    )
    lines = [head]
    for ingested, searched in rows:
        ratio = searched.p95_ms / rows[0][1].p95_ms
        lines.append(
            f"{ingested.passages:9}{ingested.seconds:10.0f}{ingested.most_mb:9.0f}{searched.opened_s:8.1f}"
            f"{searched.p50_ms:8.1f}{searched.p95_ms:8.1f}{ratio:14.2f}{searched.rss_mb:8.0f}"
        )
    lines.append("p95 ms by set:")
    for name in rows[0][1].p95_by_set:
        lines.append(f"  {name:20}" + "".join(f"{searched.p95_by_set[name]:9.1f}" for _, searched in rows))
    return "\n".join(lines)


def tell(done: int, total: int, _title: str) -> None:
    if done % 500 == 0 or done == total:
        print(f"  {done} of {total} articles", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the retrieval sets")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="passages")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for the indexes")
    parser.add_argument("--fast", action="store_true", help=f"embed one passage in {EVERY}")
    parser.add_argument("--ingest", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--search", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ingest:
        print(json.dumps(asdict(ingest(options.folder, options.data, options.ingest, options.threads, options.fast))))
    elif options.search:
        print(json.dumps(asdict(search(options.folder, options.data, options.queries, options.threads))))
    else:
        load_sets(options.data)  # says at once, and not in a child process, that there are none
        with tempfile.TemporaryDirectory() as scratch:
            folder = options.keep or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            rows = [measured(folder, size, options) for size in options.sizes]
        if any(ingested.is_fast for ingested, _ in rows):
            print(f"Vectors: one in {EVERY} is real, the others are such with noise.")
        print(f"Public passages only; {'one language' if rows[0][1].by_language else 'no filter of languages'}.")
        print(table(rows))


if __name__ == "__main__":
    main()
