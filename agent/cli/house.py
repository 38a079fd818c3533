"""`innkeeper up`: what a person sees while everything starts, and the demo."""

import asyncio
import signal
import time
from typing import Any

import httpx

from agent.cli import show
from agent.errors import ServiceFailed
from agent.settings import Settings
from agent.wiring import shelf
from agent.wiring.up import House, check_folder, run_house
from knowledge.sync import SyncOptions

DEMO_TICKETS = (
    "How much do I get back if I cancel three days before check-in?",
    "Can you arrange an airport transfer for us?",
    "I'd like to talk to a real person, please.",
)
WAIT_S = 180.0


def run_up(settings: Settings, *, demo: bool) -> None:
    """Start, show, wait for Ctrl-C. SIGTERM is Ctrl-C from a program."""
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    began = time.monotonic()
    check_folder(settings.data_dir)
    _fill(settings, demo)  # outside the event loop, so that Ctrl-C ends it at once
    asyncio.run(_up(settings, demo, began))


async def _up(settings: Settings, demo: bool, began: float) -> None:
    async with run_house(settings, demo=demo, say=lambda line: show.err.print(f"· {line}")) as house:
        _greet(house, time.monotonic() - began)
        if demo and house.desk_url:
            await _demo(house, house.desk_url)
            show.out.print(f"\nTry it yourself: [bold]{house.desk_url}[/]   (Ctrl-C stops everything)")
            show.out.print(f"The chat widget: [bold]{house.widget_url}[/]")
            if house.bookings_url:
                show.out.print(f"A guest's own page: [bold]{house.bookings_url}[/]   (/openapi.json: the booking system)")
        await house.supervisor.run()
        show.err.print("stopping")


def _fill(settings: Settings, demo: bool) -> None:
    """The sample help centre for the demo; a word about an empty knowledge base otherwise."""
    from agent.cli.ingest import sample_folder

    shelf.guard_egress(settings)
    knowledge = shelf.build_knowledge(settings)
    try:
        if demo:
            show.err.print("· ingesting the sample help centre (takes a minute the first time)")
            with show.progress("ingesting the sample help centre") as step:
                report = knowledge.sync([sample_folder()], options=SyncOptions(step))
            show.sync_report(report)
        elif not any(knowledge.counts().values()):
            show.err.print("the knowledge base is empty: fill it with `innkeeper ingest PATH` (see also --demo)")
    finally:
        knowledge.close()


def _greet(house: House, seconds: float) -> None:
    show.out.print(f"Innkeeper is up after {seconds:.0f} s: [bold]{house.api_url}[/] (health: /readyz, metrics: /metrics)")
    if house.profile.demonstration:
        show.out.print(
            f"[yellow]The model is {house.profile.model}, a small demonstration model.[/] Its drafts are checked against the "
            "sources and mostly replaced by quotes. For real use set INNKEEPER_LLM_BASE_URL to a Qwen on vLLM."
        )


async def _demo(house: House, desk_url: str) -> None:
    async with httpx.AsyncClient(base_url=desk_url, trust_env=False, timeout=10.0) as desk:
        for text in DEMO_TICKETS:
            created = (await desk.post("/tickets", json={"text": text})).raise_for_status().json()
            outcome = await _outcome(desk, created["id"], house)
            show.out.print(f"\n[bold]Ticket {created['id']}:[/] {text}")
            _show_outcome(outcome)


async def _outcome(desk: httpx.AsyncClient, ticket_id: str, house: House) -> dict[str, Any]:
    """Wait for the reply to arrive at the desk."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for event in (await desk.get("/outcomes")).raise_for_status().json():
            if event["data"]["ticket_id"] == ticket_id:
                data: dict[str, Any] = event["data"]
                return data
        await asyncio.sleep(0.2)
    raise ServiceFailed(f"no reply to ticket {ticket_id} within {WAIT_S:g} s; see {house.worker_log}")


def _show_outcome(data: dict[str, Any]) -> None:
    colour = show.COLOURS.get(data["decision"], "white")
    show.out.print(f"[bold {colour}]{data['decision']}[/] ({data['reason']})")
    show.out.print(data["text"], markup=False)
    for citation in data["citations"]:
        show.out.print(f"[{citation['n']}] {citation['title']} {citation['url'] or ''}", markup=False, style="bold")
        show.out.print(f"    “{show.one_line(citation['quote'])}”", markup=False, style="dim")
    if data.get("summary"):
        show.out.print(f"For the person who takes over:\n{data['summary']}", markup=False, style="dim")
