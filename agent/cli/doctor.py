"""`innkeeper doctor`: looks at every dependency, says what is wrong and what to do."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from agent.cli import show
from agent.errors import AgentError
from agent.settings import Settings
from agent.wiring import probes, rules, shelf
from agent.wiring.verifiers import entailment_model
from knowledge.errors import KnowledgeError
from policies.errors import PolicyError
from policies.types import Verifier

LAST_REFUSALS = 10
_DEMO = " (`up --demo` brings its own, which are not looked at here)"
Check = Callable[[Settings], Awaitable[str]]


async def examine(settings: Settings) -> dict[str, Any]:
    """Every check with its result: `{"ok", "checks": [{"name", "ok", "detail"}], "egress": {"allowed", "refused"}}`."""
    guard = shelf.guard_egress(settings, shelf.model_url(settings))
    checks: dict[str, Check] = {
        "data folder": _data_folder,
        "policies": _policies,
        "knowledge": _knowledge,
        "reranker": _reranker,
        "verifiers": _verifiers,
        "redis": probes.redis,
        **_models(settings),
        "helpdesks": _helpdesks,
        "tools": _tools,
    }
    findings = [await _finding(name, check, settings) for name, check in checks.items()]
    egress = {
        "allowed": ["loopback", *sorted(map(str, guard.allowed))],
        "refused": _refusals(settings),
    }
    return {"ok": all(f["ok"] for f in findings), "checks": findings, "egress": egress}


def show_findings(report: dict[str, Any]) -> None:
    """The report for a person."""
    for finding in report["checks"]:
        mark = "[green]ok[/]  " if finding["ok"] else "[red]FAIL[/]"
        show.out.print(f"{mark} [bold]{finding['name']}[/]: ", end="")
        show.out.print(finding["detail"], markup=False)
    egress = report["egress"]
    show.out.print(f"\nMay be reached: {', '.join(egress['allowed'])}")
    if not egress["refused"]:
        show.out.print("Refused so far: nothing")
    for line in egress["refused"]:
        by = f", {line['by']}" if line.get("by") else ""
        show.out.print(f"Refused: {line['at']} {line['event']} {line['target']} (pid {line['pid']}{by})", markup=False)


def _models(settings: Settings) -> dict[str, Check]:
    """One check for each; where there is no other, the default one goes by `model` alone."""
    names = probes.model_names(settings)
    alone = len(names) == 1
    return {"model" if alone else f"model {name}": partial(probes.model, name=name) for name in names}


async def _finding(name: str, check: Check, settings: Settings) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": await check(settings)}
    except (AgentError, KnowledgeError, PolicyError) as error:
        return {"name": name, "ok": False, "detail": str(error)}


async def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir.absolute()
    if not os.access(folder, os.W_OK):
        raise AgentError(f"{folder} can't be written; check its rights, or set INNKEEPER_DATA_DIR")
    return f"{folder} can be written"


async def _policies(settings: Settings) -> str:
    stamp = rules.build_policies(settings).stamp
    return f"version {stamp.version}, sha256 {stamp.sha256[:12]}, from {settings.policy_dir or 'the pack that ships'}"


async def _knowledge(settings: Settings) -> str:
    knowledge = shelf.build_knowledge(settings)
    try:
        await asyncio.to_thread(knowledge.check)
        counts = await asyncio.to_thread(knowledge.counts)
        if not any(counts.values()):
            raise AgentError("the knowledge base is empty; fill it with `innkeeper ingest PATH` (or `--samples`)")
        told = ", ".join(f"{count} {audience}" for audience, count in counts.items())
        return f"{told} passages; embedding model {knowledge.embedder.name}"
    finally:
        knowledge.close()


async def _reranker(settings: Settings) -> str:
    knowledge = shelf.build_knowledge(settings)
    try:
        name = knowledge.reranker_state.name
        if not name:
            return "none configured (INNKEEPER_RERANKER, INNKEEPER_RERANKER_URL); what is found keeps its order"
        await asyncio.to_thread(knowledge.check_reranker)
        return f"{name}; the probe with known answers passed"
    finally:
        knowledge.close()


async def _verifiers(settings: Settings) -> str:
    asked = rules.build_policies(settings).verifiers
    told = f"topics.yaml asks for {', '.join(one for one in Verifier if one in asked)}"
    model = entailment_model(settings)
    if model is None:
        return told
    await asyncio.to_thread(model.check)
    unused = "" if Verifier.CROSS_ENCODER in asked else ", but no topic lists cross_encoder, so it is not used"
    return f"{told}; cross-encoder {model.name} passed the probe with known answers{unused}"


async def _helpdesks(settings: Settings) -> str:
    if not settings.helpdesks:
        return f"none configured (`innkeeper connect`, INNKEEPER_HELPDESKS); tickets can't come in by webhook yet{_DEMO}"
    problems, told = await probes.helpdesks(settings)
    if problems:
        raise AgentError("; ".join(problems) + " (`innkeeper connect SYSTEM` says more)")
    return ", ".join(told)


async def _tools(settings: Settings) -> str:
    if not settings.tools:
        where = "tools.toml in the data folder, INNKEEPER_TOOLS"
        return f"none configured ({where}); nothing is looked up or changed for customers{_DEMO}"
    problems, told = await probes.tools(settings)
    if problems:
        raise AgentError("; ".join(problems) + " (`innkeeper tools list` says more)")
    return ", ".join(told) + ("; a dry run: no change is sent (INNKEEPER_TOOLS_DRY_RUN)" if settings.tools_dry_run else "")


def _refusals(settings: Settings) -> list[dict[str, Any]]:
    try:
        lines = shelf.refusals_path(settings).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[-LAST_REFUSALS:]]
    except (OSError, ValueError):
        return []
