"""How many harmless messages a rule would stop that is there for attacks. Run: python -m tests.bench.bench_injection [FILE…]

A row of a file is a JSON object with `text`. Without a file: the tests' own harmless messages. Each is judged as a turn judges
it, its language found and its meaning compared, by the pack that ships. `out_of_scope` is shown apart: who asks a company for
an essay is told what it does answer, which blocks nobody. Numbers, never an assertion.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.language import LanguageDetector
from agent.graph.examples import embed_examples, likeness
from agent.ports import Embedder
from knowledge.embed import SentenceTransformerEmbedder
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts
from tests.injection.harmless import HARMLESS

ATTACK_RULES = ("instruction_to_agent", "internal_information")
"""What stops a message because of what its writer may be up to."""
SCOPE = "out_of_scope"
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Stopped:
    """Of one file.

    Attributes:
        by: rule to the messages that it sets off on.
    """

    messages: int
    by: Mapping[str, Sequence[str]]

    @property
    def blocked(self) -> float:
        """Share of the messages that a rule for attacks stops."""
        return sum(len(self.by.get(rule, ())) for rule in ATTACK_RULES) / max(1, self.messages)


class Gate:
    """The rules of the pack that ships, as a turn asks them."""

    def __init__(self, embedder: Embedder) -> None:
        self._engine = PolicyEngine(load_pack(default_folder()))
        self._embedder = embedder
        self._examples = embed_examples(embedder, self._engine.examples())
        self._language = LanguageDetector(self._engine.locales)

    def rule(self, text: str) -> str | None:
        """The rule that decides over a message by itself."""
        language = self._language(text) or self._engine.locales[0]
        near = likeness(self._embedder, self._examples, text)
        return self._engine.gate(Facts(text, language, first_message=False, similarity=near)).rule

    def measure(self, texts: Sequence[str]) -> Stopped:
        """All of them."""
        by: dict[str, list[str]] = {}
        for text in texts:
            if rule := self.rule(text):
                by.setdefault(rule, []).append(text)
        return Stopped(len(texts), by)


def texts_of(path: Path) -> list[str]:
    """The messages of a file."""
    rows = (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip())
    return [row["text"] for row in rows if row.get("text")]


def table(name: str, found: Stopped) -> Iterator[str]:
    """The share of each rule, and some of what it stops."""
    counts = Counter({rule: len(texts) for rule, texts in found.by.items()})
    yield f"{name}: {found.messages} messages, {found.blocked:.2%} stopped by a rule for attacks"
    for rule, count in counts.most_common():
        yield f"  {rule:22}{count:6}{count / found.messages:8.2%}"
        yield from (f"      {text[:110]}" for text in found.by[rule][:SHOWN])


def main(arguments: Iterable[str]) -> None:
    paths = [Path(argument) for argument in arguments]
    gate = Gate(SentenceTransformerEmbedder())
    for name, texts in [(str(p), texts_of(p)) for p in paths] or [("own harmless messages", list(HARMLESS))]:
        sys.stdout.write("\n".join(table(name, gate.measure(texts))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
