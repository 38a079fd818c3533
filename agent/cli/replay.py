"""`innkeeper replay`: recorded tickets, once more."""

import asyncio
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import typer

from agent.cli import show
from agent.cli.evaluate import put
from agent.cli.figures import show_figures
from agent.cli.running import check_not_itself, run_questions, told_failures
from agent.evaluation.replay import as_before, question_of, since
from agent.evaluation.runs import read_run
from agent.settings import Settings
from agent.wiring.replaying import turns_since

TITLE = "Recorded tickets, run again"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see `innkeeper replay --help`."""

    since: str | None
    limit: int | None
    page: Path | None
    out: Path | None
    against: Path | None
    policies: Path | None
    knowledge: Path | None
    fresh: bool
    json: bool


def run_replay(settings: Settings, options: Options) -> None:
    """Read what is on record, ask it again, show the difference."""
    from agent.evaluation.page import render_answers

    check_not_itself(options.out, options.against, options.fresh)
    earlier = read_run(options.against).records if options.against else None
    from_then_on = since(options.since, dt.datetime.now(dt.UTC)) if options.since else None
    turns = asyncio.run(turns_since(settings, from_then_on))
    if options.limit is not None:
        turns = turns[-options.limit :]
    if not turns:
        _tell_nothing(options)
        return
    before = earlier if earlier is not None else as_before(turns)
    changed = {"policy_dir": options.policies, "data_dir": options.knowledge}
    tried = settings.model_copy(update={name: value for name, value in changed.items() if value is not None})
    finished = run_questions(tried, "replay", "", [question_of(one) for one in turns], options.out, fresh=options.fresh)
    if options.page is not None:
        put(options.page, render_answers(TITLE, finished.header, finished.records, finished.topics, before))
    if options.json:
        show.as_json(finished.body(options.out, before))
    else:
        show_figures(TITLE, finished, before)
        if options.page is not None:
            show.out.print(f"Every changed answer is in {options.page}", markup=False, style="dim")
    if not finished.is_whole:
        show.err.print(told_failures(finished), markup=False)
        raise typer.Exit(1)


def _tell_nothing(options: Options) -> None:
    if options.json:
        show.as_json({"cases": []})
    when = f" since {options.since}" if options.since else ""
    show.err.print(
        f"nothing is recorded{when}: tickets come in by a helpdesk's webhook, and `mode: shadow` in policy.yaml records what "
        "would be sent without sending it"
    )
