"""How results look to a person at a terminal."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from agent.surface import AnswerBody
from knowledge.types import Hit, SourceResult, SyncReport

if TYPE_CHECKING:
    from knowledge.sources.kinds import BaseSource

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)
COLOURS = {"answer": "green", "draft": "cyan", "clarify": "yellow", "handoff": "magenta", "refuse": "red"}


def as_json(value: object) -> None:
    """One JSON document on stdout."""
    text = json_text(value)
    out.print_json(text, ensure_ascii="\\ud" in text) if out.is_terminal else out.file.write(text + "\n")


def json_text(value: object, indent: int | None = None) -> str:
    """JSON that UTF-8 can hold: half of a surrogate pair, which a customer's client may have sent, stands as its escape."""
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace").decode()


def answer(body: AnswerBody) -> None:
    """An outcome with its citations and what it cost."""
    colour = COLOURS.get(body["decision"], "white")
    out.print(
        Panel(Markdown(body["answer"]), title=f"[bold {colour}]{body['decision']}", title_align="left", border_style=colour)
    )
    for citation in body["citations"]:
        place = f" – {citation['url']}" if citation["url"] else ""
        out.print(Text.assemble((f"[{citation['n']}]", "bold"), f" {citation['title']}{place}"))
        out.print(f"    “{one_line(citation['quote'])}”", style="dim", markup=False)
    spent = sum(body["timings_ms"].values())
    usage = body["usage"]
    out.print(
        f"{body['reason']} · confidence {body['confidence']:.2f} · {usage['llm_calls']} model calls, "
        f"{usage['prompt_tokens']} + {usage['completion_tokens']} tokens · {spent:.0f} ms · "
        f"policy {body['policy']['version']} {body['policy']['sha256'][:8]}",
        style="dim",
        markup=False,
    )


def hits(found: list[Hit]) -> None:
    """Search results."""
    table = Table("#", "score", "document", "passage", box=None, pad_edge=False)
    for n, hit in enumerate(found, 1):
        passage = hit.passage
        place = " › ".join((passage.title, *passage.heading_path))
        told = Text.assemble((place, "bold"), "\n", one_line(passage.text)[:300])
        table.add_row(str(n), f"{hit.score:.3f}", Text(passage.doc_id), told)
    out.print(table)


def sync_report(report: SyncReport) -> None:
    """What an ingest did."""
    out.print(
        f"{len(report.added)} added, {len(report.updated)} updated, {len(report.unchanged)} unchanged, "
        f"{len(report.removed)} removed; {report.passages} passages in the knowledge base"
    )
    for failure in report.failed:
        err.print("[red]not read:[/] ", end="")
        err.print(f"{failure.source}: {failure.reason}", markup=False)


def source_results(results: Iterable[SourceResult], sources: "Sequence[BaseSource]") -> None:
    """A row for each source of the list, and for what was removed because it isn't listed any more."""
    listed = {source.name: source for source in sources}
    # Names and addresses break into lines rather than end in dots: two sources may begin alike.
    words = (Column(name, overflow="fold") for name in ("source", "kind", "audience", "language", "owner"))
    table = Table(*words, "added", "updated", "unchanged", "removed", "failed", box=None, pad_edge=False)
    for row in results:
        known = listed.get(row.name)
        told = (known.kind_name, known.audience, known.language, known.owner) if known else ("not listed", None, None, None)
        counts = (row.added, row.updated, row.unchanged, row.removed, len(row.failed))
        table.add_row(*(Text(word or "–") for word in (row.name, *told)), *map(str, counts))
    out.print(table)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar on a terminal, gone at the end; nothing elsewhere. The function inside takes done, total and a name."""
    bar = Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[name]}"),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        task = bar.add_task(title, total=None, name="")

        def step(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, name=name[:40])

        yield step


def one_line(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())
