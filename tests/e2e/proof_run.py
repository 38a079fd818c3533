"""A run of the proof with every helpdesk there is a fake of, in a process that leaves the host's network for it.

`python -m tests.e2e.proof_run FOLDER TICKETS HOURS OUT` writes the proof as JSON to OUT, and as a page beside it. FOLDER may
hold an ingested knowledge base in `data`. A fifth word, `alone`, leaves the helpdesks out.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import httpx
import uvicorn

from agent.helpdesk_settings import plain
from agent.model_profiles import load_profile
from agent.operations.proof.channels import Channel, Step, Wanted, ends
from agent.operations.proof.document import WRITERS, to_json
from agent.operations.proof.facts import gather
from agent.operations.proof.namespace import step_aside
from agent.operations.proof.product import Product
from agent.operations.proof.record import Tickets
from agent.operations.proof.work import Plan, prove
from agent.settings import Settings
from agent.wiring import rules
from tests.contract.helpdesks.conftest import DESKS
from tests.contract.helpdesks.fake_desk import FakeDesk, cutting
from tests.faulty_server import FaultyServer, completion

PORT = 8090
EACH = 8
SAMPLES = Path(__file__).parents[2] / "knowledge" / "samples"


class ScriptedModel:
    """No tickets come by it: the model of the run, which answers at once that it doesn't know."""

    name, hosts, most = "scripted model", (), 0

    @asynccontextmanager
    async def opened(self, addresses: Mapping[str, str]) -> AsyncIterator[Wanted]:
        async with FaultyServer([completion("Not in the passage.")]) as server:
            yield Wanted(others={"INNKEEPER_LLM_BASE_URL": server.base_url, "INNKEEPER_LLM_PROFILE": "smollm2"})

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        raise AssertionError("it takes none")


class DeskChannel:
    """A fake helpdesk on an address of its own, and the customers who write to it."""

    most = EACH

    def __init__(self, desk: FakeDesk) -> None:
        self._desk = desk
        self.source = type(desk).__name__.removeprefix("Fake").lower()
        self.name = f"helpdesk {self.source}"
        # Its servers are not the web's, and listen where it put them.
        self.hosts = () if desk.system == "email" else (f"{self.source}.internal",)

    @asynccontextmanager
    async def opened(self, addresses: Mapping[str, str]) -> AsyncIterator[Wanted]:
        async with self._served(addresses) as url:
            given = plain(self._desk.settings(url))
            yield Wanted({self.source: given | ({"poll_s": 2} if self._desk.polled else {})})

    @asynccontextmanager
    async def _served(self, addresses: Mapping[str, str]) -> AsyncIterator[str]:
        if not self.hosts:
            async with self._desk.served() as url:
                yield url
            return
        (host,) = self.hosts
        config = uvicorn.Config(cutting(self._desk.app()), host=addresses[host], port=PORT, log_level="warning", ws="none")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())  # without its signal handlers: the command has its own
        while not server.started:
            await asyncio.sleep(0.01)
            if serving.done():
                serving.result()
        yield f"http://{host}:{PORT}"
        server.should_exit = True
        await serving

    async def ask(self, product: Product, questions: Sequence[str], step: Step) -> Tickets:
        desk, tickets = self._desk, {}
        async with httpx.AsyncClient(base_url=product.url, trust_env=False, timeout=60) as client:
            for number, text in enumerate(questions):
                ticket_id, entry = desk.customer_writes(text)
                tickets[str(ticket_id)] = text
                if not desk.polled:
                    webhook = desk.webhook(desk.tickets[ticket_id], entry, f"delivery-{number}")
                    path = f"/webhooks/{self.source}" + (f"/{webhook.key}" if webhook.key else "")
                    headers = {"content-type": "application/json", **webhook.headers}
                    (await client.post(path, content=webhook.body, headers=headers)).raise_for_status()
        return Tickets(self.name, len(questions), await ends(tickets, self._outcome, step))

    def _outcome(self, ticket_id: str) -> str | None:
        ticket = self._desk.tickets[int(ticket_id)]
        if self._desk.is_handed_off(ticket):
            return "handoff"
        return "answer" if ticket.by("us", public=True) else None


def _tell(done: int, total: int, name: str) -> None:
    sys.stderr.write(f"{done} of {total}: {name}\n")


def main() -> None:
    if (code := step_aside()) is not None:
        sys.exit(code)
    folder, out = Path(sys.argv[1]), Path(sys.argv[4])
    settings = Settings(helpdesks={"acme": {"secrets": ["whsec_" + "a" * 43 + "="], "reply_url": "https://desk.example/inbox"}})
    facts = gather(settings, load_profile("smollm2"), rules.build_policies(settings).stamp, ())
    plan = Plan(folder, int(sys.argv[2]), SAMPLES, {}, evaluated=5, hours=int(sys.argv[3]))
    desks: list[Channel] = [] if "alone" in sys.argv else [DeskChannel(kind()) for kind in DESKS]
    instead = [] if "alone" in sys.argv else ["zammad", "chatwoot", "zendesk", "freshdesk", "jira", "freescout", "glpi"]
    instead += [] if "alone" in sys.argv else ["django-helpdesk", "request-tracker", "mail"]
    proof = prove(plan, facts, lambda: nullcontext(_tell), [*desks, ScriptedModel()], instead)
    out.write_text(json.dumps(to_json(proof)), encoding="utf-8")
    out.with_suffix(".html").write_text(WRITERS[".html"](proof), encoding="utf-8")


if __name__ == "__main__":
    main()
