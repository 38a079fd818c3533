"""`innkeeper tools`: for the engineer who connects a system of the company."""

import asyncio
import json
import sys
import uuid
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from agent.cli import show
from agent.cli.frame import read_settings, reports_errors
from agent.errors import AgentError, ToolUnavailable
from agent.ports.tools import Effect, ToolCall, ToolResult, ToolSpec
from agent.settings import Settings
from agent.types import Customer, Identity

app = typer.Typer(
    help="The company's systems: what the agent may use of them, and calls by hand.", no_args_is_help=True, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(name="list")
def list_tools(json: Json = False) -> None:
    """Ask every system for the operations of the settings. Exit code 1 if one doesn't answer or hasn't an operation."""
    reports_errors(_list)(json)


@app.command()
def call(
    tool: Annotated[str, typer.Argument(help="system.operation, as `innkeeper tools list` names it.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object.")] = "{}",
    customer_id: Annotated[str | None, typer.Option(help="Call for this customer, as the company names them.")] = None,
    email: Annotated[str | None, typer.Option(help="Call for the customer with this address.")] = None,
    identity: Annotated[Identity, typer.Option(help="How surely the customer is known.")] = Identity.VERIFIED,
    key: Annotated[str | None, typer.Option(help="Key of a write; give the same to repeat it. Made if not given.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, but send no change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before a change is sent.")] = False,
    json: Json = False,
) -> None:
    """Call one operation, as the agent would, and print what the system says. Asks before a change is sent."""
    customer = Customer(identity if customer_id or email else Identity.ANONYMOUS, customer_id, email)
    made = ToolCall(tool, _object(arguments), customer, key or f"cli-{uuid.uuid4()}")
    reports_errors(_call)(made, dry_run=dry_run, yes=yes, as_json=json)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"the arguments are not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter('the arguments are a JSON object, e.g. \'{"booking_id": "MS-104211"}\'')
    return value


def _list(as_json: bool) -> None:
    settings = _settings()
    found = asyncio.run(_examined(settings))
    if as_json:
        plain = {
            system: {"problem": tools} if isinstance(tools, str) else {"tools": [_plain(one) for one in tools.values()]}
            for system, tools in found.items()
        }
        show.as_json({"dry_run": settings.tools_dry_run, "systems": plain})
    else:
        _show(settings, found)
    if any(isinstance(tools, str) or any(isinstance(one, str) for one in tools.values()) for tools in found.values()):
        raise typer.Exit(1)


def _plain(tool: ToolSpec | str) -> dict[str, Any]:
    return {"problem": tool} if isinstance(tool, str) else {**asdict(tool), "effect": tool.effect.value}


def _show(settings: Settings, found: dict[str, Any]) -> None:
    if not found:
        show.err.print("no systems are configured: write them into tools.toml in the data folder, or set INNKEEPER_TOOLS")
        return
    columns = (Column("tool", no_wrap=True), "effect", "arguments", "bound to the customer", "what it does")
    table = Table(*columns, box=None, pad_edge=False)
    problems: list[str] = []
    for system, tools in found.items():
        if isinstance(tools, str):
            problems.append(tools)
            continue
        for name, one in tools.items():
            if isinstance(one, str):
                problems.append(one)
                continue
            bound = ", ".join(settings.tools[system].operations[name].bind)
            effect = one.effect.value + (" (repeats safely)" if one.repeats_safely else "")
            taken = ", ".join(one.parameters.get("properties", {}))
            # As it is: what a system says of itself must not be taken for markup.
            table.add_row(*map(Text, (one.name, effect, taken, bound, show.one_line(one.description)[:80])))
    if table.row_count:
        show.out.print(table)
    for problem in problems:
        show.err.print("[red]can't be used:[/] ", end="")
        show.err.print(problem, markup=False)


async def _examined(settings: Settings) -> dict[str, Any]:
    from agent.wiring.toolbox import open_tools

    async with open_tools(settings, stderr=sys.stderr) as box:
        return dict(await box.examine())


def _call(made: ToolCall, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    settings = _settings()
    result = asyncio.run(_called(settings, made, dry_run=dry_run, yes=yes))
    if as_json:
        show.as_json({"tool": made.tool, "is_rehearsal": result.is_rehearsal, "value": result.value})
    elif result.is_rehearsal:
        show.out.print("Nothing was sent: this call writes, and it was a dry run. Its arguments fit.")
    else:
        show.out.print(json.dumps(result.value, indent=2, ensure_ascii=False), markup=False)


async def _called(settings: Settings, made: ToolCall, *, dry_run: bool, yes: bool) -> ToolResult:
    from agent.wiring.toolbox import open_tools

    async with open_tools(settings, dry_run=dry_run, stderr=sys.stderr) as box:
        system, _, name = made.tool.partition(".")
        known = (await box.examine()).get(system) if system in settings.tools else None
        if isinstance(known, str):
            raise ToolUnavailable(known)
        spec = known.get(name) if known else None
        writes = isinstance(spec, ToolSpec) and spec.effect is Effect.WRITE
        if writes and not (yes or dry_run or settings.tools_dry_run):
            show.err.print(f"{made.tool} writes. Key: {made.key}", markup=False)
            if not await asyncio.to_thread(typer.confirm, "Send it?", default=False, err=True):
                raise AgentError("nothing was sent; --yes sends without asking, --dry-run only checks")
        return await box.call(made)


def _settings() -> Settings:
    from agent.wiring import shelf

    settings = read_settings("WARNING")
    shelf.guard_egress(settings)
    return settings
