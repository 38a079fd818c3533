"""`innkeeper eval answers`: a company's own questions, judged."""

from collections.abc import Sequence
from pathlib import Path

import typer

from agent.cli import show
from agent.cli.evaluate import put
from agent.cli.figures import show_figures
from agent.cli.frame import read_settings
from agent.cli.running import check_not_itself, run_questions, told_failures
from agent.evaluation.asking import Question
from agent.evaluation.cases import Case, load_cases, spread
from agent.evaluation.records import Record
from agent.evaluation.runs import read_run


def run_answers(
    files: Sequence[Path],
    page: Path | None,
    out: Path | None,
    against: Path | None,
    most: int | None,
    data: Path | None,
    fresh: bool,
    json: bool,
) -> None:
    """Ask, sum up, compare, show."""
    from agent.evaluation.page import render_answers

    cases, digest = load_cases(files)
    settings = read_settings("ERROR")
    if data is not None:
        settings = settings.model_copy(update={"data_dir": data})
    name = "+".join(path.stem for path in files)
    path = out or settings.data_dir / "evaluations" / f"{name[:80]}.jsonl"
    check_not_itself(path, against, fresh)
    earlier = read_run(against) if against else None
    finished = run_questions(settings, "answers", digest, [question_of(one) for one in spread(cases, most)], path, fresh=fresh)
    before = earlier.records if earlier else None
    if page is not None:
        put(page, render_answers(f"Answers to {name}", finished.header, finished.records, finished.topics, before))
    if json:
        show.as_json(finished.body(path, before))
    else:
        show_figures(f"Answers to {name}", finished, before)
        show.out.print(f"The run is in {path}", markup=False, style="dim")
        if page is not None:
            show.out.print(f"Plots, worst cases and every sentence with its source are in {page}", markup=False, style="dim")
    if not finished.is_whole:
        show.err.print(told_failures(finished), markup=False)
        show.err.print("the same command tries what has failed again")
        raise typer.Exit(1)


def question_of(case: Case) -> Question:
    """A case to be asked."""
    record = Record(id=case.id, said=case.said, kind=case.kind, language=case.language, expected=case.expected)
    return Question(record, case.messages)
