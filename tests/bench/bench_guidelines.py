"""How guidelines are matched: `python -m tests.bench.bench_guidelines [--multilingual] [--data DIR] [--misses dev]`.

`--set dev` looks at one set only, `--examples 4 6 8` at the first so many examples of each guideline, beside its `about`.

100 guidelines of a company that rents out holiday homes (`tests/bench/guidelines`). A message's right guideline should be
among the first three that reach the prompt. Messages that no guideline is for are those of clinc150 that are out of scope
there. Times are those of one message after another, with and without its embedding. Numbers, never an assertion.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.graph.examples import embed_examples, likeness
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.embed_both import BothEmbedder
from knowledge.embed_e5 import E5Embedder
from knowledge.types import Embedder
from policies.engine import PolicyEngine
from policies.matching import ExampleTable
from policies.types import Facts
from tests.bench.guidelines.pack import SETS, Row, load_engine, load_rows

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Matched:
    """What came of one message: ids of the guidelines in their order, and ms for its embedding and for all the rest."""

    ids: tuple[str, ...]
    embedding_ms: float
    matching_ms: float


def match(engine: PolicyEngine, embedder: Embedder, table: ExampleTable, text: str) -> Matched:
    """As a turn does it. The embedding is made apart, so that its time can be told from the rest."""
    start = time.perf_counter()
    embedder.embed([text])
    embedded = time.perf_counter()
    similarity = likeness(embedder, table, text)
    compared = time.perf_counter()
    found = engine.guidelines(Facts(text, "en", first_message=False, similarity=similarity))
    end = time.perf_counter()
    # `likeness` embeds the text again: what it takes beyond that is the comparison.
    return Matched(
        tuple(one.id for one in found if one not in engine.standing),
        (embedded - start) * 1000,
        (max(0.0, (compared - embedded) - (embedded - start)) + end - compared) * 1000,
    )


def rank(row: Row, found: Matched) -> int:
    """From 1; 0 if the right guideline isn't there."""
    return found.ids.index(row.guideline) + 1 if row.guideline in found.ids else 0


def share(ranks: Sequence[int], most: int) -> float:
    """Of messages whose right guideline is among the first `most`."""
    return sum(0 < place <= most for place in ranks) / len(ranks)


def report(name: str, rows: Sequence[Row], found: Sequence[Matched]) -> str:
    """One line of the table."""
    ranks = [rank(row, one) for row, one in zip(rows, found, strict=True)]
    told = statistics.mean(len(one.ids) for one in found)
    return f"| {name} | {len(rows)} | {share(ranks, 1):.1%} | {share(ranks, 3):.1%} | {share(ranks, 5):.1%} | {told:.2f} |"


def shortened(examples: Mapping[str, Sequence[str]], rules: Sequence[str], most: int) -> dict[str, Sequence[str]]:
    """Of each of the rules the first `most` examples, and `about`, which is the last."""
    return {key: [*texts[:-1][:most], texts[-1]] if key in rules else texts for key, texts in examples.items()}


def by_number(
    engine: PolicyEngine, embedder: Embedder, sets: Sequence[tuple[str, Sequence[Row]]], numbers: Sequence[int]
) -> None:
    """Print the table by how many examples a guideline has."""
    print("\n| examples | messages | n | first | first three | first five | told |\n| --- | --- | --- | --- | --- | --- | --- |")
    rules = sorted({row.guideline for row in load_rows("dev")})
    for most in numbers:
        table = embed_examples(embedder, shortened(engine.examples(), rules, most))
        for name, rows in sets:
            print(f"| {most} {report(name, rows, [match(engine, embedder, table, row.text) for row in rows])}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--multilingual", action="store_true", help="with the packaged multilingual model beside")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    parser.add_argument("--misses", choices=SETS, action="append", default=[], help="show what is missed in that set")
    parser.add_argument("--set", choices=SETS, action="append", dest="sets", help="only these messages")
    parser.add_argument("--examples", type=int, nargs="+", default=[], help="also with the first so many examples")
    given = parser.parse_args()
    english = SentenceTransformerEmbedder()
    embedder: Embedder = BothEmbedder(english, E5Embedder()) if given.multilingual else english
    with tempfile.TemporaryDirectory() as scratch:
        engine = load_engine(Path(scratch, "pack"))
    table = embed_examples(embedder, engine.examples())
    sets = [(name, load_rows(name)) for name in given.sets or SETS]
    print("| messages | n | first | first three | first five | guidelines told |\n| --- | --- | --- | --- | --- | --- |")
    times: list[Matched] = []
    for name, rows in sets:
        found = [match(engine, embedder, table, row.text) for row in rows]
        times += found
        print(report(name, rows, found))
        for row, one in zip(rows, found, strict=True):
            if name in given.misses and not 0 < rank(row, one) <= 3:
                print(f"  {row.guideline}: {row.text!r} -> {', '.join(one.ids)}", file=sys.stderr)
    strangers = given.data / "clinc150" / "data.jsonl"
    if strangers.is_file():
        values = [json.loads(line) for line in strangers.read_text().splitlines()]
        others = [match(engine, embedder, table, value["text"]) for value in values if value["label"] == "oos"]
        none = sum(not one.ids for one in others) / len(others)
        told = statistics.mean(len(one.ids) for one in others)
        print(f"\n{len(others)} messages that no guideline is for: {none:.1%} match none, {told:.2f} are told on average")
    for what, spent in (
        ("embedding the message", [one.embedding_ms for one in times]),
        ("matching", [one.matching_ms for one in times]),
        ("both", [one.embedding_ms + one.matching_ms for one in times]),
    ):
        cuts = statistics.quantiles(spent, n=20)
        print(f"{what}: {statistics.median(spent):.2f} ms in the middle, {cuts[-1]:.2f} ms for 95%")
    if given.examples:
        by_number(engine, embedder, sets, given.examples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
