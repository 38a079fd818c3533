"""`innkeeper ingest`: what is named, or every source of the list."""

from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer

from agent.cli import show
from agent.settings import Settings
from agent.wiring import shelf
from knowledge.base import KnowledgeBase
from knowledge.sources.kinds import BaseSource, WebsiteSource
from knowledge.sources.listing import EXAMPLE
from knowledge.sources.opening import READERS, load_sources
from knowledge.sync import SyncOptions
from knowledge.types import Audience, SyncReport


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    Attributes:
        given: files, folders and addresses.
        audience: who may read documents of `given` that don't say it themselves.
        only: names of listed sources; all of them if empty.
        forget: the source of which all documents are to be removed.
        allow_mass_removal: remove what is gone even if that is most of a source.
        rebuild: empty the index before.
        as_json: print the report as JSON.
    """

    given: tuple[str, ...]
    audience: Audience
    only: tuple[str, ...]
    forget: str | None
    allow_mass_removal: bool
    rebuild: bool
    as_json: bool


def example() -> str:
    """A commented list of sources."""
    return EXAMPLE.read_text(encoding="utf-8")


def run(settings: Settings, request: Request) -> None:
    """Sync and show what was done. Exits with 1 if something could not be read, with 2 for wrong use."""
    if sum((bool(request.given), bool(request.only), request.forget is not None)) > 1:
        raise typer.BadParameter("name paths, or --source, or --forget: they don't go together")
    if request.rebuild and (request.only or request.forget is not None):
        raise typer.BadParameter("--rebuild is for all that the index is made of: not with --source or --forget")
    if request.forget == "":
        raise typer.BadParameter("name the source to forget")
    if request.given:
        sources = tuple(_website(word, request.audience) for word in request.given if "://" in word)
    else:
        sources = _listed(settings, request)
    guard = shelf.guard_egress(settings)
    guard.allow(*(url for source in sources for url in source.reaches))
    knowledge = shelf.build_knowledge(settings)
    try:
        with show.progress("ingesting") as step:
            report = _sync(knowledge, sources, request, SyncOptions(step, request.allow_mass_removal, rebuild=request.rebuild))
    except KeyboardInterrupt:
        how = "the same command without --rebuild" if request.rebuild else "the same command again"
        show.err.print(f"interrupted: what was written so far stays; {how} does the rest")
        raise
    finally:
        knowledge.close()
    if request.as_json:
        show.as_json(asdict(report))
    else:
        if sources or any(result.name for result in report.sources):
            show.source_results(report.sources, sources)
        show.sync_report(report)
    if report.failed:
        raise typer.Exit(1)


def _sync(knowledge: KnowledgeBase, sources: tuple[BaseSource, ...], request: Request, options: SyncOptions) -> SyncReport:
    if request.forget is not None:
        return knowledge.forget(request.forget)
    reports: list[SyncReport] = []
    if paths := [Path(word) for word in request.given if "://" not in word]:
        reports.append(knowledge.sync(paths, request.audience, options))
        options = replace(options, rebuild=False)
    if sources:
        is_whole_list = not request.given and not request.only
        reports.append(knowledge.sync_sources(sources, options, are_all=is_whole_list))
    return _together(reports)


def _listed(settings: Settings, request: Request) -> tuple[BaseSource, ...]:
    """The sources of the list that are asked for; none to forget one."""
    path = shelf.sources_path(settings)
    if settings.sources is None and not path.exists():
        if request.forget is not None:
            return ()
        raise typer.BadParameter(
            f"name at least one file or folder, or --samples, or write your sources into {path} "
            "(`innkeeper ingest --example` prints a list to start from; INNKEEPER_SOURCES names another place)"
        )
    sources = load_sources(path)
    names = [source.name for source in sources]
    if request.forget is not None:
        if request.forget in names:
            raise typer.BadParameter(f"{request.forget} stands in {path} and would come back; remove it there first")
        return ()
    if unknown := [name for name in request.only if name not in names]:
        raise typer.BadParameter(f"{path} lists no source {', '.join(unknown)}; it lists {', '.join(names)}")
    return tuple(source for source in sources if not request.only or source.name in request.only)


def _website(address: str, audience: Audience) -> BaseSource:
    """A source for the occasion, of its own host alone. Its address is its name; the list never removes it."""
    from pydantic import ValidationError

    if "website" not in READERS:
        raise typer.BadParameter(f"{address}: only files and folders can be ingested; save the page and name its file")
    try:
        return WebsiteSource(name=address, url=address, audience=audience, refresh=None)
    except ValidationError as error:
        raise typer.BadParameter(f"{address}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error


def _together(reports: list[SyncReport]) -> SyncReport:
    """Two syncs of one command, told as one."""
    if len(reports) == 1:
        return reports[0]
    parted: dict[str, Any] = {
        name: tuple(one for report in reports for one in getattr(report, name))
        for name in ("added", "updated", "unchanged", "removed", "failed", "sources")
    }
    return SyncReport(**parted, passages=reports[-1].passages)


def sample_folder() -> Path:
    """The sample company's help centre, inside the package."""
    return Path(str(files("knowledge"))) / "samples" / "help_centre"
