"""`innkeeper eval …`: figures on a data set."""

import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from agent.cli import show
from agent.errors import AgentError
from knowledge.evaluation.run import Answered, Figures
from knowledge.measure import Dataset

app = typer.Typer(help="Measure on a data set.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Keeps `eval` a group while it has one command."""


@app.command()
def retrieval(
    dataset: Annotated[Path, typer.Argument(help="A folder with corpus.jsonl, queries.jsonl and qrels.tsv.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with plots and worst queries.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the index here, for the next run.")] = None,
    queries: Annotated[int | None, typer.Option(min=1, help="Ask so many, spread evenly; all if not given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How well and how fast the knowledge base finds what a data set asks for, in an index of its own.

    corpus.jsonl holds {id, title, text}, queries.jsonl {id, text}, qrels.tsv query-id, corpus-id and score. A query may
    be a conversation, one `Customer:` or `Agent:` line a turn: its last turn is asked. Your own knowledge base isn't touched.
    """
    from agent.cli.commands import reports_errors

    reports_errors(_retrieval)(dataset, report, data, queries, json)


def _retrieval(folder: Path, page: Path | None, data: Path | None, most: int | None, json: bool) -> None:
    from agent.cli.commands import _settings
    from agent.wiring import parts
    from knowledge.evaluation import run
    from knowledge.measure import load_dataset

    if page is not None and not page.absolute().parent.is_dir():
        raise typer.BadParameter(f"{page.absolute().parent} is no folder", param_hint="--report")
    dataset = load_dataset(folder)
    asked = _spread(dataset.judged, most)
    if not asked:
        raise AgentError(f"{folder}: no query has a relevant document, so there is nothing to measure; see qrels.tsv")
    settings = _settings()
    parts.guard_egress(settings)
    with ExitStack() as stack:
        home = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="innkeeper-eval-")))
        # Embedded whatever the settings say: the company's own index is not for trying things.
        knowledge = parts.build_knowledge(settings.model_copy(update={"data_dir": home / dataset.name, "chroma_url": None}))
        stack.callback(knowledge.close)
        knowledge.check_reranker()
        with show.progress("ingesting") as step:
            index_s = run.fill(knowledge, dataset, step)
        with show.progress("searching") as step:
            answered = run.ask(knowledge, dataset, asked, step)
        figures = run.figures(knowledge, dataset, answered, index_s)
        if (state := knowledge.reranker_state).passed_over:
            # Figures of two orders are of none.
            raise AgentError(f"{state.passed_over} searches went on without the reranker; measure again: {state.reason}")
    if page is not None:
        _write(page, figures, answered, dataset)
    show.as_json(asdict(figures)) if json else _show(figures, page)


def _spread(query_ids: tuple[str, ...], most: int | None) -> tuple[str, ...]:
    if most is None or most >= len(query_ids):
        return query_ids
    return tuple(query_ids[n * len(query_ids) // most] for n in range(most))


def _write(path: Path, figures: Figures, answered: list[Answered], dataset: Dataset) -> None:
    from knowledge.evaluation.page import render

    try:
        path.write_text(render(figures, answered, dataset), encoding="utf-8", errors="replace")
    except OSError as error:
        raise AgentError(f"the report can't be written to {path}: {error.strerror}; name another file") from error


def _show(figures: Figures, page: Path | None) -> None:
    table = Table("nDCG@10", "recall@5", "recall@20", "recall@50", "MRR@10", "p50", "p95", box=None, pad_edge=False)
    quality = (figures.ndcg_10, figures.recall_5, figures.recall_20, figures.recall_50, figures.mrr)
    table.add_row(*(f"{value:.3f}" for value in quality), *(f"{ms:.0f} ms" for ms in (figures.p50_ms, figures.p95_ms)))
    show.out.print(
        f"{figures.dataset}: {figures.queries} queries to {figures.documents} documents, {figures.passages} passages",
        markup=False,
    )
    show.out.print(table)
    if figures.index_s is not None:
        show.out.print(f"ingested in {figures.index_s:.0f} s", style="dim")
    if page is not None:
        show.out.print(f"Plots and the worst queries are in {page}", markup=False)
