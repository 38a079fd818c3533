"""The run: makes the place, starts the product in it, does with it all that it is for, and gathers what was seen."""

import asyncio
import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from agent.allowlist import Service, reached, services
from agent.errors import ProofImpossible, ServiceFailed
from agent.operations.proof import clients, namespace
from agent.operations.proof.channels import NOTHING, Answers, Ask, Channel, SignedWebhook, Widget
from agent.operations.proof.day import HOURS, pass_a_day, write_sources
from agent.operations.proof.loopback import Loopback
from agent.operations.proof.owners import Owners
from agent.operations.proof.packets import Kind
from agent.operations.proof.product import Product
from agent.operations.proof.questions import shared_out, write_replies
from agent.operations.proof.record import Attempt, Facts, Permitted, Proof, Seen, Tickets, Work, gathered
from agent.operations.proof.upstream import ADDRESSES, DESK, PORT, SITE, Inbox, Upstream
from agent.operations.proof.watch import Watch, address
from agent.privacy.egress import destination
from agent.settings import Settings

SETTLE_S = 1.0
"""What a process sends as it ends is still on its way."""
ENDS_IN_S = 30.0
"""For whatever the product has started to end in."""
STEPS = 10
"""Of the progress that isn't tickets or hours: the single commands and the start."""
Progress = Callable[[int, int, str], None]
Bar = Callable[[], AbstractContextManager[Progress]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        folder: empty, for everything that the run leaves; the caller removes it.
        tickets: how many, over all channels.
        samples: the folder of the sample company: its help centre, questions and replies.
        settings: more settings of the run, by their names in the environment; a model server's address among them is used.
        evaluated: how many questions are evaluated.
        hours: of scheduled work.
    """

    folder: Path
    tickets: int
    samples: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    evaluated: int = 10
    hours: int = HOURS


@dataclass
class _Run:
    """What the steps share."""

    product: Product
    upstream: Upstream
    step: Callable[[str], None]
    work: list[Work] = field(default_factory=list)
    tickets: list[Tickets] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    hours: int = 0


def own_channels(inbox: Inbox) -> tuple[Channel, ...]:
    """Those that the product has by itself."""
    return (SignedWebhook(inbox), Widget(), Answers(), Ask())


def prove(plan: Plan, facts: Facts, bar: Bar, more: Sequence[Channel] = (), instead: Sequence[str] = ()) -> Proof:
    """Run everything in a namespace that this process, which must have one thread, does not leave any more.

    Args:
        plan: what to run.
        facts: what is written down of this installation.
        bar: opened once the namespace is entered, since it may start a thread; told how far it is.
        more: channels beside `own_channels`.
        instead: systems whose stand-in without tickets is left out, because a channel of `more` has a better one.

    Raises:
        ProofImpossible: no such namespace can be made here.
        ServiceFailed: a stand-in can't be served.
    """
    began, clock = datetime.now(UTC), time.monotonic()
    upstream = Upstream(Inbox("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()))
    channels = (*own_channels(upstream.inbox), *more)
    stand_ins = tuple(host for host in clients.hosts() if host.partition(".")[0] not in instead)
    hosts = dict(zip((DESK, SITE, *stand_ins, *(host for one in more for host in one.hosts)), ADDRESSES, strict=False))
    place = namespace.enter(_made(plan.folder / "names"), tuple(hosts.values()))
    if namespace.has_way_out():
        raise ProofImpossible("this namespace has another network device that is switched on; nothing would be proven")
    owners = Owners()
    owners.start()
    try:
        loopback = Loopback(owners)
    except OSError as error:
        raise ProofImpossible(
            f"the loopback can't be looked on: {error.strerror}. A container needs --cap-add NET_RAW."
        ) from error
    watch = Watch(place.tun, hosts, owners)
    with ExitStack() as stack:
        progress = stack.enter_context(bar())
        stack.enter_context(upstream.serving({host: hosts[host] for host in (DESK, SITE, *stand_ins)}))
        run, configured = asyncio.run(_work(plan, upstream, channels, hosts, stand_ins, progress))
    time.sleep(SETTLE_S)
    for left in owners.outliving(ENDS_IN_S):
        who = left.command or f"process {left.pid}"
        run.failures.append(f"`{who}` went on after the product had stopped; what it would have done is not known")
    attempts, knocks = watch.stop(), loopback.stop()
    owners.stop()
    refused = [_refusal(line, owners) for line in run.product.refusals()]
    permitted, strayed = _permitted(configured, hosts, loopback, watch)
    if watch.is_blind or loopback.is_blind:
        run.failures.append("looking on broke off before the end, so this proves nothing; what stopped it stands on stderr")
    if watch.dropped:
        run.failures.append(f"{watch.dropped} more packets left than could be looked at one by one")
    if namespace.has_way_out():
        run.failures.append("another network device was switched on in the namespace, so this proves nothing")
    if loopback.dropped:
        run.failures.append(f"{loopback.dropped} packets within this machine came too fast to be looked at")
    return Proof(
        began=began,
        seconds=time.monotonic() - clock,
        facts=facts,
        permitted=permitted,
        tried=gathered((*attempts, *strayed, *refused)),
        knocks=knocks,
        tickets=run.tickets,
        work=run.work,
        failures=run.failures,
        as_user=place.as_user,
        housekeeping=watch.housekeeping,
        hours=run.hours,
    )


async def _work(
    plan: Plan,
    upstream: Upstream,
    channels: Sequence[Channel],
    hosts: Mapping[str, str],
    stand_ins: Sequence[str],
    progress: Progress,
) -> tuple[_Run, Settings]:
    async with AsyncExitStack() as stack:
        helpdesks: dict[str, Any] = {name: desk for name, desk in clients.settings().items() if _host_of(desk) in stand_ins}
        sites: dict[str, Any] = {}
        others: dict[str, str] = {}
        for channel in channels:
            wanted = await stack.enter_async_context(channel.opened({host: hosts[host] for host in channel.hosts}))
            helpdesks |= wanted.helpdesks
            sites |= wanted.sites
            others |= wanted.others
        product = Product(
            plan.folder,
            {
                "INNKEEPER_HELPDESKS": json.dumps(helpdesks),
                "INNKEEPER_SITES": json.dumps(sites),
                "INNKEEPER_DEBOUNCE_MS": "100",
                "INNKEEPER_REFRESH_CHECK_S": "2",
                **plan.settings,
                **others,
            },
        )
        total = plan.tickets + plan.hours + STEPS
        done = 0

        def step(name: str) -> None:
            nonlocal done
            done += 1
            progress(min(done, total), total, name)

        run = _Run(product, upstream, step)
        try:
            await _use(plan, run, channels)
        except (ServiceFailed, httpx.HTTPError) as error:
            # What was seen until then is worth a document all the more.
            run.failures.append(f"the run broke off: {error or type(error).__name__}")
        return run, Settings.model_validate({"helpdesks": helpdesks, "sites": sites})


async def _use(plan: Plan, run: _Run, channels: Sequence[Channel]) -> None:
    """Everything that the product is for, in the order of a first day."""
    sources = write_sources(run.product, plan.samples / "help_centre")
    await _command(run, "ingest of all sources", "ingest")
    await _command(run, "search", "search", "Can I bring my dog?")
    async with run.product.running():
        run.step("started")
        for channel, questions in shared_out(plan.samples, plan.tickets, channels):
            if not questions:
                continue
            found = await channel.ask(run.product, questions, partial(run.step, channel.name))
            run.tickets.append(found)
            if lost := found.ended.get(NOTHING, 0):
                run.failures.append(f"{lost} of {found.sent} tickets by {found.channel} had no end")
        try:
            run.work += await pass_a_day(run.product, run.upstream, sources, plan.hours, lambda: run.step("a day's work"))
            run.hours = plan.hours
        except ServiceFailed as error:
            run.failures.append(str(error))
        asked = str(plan.samples / "questions.jsonl")
        await _command(run, "evaluation of answers", "eval", "answers", asked, "--limit", str(plan.evaluated))
        await _command(run, "evaluation of grounding", "eval", "grounding", str(write_replies(plan.folder)))
        await _command(run, "replay of recorded tickets", "replay", "--limit", str(plan.evaluated))
        # What counts is that every client made its calls.
        may_fail = "the stand-ins are no helpdesks"
        await _command(run, "check of every dependency and helpdesk", "doctor", may_fail=may_fail)
    await _command(run, "health of the knowledge base", "knowledge", "health")
    run.step("stopped")


async def _command(run: _Run, name: str, *arguments: str, may_fail: str = "") -> None:
    """`may_fail`: why that is no failure of the run."""
    try:
        code, told = await run.product.run(*arguments)
    except ServiceFailed as error:
        run.failures.append(str(error))
        return
    finally:
        run.step(name)
    shown = " ".join(("innkeeper", *(Path(word).name if "/" in word else word for word in arguments)))
    run.work.append(Work(name, 1, f"{shown}, exit code {code}" + (f": {may_fail}" if code and may_fail else "")))
    if code != 0 and not may_fail:
        run.failures.append(f"`{shown}` failed: {told.strip()[-500:]}")


def _permitted(
    settings: Settings, hosts: Mapping[str, str], loopback: Loopback, watch: Watch
) -> tuple[list[Permitted], list[Attempt]]:
    """The allow-list of the run, as `agent.allowlist` has it, with its use; and what was done to a stand-in beside that."""
    website = Service("source website", f"http://{SITE}:{PORT}/")
    found, used = [], set()
    for place, purposes in reached([*services(settings), website]).items():
        key = (Kind.TCP, hosts.get(place.host, ""), place.port or 0)
        used.add(key)
        found.append(Permitted(str(place), purposes, watch.looked_up[place.host], loopback.reached[key]))
    names = {address: host for host, address in hosts.items()}
    strayed = []
    for (kind, host, port), times in loopback.reached.items():
        if (kind, host, port) not in used:
            owner = loopback.by(kind, host, port)
            pid, command = (owner.pid, owner.command) if owner else (0, "")
            target, now = address(host, port), datetime.now(UTC)
            strayed += [Attempt(Seen.DEVICE, kind.value, target, now, names.get(host), pid=pid, command=command)] * times
    return found, strayed


def _refusal(line: Mapping[str, Any], owners: Owners) -> Attempt:
    pid, event = int(line.get("pid", 0)), str(line.get("event", ""))
    is_look_up = event.startswith("socket.get")
    return Attempt(
        Seen.GUARD,
        "look-up" if is_look_up else event.removeprefix("socket."),
        str(line.get("target", "")),
        datetime.strptime(str(line["at"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        by=str(line.get("by", "")),
        pid=pid,
        command=owners.command(pid),
    )


def _host_of(desk: Mapping[str, Any]) -> str:
    return destination(str(desk.get("url") or desk.get("imap"))).host


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
