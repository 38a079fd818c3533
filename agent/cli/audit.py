"""`innkeeper audit`: what was done to or for customers, and whether the log of it is whole."""

import asyncio
import datetime as dt
from typing import Annotated, Any

import typer

from agent.cli import show
from agent.cli.frame import Json, read_settings, reports_errors
from agent.errors import AuditBroken
from agent.privacy.chain import Mark, read_mark

app = typer.Typer(
    help="The audit log: what was done to or for customers, on whose word, by which rule.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def verify(
    expect: Annotated[
        str | None,
        typer.Option(metavar="SEQ:HASH", help="A head that was noted down before: finds a log that was written anew or cut."),
    ] = None,
    json: Json = False,
) -> None:
    """Check every entry against the one before it, and print the head to note down. Exit code 1 if anything is wrong."""
    expected = None if expect is None else read_mark(expect)
    if expect is not None and expected is None:
        raise typer.BadParameter("a head is SEQ:HASH, as this command prints it", param_hint="--expect")
    reports_errors(_verify)(expected, json)


@app.command(name="show")
def show_entries(
    since: Annotated[str | None, typer.Option(metavar="TIME", help="7d, 12h, 2w or a date; everything if not given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")] = False,
) -> None:
    """The entries, oldest first. Customers and conversations stand as pseudonyms."""
    reports_errors(_show)(since, json)


def _verify(expected: Mark | None, json: bool) -> None:
    from agent.wiring.audit import verify as run

    found = asyncio.run(run(read_settings("ERROR"), expected))
    if json:
        body = {"ok": found.wrong is None, "entries": found.entries, "head": str(found.head), "cut_up_to": found.anchor.seq}
        show.as_json({**body, "wrong": found.wrong})
        if found.wrong is not None:
            raise typer.Exit(1)
        return
    if found.wrong is not None:
        raise AuditBroken(
            f"{found.wrong}. {found.entries} entries before it are good, up to {found.head}. Keep a copy of Redis as it is "
            "(its append-only file or a snapshot), and find out who can write there."
        )
    cut = f"; those up to {found.anchor.seq} were cut off, which their age or somebody has done" if found.anchor.seq else ""
    show.out.print(f"{found.entries} entries, each as it was sealed{cut}")
    show.out.print(f"head: {found.head}", soft_wrap=True)
    if expected is None:
        show.err.print("Note the head down where nobody who can write to Redis can change it, and give it to --expect next time.")


def _show(since: str | None, json: bool) -> None:
    from agent.evaluation.replay import since as moment

    begin = moment(since, dt.datetime.now(dt.UTC)) if since else None
    asyncio.run(_print(begin, json))


async def _print(begin: dt.datetime | None, json: bool) -> None:
    from agent.wiring.audit import entries

    shown = 0
    try:
        async for entry in entries(read_settings("ERROR")):
            if begin is not None and dt.datetime.fromisoformat(entry["at"]) < begin:
                continue
            shown += 1
            # One line each, whatever the width: a terminal wraps it, and a pager or `grep` has it whole.
            show.as_json(entry) if json else show.out.print(_line(entry), markup=False, highlight=False, soft_wrap=True)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AuditBroken("an entry can't be read: see `innkeeper audit verify`") from error
    if not shown and not json:
        show.err.print("nothing is written down")


def _line(entry: dict[str, Any]) -> str:
    """Time (UTC), what happened, to which action, by which rules, about whom, on whose word."""
    when = entry["at"][:19].replace("T", " ")
    told = [f"{entry['seq']:>6}", when, f"{entry['kind']:<20}"]
    told += [entry["action"]] if "action" in entry else []
    if rules := ", ".join(entry.get("rules", ())):
        told.append(f"by {rules}")
    elif "action" not in entry and (policy := entry.get("policy", {})):
        told.append(f"version {policy['version']}, SHA-256 {policy['sha256'][:12]}")
    told += [f"{name} {entry[key]}" for name, key in (("customer", "subject"), ("in", "conversation")) if key in entry]
    return "  ".join([*told, *([entry["who"]] if "who" in entry else [])])
