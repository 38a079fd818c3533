"""Model calls and prompt tokens of a turn beside Parlant: `python -m tests.bench.compare_parlant [--messages 10]`.

Both programs get the same guidelines (`tests/bench/guidelines`) and the same messages, each the first of its conversation, and
ask the same scripted model server, which answers at once (`tests.bench.guidelines.scripted`). What they ask it is counted there,
by one tokenizer for both: the texts of the messages, without the JSON schema that is sent beside them. The messages are such that
Innkeeper asks its model for, and their guidelines are among the first of every number. Innkeeper runs with the sample help
centre and the profile `qwen3`, Parlant in a process of its own, from `.venv-parlant` (`make bench-parlant`) or `--python`.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.graph.build import build_graph
from agent.graph.state import TurnContext
from agent.model_profiles import load_profile
from agent.ports import ChatModel
from agent.privacy.environment import lock_down
from agent.settings import Settings
from agent.thinking import think
from agent.types import Author, Message, MessageId, RunId
from agent.wiring import parts, shelf
from knowledge.base import KnowledgeBase
from policies.engine import PolicyEngine
from policies.guidelines import GuidelineRule
from policies.load import load_pack
from policies.schema import Pack
from tests.bench.guidelines.pack import load_rows, write_pack
from tests.bench.report_samples import SAMPLES

ROOT = Path(__file__).parents[2]
NUMBERS = (0, 10, 40, 100)
HEAD = (
    "| guidelines | Innkeeper: calls | most | prompt tokens | most | Parlant: calls | most | prompt tokens | most |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)
PARLANT_PYTHON = ROOT / ".venv-parlant" / "bin" / "python"


class CompareError(Exception):
    """Says what could not be compared, and what to do."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Of each turn, the prompt tokens of each call."""

    turns: tuple[tuple[int, ...], ...]

    def cells(self) -> str:
        """Calls and tokens a turn: mean, and most."""
        calls, tokens = [len(turn) for turn in self.turns], [sum(turn) for turn in self.turns]
        mean_calls, mean_tokens = sum(calls) / len(calls), sum(tokens) / len(tokens)
        return f"{mean_calls:.1f} | {max(calls)} | {mean_tokens:,.0f} | {max(tokens):,}"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def scripted_server(truth: Path) -> Iterator[str]:
    """The model server, and its address."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.guidelines.scripted", str(port), str(truth)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    calls_of(f"http://127.0.0.1:{port}/")
                    break
                except OSError as error:
                    if server.poll() is not None or time.monotonic() > deadline:
                        raise CompareError("the scripted model server did not start; what it said stands above") from error
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.kill()


def calls_of(url: str) -> list[dict[str, Any]]:
    """What was asked of the model server since the last time."""
    with urllib.request.urlopen(url + "calls", timeout=30) as response:
        found: list[dict[str, Any]] = json.load(response)
    return found


def tokens_of(calls: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    return tuple(call["prompt_tokens"] for call in calls)


async def innkeeper(context: TurnContext, url: str, texts: Sequence[str]) -> Spent:
    """Each text through the whole graph, as the first message of a conversation."""
    graph, turns = build_graph(), []
    for n, text in enumerate(texts):
        message = Message(MessageId("1"), Author.CUSTOMER, text, "2026-01-01T00:00:00+00:00")
        await think(graph, context, [message], RunId(str(n)), str(n), "en")
        turns.append(tokens_of(calls_of(url)))
    return Spent(tuple(turns))


def parlant(python: str, folder: Path, url: str, rules: Sequence[GuidelineRule], texts: Sequence[str]) -> tuple[Spent, str]:
    """The same through Parlant, and its version.

    Raises:
        CompareError: it is not installed there, or its process failed.
    """
    folder.mkdir()
    job = {
        "port": free_port(),
        "tool_port": free_port(),
        "model_url": url,
        "guidelines": [{"condition": rule.about, "action": rule.then} for rule in rules],
        "messages": list(texts),
    }
    (folder / "job.json").write_text(json.dumps(job))
    command = [python, "-m", "tests.bench.guidelines.with_parlant", str(folder / "job.json"), str(folder / "outcome.json")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PARLANT_HOME": str(folder / "home")}
    try:
        child = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    except OSError as error:
        raise CompareError(f"{python} can't be started ({error.strerror}); run `make bench-parlant`") from error
    if child.returncode:
        raise CompareError(f"Parlant ended with {child.returncode}; run `make bench-parlant`:\n{child.stderr[-2000:]}")
    found = json.loads((folder / "outcome.json").read_text())
    return Spent(tuple(tokens_of(turn["calls"]) for turn in found["turns"])), str(found["version"])


@dataclass(frozen=True, slots=True)
class Bench:
    """What every row of the table needs.

    Attributes:
        pack: with all guidelines.
        base: the sample help centre.
        chat: the client of the scripted server.
        url: of that server.
    """

    pack: Pack
    base: KnowledgeBase
    chat: ChatModel
    url: str

    def context(self, rules: Sequence[GuidelineRule]) -> TurnContext:
        """Innkeeper's, with these guidelines."""
        engine = PolicyEngine(self.pack.model_copy(update={"guidelines": tuple(rules)}))
        return parts.build_context(self.chat, load_profile("qwen3"), self.base, engine, {})

    async def choose(self, most: int) -> dict[str, str]:
        """Messages that Innkeeper asks its model for, by their guideline, each of another."""
        context, chosen = self.context(()), dict[str, str]()
        for row in load_rows("dev"):
            if len(chosen) < most and row.guideline not in chosen and (await innkeeper(context, self.url, [row.text])).turns[0]:
                chosen[row.guideline] = row.text
        return chosen

    async def rows(self, most: int, python: str, scratch: Path) -> list[str]:
        """The table's, and a line on what was compared."""
        asked = await self.choose(most)
        ordered = sorted(self.pack.guidelines, key=lambda rule: rule.id not in asked)
        texts, lines, version = list(asked.values()), [], ""
        for number in NUMBERS:
            print(f"{number} guidelines, {len(texts)} messages", file=sys.stderr)
            own = await innkeeper(self.context(ordered[:number]), self.url, texts)
            other, version = parlant(python, scratch / f"parlant-{number}", self.url, ordered[:number], texts)
            lines.append(f"| {number} | {own.cells()} | {other.cells()} |")
        return [*lines, f"\nParlant {version}; {len(texts)} messages, each the first of its conversation."]


async def compare(pack: Pack, scratch: Path, python: str, most: int) -> list[str]:
    """The table, line by line."""
    about = {rule.id: rule.about for rule in pack.guidelines}
    truth = scratch / "truth.json"
    truth.write_text(json.dumps({row.text: about[row.guideline] for row in load_rows("dev")}))
    base = shelf.build_knowledge(Settings(data_dir=scratch / "data"))
    try:
        base.sync([SAMPLES / "help_centre"])
        with scripted_server(truth) as url:
            server = ModelServer(base_url=url + "v1", model="scripted", timeout_s=60)
            async with OpenAIChatModel(load_profile("qwen3"), server) as chat:
                return [*HEAD, *await Bench(pack, base, chat, url).rows(most, python, scratch)]
    finally:
        base.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10, help="at most so many, each of another guideline")
    parser.add_argument("--python", default=str(PARLANT_PYTHON), help="one that has Parlant")
    given = parser.parse_args()
    lock_down()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            pack = load_pack(write_pack(Path(scratch, "pack")))
            lines = asyncio.run(compare(pack, Path(scratch), given.python, given.messages))
    except CompareError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
