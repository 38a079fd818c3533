"""`innkeeper customer`: what is kept of a customer, to be given to them or erased."""

import asyncio
import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli import show
from agent.cli.frame import Json, read_settings, reports_errors
from agent.errors import CustomerUnknown
from agent.settings import Settings

app = typer.Typer(help="What is kept of a customer: give it to them, or erase it.", no_args_is_help=True, rich_markup_mode=None)
Ids = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="The company's own name for them; may be repeated.")]
Emails = Annotated[list[str] | None, typer.Option("--email", metavar="ADDRESS", help="Their address; may be repeated.")]
Conversations = Annotated[
    list[str] | None,
    typer.Option("--conversation", metavar="ID", help="A conversation of theirs, source:ticket; may be repeated."),
]
Scan = Annotated[bool, typer.Option("--scan", help="Look through all conversations again, not in the index of customers alone.")]
Wait = Annotated[float, typer.Option("--wait", min=1, help="Seconds to wait for a turn that runs, and for Redis' files.")]


@app.command()
def export(
    ids: Ids = None,
    emails: Emails = None,
    conversations: Conversations = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here, readable by you alone.")] = None,
    scan: Scan = False,
    json: Json = False,
) -> None:
    """Everything that is kept of a customer, as one JSON document. Exit code 1 if nothing is."""
    reports_errors(_export)(_named(ids, emails, conversations), out, scan, json)


@app.command()
def erase(
    ids: Ids = None,
    emails: Emails = None,
    conversations: Conversations = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and erase nothing.")] = False,
    scan: Scan = False,
    wait: Wait = 120.0,
    json: Json = False,
) -> None:
    """Erase everything that is kept of a customer, in every store. Asks first. Give it again after a failure: it goes on."""
    reports_errors(_erase)(_named(ids, emails, conversations), yes=yes, dry_run=dry_run, scan=scan, wait_s=wait, json=json)


def _named(ids: list[str] | None, emails: list[str] | None, conversations: list[str] | None) -> Any:
    from agent.wiring.customers import Named

    given = [frozenset(one.strip() for one in some or ()) for some in (ids, emails, conversations)]
    if not any(given) or any("" in some for some in given):
        raise typer.BadParameter("name the customer: --id ID, --email ADDRESS or --conversation SOURCE:TICKET")
    return Named(*given)


def _export(named: Any, out: Path | None, scan: bool, json: bool) -> None:
    body = asyncio.run(_exported(read_settings("ERROR"), named, scan))
    if shared := body["shared_with_others"]:
        show.err.print(f"others wrote there, too; look before you hand it on: {', '.join(shared)}", markup=False)
    if out is not None:
        from agent.adapters.live_services import write_private

        write_private(out, show.json_text(body, indent=2) + "\n", "Give --out another place.")
    if json or out is None:
        show.as_json(body)
    else:
        show.err.print(f"{len(body['conversations'])} conversations, {len(body['actions'])} actions: {out}", markup=False)


async def _exported(settings: Settings, named: Any, scan: bool) -> dict[str, Any]:
    from agent.wiring.customers import open_stores
    from agent.wiring.exporting import export as run

    async with open_stores(settings) as stores:
        with show.progress("looking through the conversations") as step:
            known = await stores.find(named, step, scan=scan)
        if not known.is_anything:
            raise CustomerUnknown("nothing is kept of this customer; see --scan if Innkeeper was updated while it ran")
        return await run(stores, known, _who())


def _erase(named: Any, *, yes: bool, dry_run: bool, scan: bool, wait_s: float, json: bool) -> None:
    asyncio.run(_erased(read_settings("ERROR"), named, yes=yes, dry_run=dry_run, scan=scan, wait_s=wait_s, json=json))


async def _erased(settings: Settings, named: Any, *, yes: bool, dry_run: bool, scan: bool, wait_s: float, json: bool) -> None:
    from agent.wiring import erasing
    from agent.wiring.customers import NOT_HERE, open_stores

    async with open_stores(settings) as stores:
        earlier = await erasing.unfinished(stores, named)
        with show.progress("looking through the conversations") as step:
            known = await stores.find(erasing.with_found(named, earlier), step, scan=scan)
        if not known.is_anything:
            if earlier and not dry_run:
                _show_finished(await erasing.finish(stores, earlier, _who(), wait_s), json)
                return
            raise CustomerUnknown("nothing is kept of this customer; see --scan if Innkeeper was updated while it ran")
        plan = _plan(known)
        if not json or not (yes or dry_run):
            _show_plan(plan)
        if dry_run:
            show.as_json(plan) if json else show.err.print("nothing was erased (--dry-run)")
            return
        question = "Erase all of it? This can't be undone."
        if not yes and not await asyncio.to_thread(typer.confirm, question, default=False, err=True):
            show.err.print("nothing was erased")
            raise typer.Exit(1)
        with show.progress("erasing") as step:
            done = await erasing.erase(stores, known, _who(), wait_s, step, earlier)
    files = _files(done.files)
    still = [str(path) for path in done.still_named]
    counts = {name: getattr(done, name) for name in ("conversations", "unsent", "sessions", "actions", "tickets")}
    if json:
        show.as_json({"erased": counts, "redis_files": files, "still_named_in": still, "not_reached": list(NOT_HERE)})
        return
    show.out.print("erased: " + ", ".join(f"{count} {name}" for name, count in counts.items()), markup=False)
    _show_files(done.files)
    for path in still:
        show.out.print(f"still named in {path}", markup=False, soft_wrap=True)
    show.out.print("What Innkeeper can't reach:")
    for line in NOT_HERE:
        show.out.print(f"- {line}", markup=False, soft_wrap=True)


def _plan(known: Any) -> dict[str, Any]:
    return {
        "ids": sorted(known.ids),
        "emails": sorted(known.emails),
        "conversations": list(known.conversations),
        "shared_with_others": list(known.shared),
        "also_known_here_as": sorted(known.also),
        "sessions": len(known.sessions),
        "actions": len(known.actions),
        "audit_entries_made_anonymous": len(known.audit),
    }


def _show_plan(plan: dict[str, Any]) -> None:
    for name, value in plan.items():
        told = ", ".join(value) if isinstance(value, list) else str(value)
        show.err.print(f"{name.replace('_', ' ')}: {told or '–'}", markup=False, soft_wrap=True)
    show.err.print("What was taken of an action's limits stays counted, under a hash, until its window has passed.")


def _files(files: Any) -> list[dict[str, Any]]:
    return [{"server": one.server, "ok": one.ok, "detail": one.detail} for one in files]


def _show_finished(files: Any, json: bool) -> None:
    show.err.print("nothing is left of this customer; an erasure that was begun before is finished by this")
    show.as_json({"erased": {}, "redis_files": _files(files)}) if json else _show_files(files)


def _show_files(files: Any) -> None:
    for one in files:
        show.out.print(f"Redis, {one.server}: {'' if one.ok else 'TO DO: '}{one.detail}", markup=False, soft_wrap=True)


def _who() -> str:
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):  # a container's user may have no name
        return "the command line"
