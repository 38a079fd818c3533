"""Asks cases with a progress bar and writes each record at once; what `eval answers` and `replay` have in common."""

import asyncio
import datetime as dt
import hashlib
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent.cli import show
from agent.errors import AgentError
from agent.evaluation.answers import Figures, figures
from agent.evaluation.asking import MOST_FAILURES, Question, ask
from agent.evaluation.changes import Comparison, compare
from agent.evaluation.code import code_fingerprint
from agent.evaluation.dials import TopicFigures, topic_figures
from agent.evaluation.records import Record
from agent.evaluation.runs import Header, RunFile, pick
from agent.settings import Settings
from agent.wiring.asking import Rehearsal, open_rehearsal


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run has given: its header and records, and what they say."""

    header: Header
    records: tuple[Record, ...]
    left: int
    """Cases that were not asked, since the model or the knowledge base was away."""
    figures: Figures
    topics: tuple[TopicFigures, ...]
    kept: Path | None

    @property
    def is_whole(self) -> bool:
        """True if every case has an outcome."""
        return not self.left and not self.figures.failed

    def beside(self, earlier: Sequence[Record]) -> Comparison:
        """This run beside an earlier one, over the cases that this one was asked."""
        return compare(pick(earlier, [one.id for one in self.records]), self.records)

    def body(self, path: Path | None, earlier: Sequence[Record] | None) -> dict[str, Any]:
        """All of it as plain values."""
        body: dict[str, Any] = {
            "run": str(path) if path else None,
            "header": self.header.model_dump(),
            "figures": figures_body(self.figures),
            "topics": [{**asdict(one), "advice": one.advice} for one in self.topics],
        }
        if earlier is not None:
            comparison = self.beside(earlier)
            before = figures(pick(earlier, [one.id for one in self.records]))
            body["comparison"] = {"figures_before": figures_body(before), **_comparison_body(comparison)}
        return {**body, "left": self.left, "cases": [one.model_dump(mode="json") for one in self.records]}


def run_questions(
    settings: Settings, kind: str, cases: str, questions: Sequence[Question], path: Path | None, *, fresh: bool = False
) -> Finished:
    """Ask what isn't done yet. With a path every record is written at once, and a run that was stopped goes on.

    Raises:
        AgentError, KnowledgeError, PolicyError: something can't be built, or the run file belongs to another run.
        KeyboardInterrupt: Ctrl-C or SIGTERM; what is done stays.
    """
    before = signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    done: dict[str, Record] = {}
    try:
        return asyncio.run(_run(settings, kind, cases, questions, path, fresh, done))
    except KeyboardInterrupt:
        ended = sum(q.record.id in done and not done[q.record.id].failed for q in questions)
        goes_on = "; the same command goes on from there" if path else ""
        show.err.print(f"stopped: {ended} of {len(questions)} cases are done{goes_on}")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


async def _run(
    settings: Settings,
    kind: str,
    cases: str,
    questions: Sequence[Question],
    path: Path | None,
    fresh: bool,
    done: dict[str, Record],
) -> Finished:
    async with open_rehearsal(settings) as rehearsal:
        header = header_of(rehearsal, kind, cases)
        with _written(path, header, fresh, done) as (header, add, kept):
            if kept:
                show.err.print(f"the earlier run is kept as {kept}", markup=False)
            await _ask(rehearsal, questions, done, add)
        records = tuple(pick(done.values(), [q.record.id for q in questions]))
        policies = rehearsal.policies
        rows = topic_figures(records, policies.about, policies.dials)
        return Finished(header, records, len(questions) - len(records), figures(records), tuple(rows), kept)


async def _ask(
    rehearsal: Rehearsal, questions: Sequence[Question], done: dict[str, Record], add: Callable[[Record], None]
) -> None:
    """Ask those that aren't done or failed before."""
    left = [q for q in questions if q.record.id not in done or done[q.record.id].failed]
    if left and len(left) < len(questions):
        show.err.print(f"going on: {len(questions) - len(left)} of {len(questions)} cases are done already")
    with show.progress("asking") as step:
        step(len(questions) - len(left), len(questions), "")
        asked = failed = 0
        async for record in ask(rehearsal.walk, rehearsal.policies, left):
            add(record)
            asked, failed = asked + 1, failed + 1 if record.failed else 0
            step(len(questions) - len(left) + asked, len(questions), record.id)
    if failed == MOST_FAILURES and asked < len(left):
        show.err.print(f"{failed} cases in a row have failed, so the other {len(left) - asked} were not asked")


@contextmanager
def _written(
    path: Path | None, header: Header, fresh: bool, done: dict[str, Record]
) -> Iterator[tuple[Header, Callable[[Record], None], Path | None]]:
    """Where records go. `done` is filled with those that are there, and is kept up to date."""
    if path is None:
        yield header, lambda record: done.__setitem__(record.id, record), None
        return
    with RunFile(path, header, fresh=fresh) as file:
        done.update(file.done)

        def add(record: Record) -> None:
            file.add(record)
            done[record.id] = record

        yield file.header, add, file.kept


def header_of(rehearsal: Rehearsal, kind: str, cases: str) -> Header:
    """The header of a run that begins now."""
    stamp, profile = rehearsal.policies.stamp, rehearsal.profile
    return Header(
        kind=kind,
        innkeeper=version("innkeeper"),
        code=code_fingerprint()[:12],
        model=rehearsal.model,
        profile=f"{profile.name} {hashlib.sha256(profile.model_dump_json().encode()).hexdigest()[:12]}",
        policy=f"{stamp.version} {stamp.sha256[:12]}",
        knowledge=rehearsal.knowledge[:12],
        parts=rehearsal.parts,
        cases=cases[:12],
        began=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )


def figures_body(found: Figures) -> dict[str, Any]:
    """Figures as plain values."""
    return {**asdict(found), "coverage": found.coverage, "precision": found.precision}


def told_failures(finished: Finished) -> str:
    """Why cases have no outcome, in a line for each reason, the most frequent first."""
    reasons: dict[str, int] = {}
    for one in finished.records:
        if one.failed:
            reasons[one.failed] = reasons.get(one.failed, 0) + 1
    return "\n".join(f"{count} failed: {reason}" for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1]))


def check_not_itself(path: Path | None, against: Path | None, fresh: bool) -> None:
    """A run beside itself has no differences.

    Raises:
        AgentError: both are one file, and nothing new is begun.
    """
    if path is not None and against is not None and not fresh and path.absolute() == against.absolute():
        raise AgentError(f"{against} is this very run; name an earlier one, or begin anew with --fresh")


def _comparison_body(comparison: Comparison) -> dict[str, Any]:
    changes = [
        {
            "id": one.id,
            "question": one.question,
            "turn": one.turn.value,
            "before": {**one.before.model_dump(mode="json"), "judgement": one.before_judged.model_dump(mode="json")},
            "after": {**one.after.model_dump(mode="json"), "judgement": one.after_judged.model_dump(mode="json")},
        }
        for one in comparison.changes
    ]
    return {"same": comparison.same, "changes": changes, "added": list(comparison.added), "gone": list(comparison.gone)}
