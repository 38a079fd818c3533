"""A helpdesk for the first time: is it there, what must be set up in it, does its webhook arrive."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import tomli_w
from pydantic import TypeAdapter, ValidationError

from agent.adapters.live_services import write_private
from agent.channels.helpdesks.note_rulings import APPROVE, DECLINE
from agent.channels.helpdesks.polling import poll_start
from agent.channels.helpdesks.registry import SYSTEMS
from agent.channels.helpdesks.sync import GIVEN_BACK
from agent.channels.helpdesks.types import Finding, Helpdesk, PolledHelpdesk, Sample
from agent.errors import AgentError, SettingsInvalid
from agent.helpdesk_settings import AnyHelpdesk, HelpdeskSettings, Polled, plain
from agent.helpdesks_file import helpdesks_path, read_helpdesks
from agent.settings import Settings
from agent.wiring import shelf

TIMEOUT_S = 10.0
_ANY: TypeAdapter[AnyHelpdesk] = TypeAdapter(AnyHelpdesk)


@dataclass(frozen=True, slots=True)
class Connection:
    """What is known of a helpdesk that is being connected.

    Attributes:
        settings: with where the first poll begins, if it is polled and new.
        findings: of real calls.
        steps: what is left to do in the helpdesk, in words.
        webhook: our address for it; None if it is polled.
    """

    name: str
    settings: AnyHelpdesk
    findings: tuple[Finding, ...]
    steps: tuple[str, ...]
    webhook: str | None

    @property
    def ok(self) -> bool:
        """True if nothing stands in its way."""
        return all(one.ok for one in self.findings)


def helpdesk_of(values: Mapping[str, Any]) -> AnyHelpdesk:
    """Settings of a helpdesk from loose values.

    Raises:
        SettingsInvalid: with a line for each value that is missing or wrong.
    """
    try:
        return _ANY.validate_python(dict(values))
    except ValidationError as error:
        # The first part is the system's name.
        lines = [f"  {'.'.join(str(part) for part in e['loc'][1:]) or 'system'}: {e['msg']}" for e in error.errors()]
        raise SettingsInvalid(
            "this helpdesk needs other settings (give them as --set name=value):\n" + "\n".join(lines)
        ) from error


_RESUME = f"A ticket that a person has answered is given back by an internal note that begins with {GIVEN_BACK}."
_RULE = f"A proposed reply, or an action, is approved by an internal note that begins with {APPROVE}, and declined by {DECLINE}."


async def connect(settings: Settings, name: str, desk: AnyHelpdesk, base_url: str) -> Connection:
    """Make the calls that tell whether it works. Writes nothing, here or there."""
    system = SYSTEMS[desk.system]
    shelf.guard_egress(settings, *desk.addresses, own_address(settings))
    client = system.helpdesk(name, desk)
    try:
        findings = tuple(await client.check())
        known = settings.helpdesks.get(name)
        if all(one.ok for one in findings) and (known is None or known.addresses != desk.addresses):
            desk, findings = await _with_first_poll(client, desk, findings)
    finally:
        await client.aclose()
    webhook = webhook_address(name, desk, base_url)
    secrets = getattr(desk, "secrets", ())
    secret = secrets[0].get_secret_value() if secrets else ""
    told = (*system.setup(desk).steps, _RESUME, *([_RULE] if system.notes_decide else []))
    steps = tuple(step.replace("{webhook}", webhook or "").replace("{secret}", secret) for step in told)
    return Connection(name, desk, findings, steps, webhook)


async def _with_first_poll(
    client: Helpdesk, desk: AnyHelpdesk, findings: tuple[Finding, ...]
) -> tuple[AnyHelpdesk, tuple[Finding, ...]]:
    """Where polling begins, so that nothing is missed that comes in before the worker asks for the first time."""
    if not (isinstance(desk, Polled) and isinstance(client, PolledHelpdesk)):
        return desk, findings
    try:
        desk = desk.model_copy(update={"first_poll": await poll_start(client)})
    except AgentError as error:
        return desk, (*findings, Finding("news", ok=False, detail=str(error)))
    return desk, (*findings, Finding("news", ok=True, detail="what comes in from now on is answered"))


def own_address(settings: Settings) -> str:
    """Where this machine reaches our API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def keep(settings: Settings, name: str, desk: AnyHelpdesk) -> str:
    """Write the helpdesk into the file beside the others; only this user can read it. Returns the file's path."""
    path = helpdesks_path(settings.data_dir)
    known = read_helpdesks(path) | {name: desk}
    write_private(path, tomli_w.dumps({one: {"system": kept.system, **plain(kept)} for one, kept in known.items()}))
    return str(path)


def webhook_address(name: str, desk: AnyHelpdesk, base_url: str) -> str | None:
    """Where the helpdesk must send its webhooks; with the secret as last part if it signs nothing. None if it is polled."""
    system = SYSTEMS.get(desk.system)
    if system is None or system.receiver is None or isinstance(desk, HelpdeskSettings):
        return None
    sample = system.sample(desk, 0.0) if system.sample else None
    return f"{base_url}/webhooks/{name}" + (f"/{sample.key}" if sample and sample.key else "")


async def send_sample(settings: Settings, name: str, desk: AnyHelpdesk, now: float) -> Finding:
    """Send our own API an event as the helpdesk would, signed, about nothing. Tells whether it is taken."""
    system = SYSTEMS[desk.system]
    if system.sample is None:
        return Finding("test event", ok=True, detail="none: it is polled by the worker")
    sample = system.sample(desk, now)
    base = own_address(settings)
    try:
        status = await _post(f"{base}/webhooks/{name}", sample)
    except httpx.HTTPError:
        return Finding("test event", ok=False, detail=f"nothing answers at {base}: start Innkeeper, then give this command again")
    told = {
        202: "a signed event about nothing was taken",
        404: "Innkeeper runs, and doesn't know this helpdesk yet: start it again, then give this command again",
        401: "Innkeeper runs with another secret: start it again, then give this command again",
    }
    return Finding("test event", ok=status == 202, detail=told.get(status, f"Innkeeper answered {status}; its log has more"))


async def _post(address: str, sample: Sample) -> int:
    address += f"/{sample.key}" if sample.key else ""
    headers = {"content-type": "application/json", **sample.headers}
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        return (await client.post(address, content=sample.body, headers=headers)).status_code
