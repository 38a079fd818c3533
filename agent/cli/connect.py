"""`innkeeper connect`: asks what it needs, checks with real calls, keeps the settings, says what is left to do."""

import asyncio
import json
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from agent.channels.helpdesks.registry import SYSTEMS
from agent.channels.helpdesks.types import Finding
from agent.cli import show
from agent.errors import SettingsInvalid
from agent.helpdesk_settings import AnyHelpdesk, settings_class
from agent.helpdesks_file import check_helpdesk_names
from agent.settings import Settings
from agent.wiring.connecting import Connection, connect, helpdesk_of, keep, own_address, send_sample

HIDDEN = ("token", "password")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for at the command line."""

    system: str
    name: str | None
    url: str | None
    token_file: Path | None
    secret_file: Path | None
    public_url: str | None
    values: tuple[str, ...]
    json: bool


def run(settings: Settings, request: Request) -> None:
    """Exit code 1 if a check fails; nothing is kept then."""
    if request.system not in SYSTEMS:
        raise typer.BadParameter(f"there is no system {request.system!r}; known are: {', '.join(sorted(SYSTEMS))}")
    name = request.name or request.system
    known = settings.helpdesks.get(name)
    if known is not None and known.system != request.system:
        raise typer.BadParameter(f"the helpdesk {name!r} is a {known.system}; give this one another --name")
    desk = _asked(request, known)
    try:
        check_helpdesk_names({name: desk})
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name") from None
    base_url = (request.public_url or own_address(settings)).rstrip("/")
    found = asyncio.run(connect(settings, name, desk, base_url))
    kept = None
    findings = found.findings
    if found.ok:
        kept = keep(settings, name, found.settings) if found.settings != known else None
        findings = (*findings, asyncio.run(send_sample(settings, name, desk, time.time())))
    if request.json:
        body = [{"name": f.name, "ok": f.ok, "detail": f.detail} for f in findings]
        show.as_json({"ok": found.ok, "name": name, "checks": body, "webhook": found.webhook, "steps": found.steps, "kept": kept})
    else:
        _show(found, findings, kept, base_url)
    if not found.ok:
        raise typer.Exit(1)


def show_systems() -> None:
    """Every system with what it needs, for `innkeeper connect` without one."""
    for name in sorted(SYSTEMS):
        show.out.print(f"[bold]{name}[/]: ", end="")
        show.out.print(_first_line(settings_class(name)), markup=False)
        for field, told in settings_class(name).model_fields.items():
            if field not in ("system", "url", "secrets", "first_poll"):
                needed = "needed" if told.is_required() else f"default {_default(told.get_default(call_default_factory=True))}"
                show.out.print(f"    {field} ({needed})", markup=False, style="dim")


def _asked(request: Request, known: AnyHelpdesk | None) -> AnyHelpdesk:
    """The settings: what is known of the helpdesk, what was given now, and what had to be asked for."""
    kind = settings_class(request.system)
    values: dict[str, Any] = {} if known is None else {name: getattr(known, name) for name in known.model_fields_set}
    values |= {"system": request.system, **_pairs(request.values)}
    if request.url:
        values["url"] = request.url
    hidden = next(name for name in HIDDEN if name in kind.model_fields)
    if request.token_file:
        values[hidden] = _read(request.token_file)
    if request.secret_file:
        values["secrets"] = [_read(request.secret_file)]
    for name, told in kind.model_fields.items():
        if told.is_required() and name not in values and name not in ("secrets", hidden) and sys.stdin.isatty():
            values[name] = typer.prompt(f"{request.system} {name}")
    if hidden not in values and sys.stdin.isatty():
        values[hidden] = typer.prompt(f"{request.system} {hidden} (not shown)", hide_input=True)
    if "secrets" in kind.model_fields and kind.model_fields["secrets"].is_required() and "secrets" not in values:
        values["secrets"] = [_secret(request.system)]
    return helpdesk_of(values)


def _secret(system: str) -> str:
    """A new one, unless the helpdesk has one of its own."""
    own = SYSTEMS[system].own_secret
    if own is None:
        return secrets.token_urlsafe(32)
    if not sys.stdin.isatty():
        raise SettingsInvalid(f"{system} signs its webhooks with a key of its own, so give it by --secret-file: {own}")
    return str(typer.prompt(f"{system} secret, {own} (not shown)", hide_input=True)).strip()


def _pairs(given: tuple[str, ...]) -> dict[str, Any]:
    """`name=value` each; a list, a table, a quoted text or null in JSON is taken as that."""
    found: dict[str, Any] = {}
    for one in given:
        name, is_there, value = one.partition("=")
        if not is_there:
            raise typer.BadParameter(f"{one!r} is not name=value", param_hint="--set")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        # Numbers stay as they are written, since ids and passwords may look like some ("1e5"); the settings read their own.
        found[name.strip()] = value if isinstance(read, (bool, int, float)) else read
    return found


def _read(path: Path) -> str:
    try:
        return (sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} can't be read: {error}") from error


def _show(found: Connection, findings: tuple[Finding, ...], kept: str | None, base_url: str) -> None:
    for finding in findings:
        mark = "[green]ok[/]  " if finding.ok else "[red]FAIL[/]" if finding in found.findings else "[yellow]wait[/]"
        show.out.print(f"{mark} [bold]{finding.name}[/]: ", end="")
        show.out.print(finding.detail, markup=False, soft_wrap=True)
    if not found.ok:
        show.err.print("nothing was kept: mend what fails, and give the same command again")
        return
    if kept:
        show.out.print(
            f"\nKept in {kept}, for this user's eyes only. A running Innkeeper reads it when it starts again.", markup=False
        )
    show.out.print("\nNow in the helpdesk:" if found.steps else "")
    for step in found.steps:
        show.out.print(f"  {step}", markup=False, soft_wrap=True)
    if found.webhook and base_url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
        show.out.print(
            "\nThis address is for a helpdesk on the same machine; for any other give --public-url https://your-innkeeper.",
            style="dim",
        )


def _first_line(kind: type[BaseModel]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _default(value: object) -> str:
    return "none" if value in (None, "", (), {}) else str(value)
