"""`innkeeper eval …`: figures on a data set."""

import os
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from agent.cli import show
from agent.cli.frame import read_settings, reports_errors
from agent.errors import AgentError

if TYPE_CHECKING:
    from agent.evaluation.grounding import Checked
    from agent.evaluation.grounding import Figures as GroundingFigures
    from knowledge.evaluation.run import Figures

app = typer.Typer(help="Measure on a data set.", no_args_is_help=True, rich_markup_mode=None)


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
    reports_errors(_retrieval)(dataset, report, data, queries, json)


@app.command()
def grounding(
    file: Annotated[Path, typer.Argument(help="JSON Lines with reply, passages, and if known question, id, supported.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with plots and cases.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Which replies the verifier would let out, sentence by sentence, and how often people agree.

    A line of the file is {"reply": "…", "passages": ["…", {"title": "…", "text": "…"}], "question": "…", "id": "…",
    "supported": true}. `supported` is a person's judgement of the whole reply; without it there are verdicts and no figures.
    Nothing is sent and no model that writes is asked.
    """
    reports_errors(_grounding)(file, report, json)


@app.command()
def answers(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="JSON Lines; see above.")],
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with plots and every sentence.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN.jsonl", help="The run file; `evaluations/` in the data folder, named after FILE, if not given."
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="RUN.jsonl", help="Compare with the run file of an earlier run.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask so many, spread evenly; all if not given.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The data folder, in place of INNKEEPER_DATA_DIR.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; an earlier run is kept under another name.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask your own questions through the whole graph, and judge what would be sent; says which dial each topic can bear.

    A line is {"id": "…", "question": "…", "doc_ids": ["…"], "facts": ["…"], "decision": "answer"}, or has
    "conversation": [{"author": "customer", "text": "…"}, …] in place of `question`. `decision` is answer, draft, clarify,
    handoff or refuse. An answer is right if it cites one of `doc_ids` and has all `facts`, word for word.

    The configured model and knowledge base are asked, as by `innkeeper ask`; nothing is sent. Each outcome is written to
    the run file at once: begun again after a stop, it goes on; cases that failed are tried again. Exit code 1 if any failed.
    """
    from agent.cli.answers import run_answers

    check_place(report)
    reports_errors(run_answers)(files, report, out, against, limit, data, fresh, json)


def _grounding(file: Path, page: Path | None, json: bool) -> None:
    from agent.evaluation import grounding as evaluation
    from agent.evaluation.page import render_grounding
    from agent.wiring import parts, shelf

    check_place(page)
    cases = evaluation.load(file)
    settings = read_settings()
    shelf.guard_egress(settings)
    knowledge = shelf.build_knowledge(settings)
    try:
        with show.progress("checking") as step:
            checked = list(evaluation.check(parts.built_in_verifier(knowledge, settings.second_look), cases, step))
    finally:
        knowledge.close()
    figures = evaluation.figures(checked)
    if page is not None:
        put(page, render_grounding(file.stem, figures, checked))
    if json:
        show.as_json({**asdict(figures), "cases": [_case_body(one) for one in checked]})
    else:
        _show_grounding(file, figures, page)


def _case_body(one: "Checked") -> dict[str, object]:
    told = [{"sentence": s, **asdict(j)} for s, j in zip(one.sentences, one.judgements, strict=True)]
    return {"id": one.case.id, "passes": one.passes, "probability": one.probability, "sentences": told}


def _show_grounding(file: Path, figures: "GroundingFigures", page: Path | None) -> None:
    show.out.print(f"{file.name}: {figures.passed} of {figures.replies} replies pass", markup=False)
    if figures.judged:
        show.out.print(
            f"a person judged {figures.judged}: {figures.passed_unsupported} pass though unsupported, "
            f"{figures.stopped_supported} are stopped though supported"
        )
        named = {"AUROC": figures.auroc, "recall at 95% precision": figures.recall_at_95}
        named["calibration error"] = figures.calibration_error
        show.out.print(", ".join(f"{name} {value:.3f}" for name, value in named.items() if value is not None))
    else:
        show.out.print("no reply has `supported`, a person's judgement, so there are no figures", style="dim")
    if page is not None:
        show.out.print(f"Plots and the replies to look at first are in {page}", markup=False)


def _retrieval(folder: Path, page: Path | None, data: Path | None, most: int | None, json: bool) -> None:
    from agent.wiring import shelf
    from knowledge.evaluation import run
    from knowledge.evaluation.page import render
    from knowledge.measure import load_dataset

    check_place(page)
    dataset = load_dataset(folder)
    asked = _spread(dataset.judged, most)
    if not asked:
        raise AgentError(f"{folder}: no query has a relevant document, so there is nothing to measure; see qrels.tsv")
    settings = read_settings()
    shelf.guard_egress(settings)
    with ExitStack() as stack:
        home = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="innkeeper-eval-")))
        # Embedded whatever the settings say: the company's own index is not for trying things.
        knowledge = shelf.build_knowledge(settings.model_copy(update={"data_dir": home / dataset.name, "chroma_url": None}))
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
        put(page, render(figures, answered, dataset))
    show.as_json(asdict(figures)) if json else _show(figures, page)


def _spread(query_ids: tuple[str, ...], most: int | None) -> tuple[str, ...]:
    if most is None or most >= len(query_ids):
        return query_ids
    return tuple(query_ids[n * len(query_ids) // most] for n in range(most))


def check_place(page: Path | None) -> None:
    """Before any work, not after it."""
    if page is None:
        return
    folder = page.absolute().parent
    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is no folder", param_hint="--report")
    if page.is_dir() or not os.access(page if page.exists() else folder, os.W_OK):
        raise typer.BadParameter(f"{page} can't be written", param_hint="--report")


def put(path: Path, page: str) -> None:
    """Write a page. Raises `AgentError` with what to do."""
    try:
        path.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        raise AgentError(f"the report can't be written to {path}: {error.strerror}; name another file") from error


def _show(figures: "Figures", page: Path | None) -> None:
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
