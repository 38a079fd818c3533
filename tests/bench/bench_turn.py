"""What a turn costs beside the model: `python -m tests.bench.bench_turn [--passages 5000] [--turns 150]`.

The sample help centre and filler up to so many passages (random vectors, shuffled words; each with three points) in a
real knowledge base, the sample questions through the real graph, and a chat model that answers at once with the
passage's own first sentences, so that everything else does its full work. Prints the median and the 95th percentile
for each node and for the whole turn, in milliseconds.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from agent.completions import Completion, Prompt
from agent.graph.build import build_graph
from agent.model_profiles import load_profile
from agent.privacy.environment import lock_down
from agent.settings import Settings
from agent.thinking import think
from agent.types import RunId, Usage
from agent.wiring import parts, rules, shelf
from knowledge.base import KnowledgeBase
from knowledge.index import Entry
from knowledge.types import Audience, Document, DocumentId, Passage, PassageId
from tests.bench.report_samples import SAMPLES, messages


class InstantModel:
    """Answers at once with what the prompt's passage says first."""

    async def complete(self, prompt: Prompt) -> Completion:
        text = prompt.messages[-1][1].rpartition("Help text:")[2].strip()
        return Completion(" ".join(text.split(". ")[:2]), Usage(1, len(text) // 4, 20))

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        yield (await self.complete(prompt)).text

    async def is_ready(self) -> bool:
        return True


def fill(base: KnowledgeBase, wanted: int) -> None:
    have = base.counts()[Audience.PUBLIC]
    words = [w for path in (SAMPLES / "help_centre").rglob("*.md") for w in path.read_text(encoding="utf-8").split()]
    rng, chance = np.random.default_rng(5), random.Random(5)
    entries = []
    for n in range(max(0, wanted - have)):
        document = Document(
            DocumentId(f"filler-{n}"), f"Filler {n}", " ".join(chance.choices(words, k=110)), Audience.PUBLIC, f"/filler/{n}.md"
        )
        passage_id = PassageId(f"{document.doc_id}:{document.version}:0")
        passage = Passage(passage_id, document.doc_id, document.version, 0, document.title, (), document.text, Audience.PUBLIC)
        rows = rng.normal(size=(1, 384)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        entries.append(Entry(document, [passage], rows))
    for start in range(0, len(entries), 500):
        base._index.write(entries[start : start + 500], "filler")
    base._index.mark("filled")
    base._syncer.mend_lexical()


async def measure(data_dir: Path, passages: int, turns: int) -> dict[str, list[float]]:
    settings = Settings(data_dir=data_dir)
    base = shelf.build_knowledge(settings)
    base.sync([SAMPLES / "help_centre"])
    fill(base, passages)
    print(f"{sum(base.counts().values())} passages")
    context = parts.build_context(InstantModel(), load_profile("smollm2"), base, rules.build_policies(settings), {})
    graph = build_graph()
    spent: dict[str, list[float]] = defaultdict(list)
    questions = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()][: turns + 5]
    for n, question in enumerate(questions):
        start = time.perf_counter()
        outcome = await think(graph, context, messages(question), RunId(str(n)), str(n))
        whole = (time.perf_counter() - start) * 1000
        if n >= 5:  # the first ones load the language detector and warm the caches
            for node, ms in outcome.timings_ms.items():
                spent[node].append(ms)
            spent["whole turn"].append(whole)
    base.close()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=5_000)
    parser.add_argument("--turns", type=int, default=145)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    lock_down()
    with tempfile.TemporaryDirectory() as folder:
        spent = asyncio.run(measure(options.data or Path(folder), options.passages, options.turns))
    print(f"{'':12}{'turns':>6}{'p50 ms':>9}{'p95 ms':>9}")
    for node, values in spent.items():
        ordered = sorted(values)
        print(f"{node:12}{len(values):6}{statistics.median(values):9.1f}{ordered[int(0.95 * (len(ordered) - 1))]:9.1f}")


if __name__ == "__main__":
    main()
