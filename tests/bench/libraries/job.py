"""What goes to the process that runs one system on one set, and what comes back. The standard library alone.

The process may be that of another virtual environment, so nothing here, in `child` or in the peers' files
imports anything of Innkeeper's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

DEPTH = 100
"""Passages that every system is asked for: twenty documents must come of them."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The same passages for everybody, as texts to embed; `owners` has the document of each.

    Innkeeper reads `sources`, the folder that the passages were made of, for reading is its own work.
    """

    texts: Sequence[str]
    owners: Sequence[str]
    sources: Path

    def ranked(self, positions: Sequence[int]) -> list[str]:
        """Documents in the order of their best passage, given passages from best to worst."""
        return list(dict.fromkeys(self.owners[position] for position in positions))


class Setup(Protocol):
    """One system, set up as its documentation says. Every such file has a class `System` that is one."""

    packages: Sequence[str]
    """Distributions whose versions matter; the first one names the system."""

    def __init__(self, model: Path, scratch: Path, threads: int) -> None:
        """Load everything that is loaded once, above all the model."""

    def index(self, corpus: Corpus) -> None:
        """Embed and write."""

    def search(self, query_id: str, text: str) -> list[str]:
        """Document ids, best first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query in one of its variants (the whole conversation, its last turn)."""

    variant: str
    query_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Job:
    """One system on one set."""

    system: str
    model: Path
    scratch: Path
    threads: int
    corpus: Corpus
    queries: Sequence[Asked]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), default=str), "utf-8")


def read_job(path: Path) -> Job:
    """What `Job.write` wrote."""
    row = json.loads(path.read_text("utf-8"))
    corpus = Corpus(row["corpus"]["texts"], row["corpus"]["owners"], Path(row["corpus"]["sources"]))
    queries = [Asked(**asked) for asked in row["queries"]]
    return Job(row["system"], Path(row["model"]), Path(row["scratch"]), row["threads"], corpus, queries)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, and how long it took with everything, in milliseconds."""

    variant: str
    query_id: str
    ranked: Sequence[str]
    took_ms: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a process measured. `peak_bytes` is the most memory (RSS) that it held at any time."""

    versions: Mapping[str, str]
    index_s: float
    peak_bytes: int
    answers: Sequence[Answer]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), "utf-8")


def read_outcome(path: Path) -> Outcome:
    """What `Outcome.write` wrote."""
    row = json.loads(path.read_text("utf-8"))
    return Outcome(row["versions"], row["index_s"], row["peak_bytes"], [Answer(**answer) for answer in row["answers"]])
