"""`innkeeper knowledge …`: what a support lead asks about the knowledge base as a whole."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import show
from agent.cli.frame import read_settings, reports_errors
from agent.errors import AgentError
from knowledge.health.report import HEADINGS, Finding, HealthReport, Severity

app = typer.Typer(help="Look after the knowledge base.", no_args_is_help=True, rich_markup_mode=None)
SHOWN = 10
"""Findings of a kind, and articles of a finding, on a terminal; the page has all."""
COLOURS = {Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}


@app.callback()
def _group() -> None:
    """Keeps `knowledge` a group while it has one command."""


@app.command()
def health(
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with all findings.")] = None,
    stale_days: Annotated[int, typer.Option(min=1, help="An article not updated for so many days is stale.")] = 365,
    unused_days: Annotated[int, typer.Option(min=1, help="How many days back searches count.")] = 90,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find what to mend: contradictions, wrong audiences, broken links, old, double, unused and misshapen articles."""
    reports_errors(_health)(report, stale_days, unused_days, json)


def _health(page: Path | None, stale_days: int, unused_days: int, json: bool) -> None:
    from agent.wiring import shelf
    from knowledge.health.run import Limits, examine

    settings = read_settings()
    shelf.guard_egress(settings)
    knowledge = shelf.build_knowledge(settings)
    try:
        with show.progress("looking at the knowledge base") as step:
            found = examine(knowledge, Limits(stale_days, unused_days), on_progress=step)
    finally:
        knowledge.close()
    if page is not None:
        _write(page, found)
    show.as_json(asdict(found)) if json else _show(found, page)


def _write(path: Path, found: HealthReport) -> None:
    from knowledge.health.page import render

    try:
        path.write_text(render(found), encoding="utf-8", errors="replace")
    except OSError as error:
        raise AgentError(
            f"the report can't be written to {path}: {error.strerror}; name a file in a folder that exists"
        ) from error


def _show(found: HealthReport, page: Path | None) -> None:
    counts = ", ".join(f"{found.count(severity)} {severity}" for severity in Severity)
    total = len(found.findings)
    things = f"{total} {'thing' if total == 1 else 'things'} to look at ({counts})" if total else "Nothing to look at"
    show.out.print(f"[bold]{things}[/] in {found.documents} articles, {found.passages} passages")
    for kind, findings in found.groups():
        show.out.print(f"\n[bold]{HEADINGS[kind]}[/] ({len(findings)})")
        for finding in findings[:SHOWN]:
            _show_finding(finding)
        if len(findings) > SHOWN:
            show.out.print(f"  … {len(findings) - SHOWN} more: see --report or --json", style="dim", markup=False)
    if found.hosts:
        hosts = ", ".join(f"{host.host} ({host.links})" for host in found.hosts[:SHOWN])
        show.out.print(f"\nLinks to other sites, not checked: {hosts}", markup=False)
    for note in found.notes:
        show.out.print(f"\n{note}", markup=False)
    if page is not None:
        show.out.print(f"\nAll of it is in {page}", markup=False)


def _show_finding(finding: Finding) -> None:
    show.out.print(f"  [{COLOURS[finding.severity]}]{finding.severity:<6}[/] ", end="")
    show.out.print(finding.seen, markup=False)
    for place in finding.places[:SHOWN]:
        heading = f" › {place.heading}" if place.heading else ""
        show.out.print(f"         {place.title}{heading} ({place.url or place.source})", markup=False)
        if place.quote:
            show.out.print(f"           “{place.quote}”", style="dim", markup=False)
    if len(finding.places) > SHOWN:
        show.out.print(f"         … {len(finding.places) - SHOWN} more", style="dim", markup=False)
    show.out.print(f"         → {finding.action}", markup=False)
