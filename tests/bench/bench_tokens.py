"""What a turn asks of a served model: `python -m tests.bench.bench_tokens --tokenizer tokenizer.json [--profile qwen3]`.

The sample questions through the real graph, over the sample help centre, with a chat model that answers each draft with the
first sentences of the first passage and every other call with nothing. Counts the calls, and the tokens of prompts and
answers by a real tokenizer; prints mean and longest. `innkeeper models plan` takes its turn from here.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from agent.completions import Completion, Prompt
from agent.graph.build import build_graph
from agent.model_profiles import load_profile
from agent.privacy.environment import lock_down
from agent.settings import Settings
from agent.thinking import think
from agent.types import RunId, Usage
from agent.wiring import parts, rules, shelf
from knowledge.sentences import split_sentences
from tests.bench.report_samples import SAMPLES, messages

SENTENCES = 3


@dataclass(frozen=True)
class Call:
    """One prompt and its answer. `system` is what all prompts of its kind begin with."""

    system: str
    prompt_tokens: int
    answer_tokens: int


class CountingModel:
    """Quotes the passage, as JSON, and keeps the books."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.calls: list[Call] = []

    def tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text).ids)

    async def complete(self, prompt: Prompt) -> Completion:
        passage = prompt.messages[-1][1].partition("<passages>")[2].partition("</passages>")[0]
        lines = [line for line in passage.splitlines() if line.strip() and not line.startswith(("[", "<"))]
        said = split_sentences(" ".join(lines), "en")[:SENTENCES]
        text = json.dumps({"answerable": bool(said), "sentences": [{"text": s[:300], "passage": 1} for s in said]})
        # A chat template adds about five tokens a message: its role and its marks.
        call = Call(prompt.messages[0][1], sum(self.tokens(content) + 5 for _, content in prompt.messages), self.tokens(text))
        self.calls.append(call)
        return Completion(text, Usage(1, call.prompt_tokens, call.answer_tokens))

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        yield (await self.complete(prompt)).text

    async def is_ready(self) -> bool:
        return True


async def measure(data_dir: Path, tokenizer: Tokenizer, profile: str) -> None:
    settings = Settings(data_dir=data_dir)
    base = shelf.build_knowledge(settings)
    base.sync([SAMPLES / "help_centre"])
    model = CountingModel(tokenizer)
    context = parts.build_context(model, load_profile(profile), base, rules.build_policies(settings), {})
    graph = build_graph()
    turns: list[list[Call]] = []
    for n, line in enumerate((SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()):
        model.calls = []
        await think(graph, context, messages(json.loads(line)), RunId(str(n)), str(n))
        turns.append(model.calls)
    base.close()
    asked = [calls for calls in turns if calls]
    print(f"{len(turns)} turns, {len(asked)} of them ask the model, {statistics.mean(len(c) for c in turns):.2f} calls a turn")
    for name, values in (
        ("prompt tokens of a call", [c.prompt_tokens for calls in asked for c in calls]),
        ("answer tokens of a call", [c.answer_tokens for calls in asked for c in calls]),
        ("prompt tokens of a turn that asks", [sum(c.prompt_tokens for c in calls) for calls in asked]),
        ("answer tokens of a turn that asks", [sum(c.answer_tokens for c in calls) for calls in asked]),
    ):
        print(f"{name}: mean {statistics.mean(values):.0f}, longest {max(values)}")
    for system in sorted({c.system for calls in asked for c in calls}):
        print(f"shared by every prompt of a kind: {model.tokens(system) + 5} tokens ({system[:40]!r}…)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--profile", default="qwen3")
    options = parser.parse_args()
    lock_down()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), Tokenizer.from_file(str(options.tokenizer)), options.profile))


if __name__ == "__main__":
    main()
