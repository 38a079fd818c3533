"""`innkeeper prove-egress`: makes the run, shows what came out of it, writes the document."""

import json
import signal
import tempfile
from pathlib import Path

import typer

from agent.cli import show
from agent.cli.evaluate import check_place, put
from agent.operations.proof.document import WRITERS, ends, to_json, verdict
from agent.operations.proof.facts import gather
from agent.operations.proof.namespace import step_aside
from agent.operations.proof.record import Proof
from agent.operations.proof.work import Plan, prove
from agent.settings import Settings
from agent.wiring import rules, shelf
from knowledge.sources.opening import load_sources

SHOWN = 20


def run_proof(settings: Settings, report: Path | None, tickets: int, as_json: bool) -> None:
    """Exit code 1 if anything was attempted outside of the list, or not everything could be run."""
    if report is not None and report.suffix not in WRITERS:
        raise typer.BadParameter(f"name a file that ends in {', '.join(WRITERS)}", param_hint="--report")
    check_place(report)
    if (code := step_aside()) is not None:
        raise typer.Exit(code)
    # As Ctrl-C, so that what was started is stopped, and the folder removed.
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    inside = settings.model_copy(update={"llm_base_url": None, "llm_profile": _embedded(settings)})
    policies, profile = rules.build_policies(inside), rules.pick_profile(inside)
    listing = shelf.sources_path(settings)
    facts = gather(settings, profile, policies.stamp, load_sources(listing) if listing.exists() else ())
    folder = tempfile.TemporaryDirectory(prefix="innkeeper-proof-", ignore_cleanup_errors=True)
    with folder as made:
        plan = Plan(Path(made), tickets, _samples(), _local(inside))
        proof = prove(plan, facts, lambda: show.progress("proving that nothing leaves"))
    if report is not None:
        put(report, WRITERS[report.suffix](proof))
    show.as_json(to_json(proof)) if as_json else _show(proof, report)
    if not proof.is_clean:
        raise typer.Exit(1)


def _embedded(settings: Settings) -> str:
    """The profile of the packaged model to run: the one of the settings, if no server of theirs is configured."""
    return "" if settings.llm_base_url else settings.llm_profile


def _local(settings: Settings) -> dict[str, str]:
    """Settings that the run takes over: files and switches of this machine, nothing that has an address."""
    names = ("policy_dir", "embedding_model", "multilingual", "reranker", "verifier_model", "verifier_threshold", "second_look")
    given = {name: getattr(settings, name) for name in (*names, "llm_profile") if name in settings.model_fields_set}
    return {
        f"INNKEEPER_{name.upper()}": str(value.absolute()) if isinstance(value, Path) else json.dumps(value).strip('"')
        for name, value in given.items()
        if value not in (None, "")
    }


def _samples() -> Path:
    from agent.cli.ingest import sample_folder

    return sample_folder().parent


def _show(proof: Proof, report: Path | None) -> None:
    show.out.print(f"[bold {'green' if proof.is_clean else 'red'}]{verdict(proof)}[/]")
    for one in proof.tried[:SHOWN]:
        first = one.first
        name = f" ({first.name})" if first.name else ""
        who = first.by or first.command or "a process that had closed its socket"
        more = f" in {first.command}" if first.by and first.command else ""
        show.out.print(f"  {one.times}x {first.what} {first.target}{name}, seen at the {first.seen}: {who}{more}", markup=False)
    if len(proof.tried) > SHOWN:
        show.out.print(f"  and {len(proof.tried) - SHOWN} more kinds; see the report", markup=False)
    for failure in proof.failures:
        show.err.print("[red]not run as planned:[/] ", end="")
        show.err.print(failure, markup=False)
    for tickets in proof.tickets:
        show.out.print(f"{tickets.channel}: {tickets.sent} tickets: {ends(tickets)}", markup=False)
    for work in proof.work:
        show.out.print(f"{work.name}: {work.times}x, {work.detail}", markup=False, style="dim")
    for place in proof.permitted:
        show.out.print(
            f"allowed: {place.place} ({', '.join(place.purposes)}), looked up {place.looked_up}x, connected {place.connected}x",
            markup=False,
            style="dim",
        )
    for knock in proof.knocks:
        show.out.print(f"nobody listened at loopback {knock.protocol} {knock.port}, knocked at {knock.times}x", markup=False)
    if report is not None:
        show.out.print(f"The document is in {report}", markup=False)
