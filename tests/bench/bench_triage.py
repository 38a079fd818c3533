"""Which hard rules the pack that ships sets off, over data files. Run: python -m tests.bench.bench_triage FILE…

A file has one JSON object a line with `text` (and `label`, if any); an argument of a number takes a
sample of that many lines of each file. Numbers, never an assertion.
"""

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from knowledge.embed import SentenceTransformerEmbedder
from knowledge.types import Vectors
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts, Verdict

SHOWN = 8


def rows_of(path: Path, sample: int | None) -> list[dict[str, str]]:
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    for row in rows:
        if "conversation" in row:
            row["text"] = [m["text"] for m in row["conversation"] if m["author"] == "customer"][-1]
    if sample is not None and sample < len(rows):
        rows = random.Random(1).sample(rows, sample)
    return rows


def verdicts(engine: PolicyEngine, examples: dict[str, Vectors], texts: list[str], vectors: Vectors) -> list[Verdict]:
    near = {key: np.max(vectors @ own.T, axis=1) for key, own in examples.items()}
    return [
        engine.gate(Facts(text, "en", first_message=False, similarity={key: float(own[n]) for key, own in near.items()}))
        for n, text in enumerate(texts)
    ]


def report(path: Path, rows: list[dict[str, str]], found: list[Verdict], seconds: float) -> list[str]:
    rates = Counter(verdict.rule or "(passes)" for verdict in found)
    lines = [f"{path}: {len(rows)} messages, {seconds / max(1, len(rows)) * 1000:.2f} ms each for the gate alone"]
    for rule, count in rates.most_common():
        lines.append(f"  {rule:22} {count:6} {count / len(rows):7.2%}")
        if rule != "(passes)":
            shown = [row for row, verdict in zip(rows, found, strict=True) if verdict.rule == rule][:SHOWN]
            lines += [f"      {row.get('label', row.get('kind', '')):24.24} {row['text'][:100]}" for row in shown]
    return lines


def main(arguments: list[str]) -> None:
    sample = next((int(argument) for argument in arguments if argument.isdigit()), None)
    engine = PolicyEngine(load_pack(default_folder()))
    embedder = SentenceTransformerEmbedder()
    examples = {key: embedder.embed(texts) for key, texts in engine.examples().items()}
    for path in (Path(argument) for argument in arguments if not argument.isdigit()):
        rows = rows_of(path, sample)
        texts = [row["text"] for row in rows]
        vectors = embedder.embed(texts)
        started = time.perf_counter()
        found = verdicts(engine, examples, texts, vectors)
        sys.stdout.write("\n".join(report(path, rows, found, time.perf_counter() - started)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
