"""The proof as a document: a page, Markdown, or JSON, each saying the same. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.operations.proof.record import Proof, Tickets
from knowledge.pages import page_environment

DAY = 24
CANT_SEE = (
    "Code that runs only under conditions that the run didn't meet: another day, another number of tickets, another kind of "
    "file, a package that was not installed.",
    "What a program hands to another one on this machine through a socket in the file system. The host's name services are "
    "covered, so that no name is looked up behind the namespace; a daemon that answers at another such socket is not.",
    "The content of anything: a place on the allow-list gets what it gets. Here stand-ins took it; that your helpdesk or your "
    "model server keeps it to itself is not shown by this run.",
    "A program that finds out that it is being watched: the addresses that names resolve to, and the refusals of all others, "
    "are not those of the internet.",
    "Whose packet it was, where the program had closed its socket before it could be looked for. The packet itself is seen "
    "in any case, and its place is written down.",
    "Your helpdesks, model server and Redis: the run puts stand-ins, the packaged model and the embedded Redis in their place. "
    "The list of your settings below is what the guard of your processes and the network policies of the chart let through.",
)
HOW = (
    "All of it ran in a network namespace of the kernel with a loopback and one other device, behind which there is nothing but "
    "the program that wrote this document: every packet that a process sends to anywhere but this machine is handed to it, by "
    "whatever library, language or system call it was sent, IPv4 and IPv6, TCP, UDP and anything else.",
    "The only name server is that program. Names of the allow-list lead to stand-ins on this machine; any other name is written "
    "down and gets an address of its own that leads nowhere, so that a connection that follows is seen and told to belong to it.",
    "Before that, the guard in each process of Innkeeper refuses what isn't on the allow-list. What it refused counts as an "
    "attempt as well.",
)


def to_json(proof: Proof) -> dict[str, Any]:
    """As values that JSON can hold."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat(timespec="seconds")
        if isinstance(value, Mapping):
            return {str(name): plain(one) for name, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value

    body: dict[str, Any] = plain(asdict(proof))
    tried = [{**body_of, "times": one.times} for one in proof.tried for body_of in (plain(asdict(one.first)),)]
    return {"ok": proof.is_clean, "verdict": verdict(proof), **body, "tried": tried, "how": list(HOW), "cant_see": list(CANT_SEE)}


def to_html(proof: Proof) -> str:
    """A page that needs nothing else."""
    return _filled(page_environment("agent.operations.proof"), "proof.html", proof)


def to_markdown(proof: Proof) -> str:
    """For a repository or a ticket."""
    environment = Environment(
        loader=PackageLoader("agent.operations.proof", ""),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = _cell
    return _filled(environment, "proof.md", proof)


WRITERS: Mapping[str, Callable[[Proof], str]] = {
    ".html": to_html,
    ".md": to_markdown,
    ".json": lambda proof: json.dumps(to_json(proof), ensure_ascii=False, indent=1) + "\n",
}
"""By the ending of the file's name."""


def verdict(proof: Proof) -> str:
    """One sentence."""
    attempts = sum(one.times for one in proof.tried)
    known = {0: "", 1: " and an hour's scheduled work", DAY: " and a day's scheduled work"}
    passed = known.get(proof.hours, f" and {proof.hours} hours of scheduled work")
    done = f"over {proof.ticket_count} tickets{passed}"
    if attempts:
        return f"{attempts} attempt{'' if attempts == 1 else 's'} to reach a place outside of the allow-list, {done}."
    if proof.failures:
        return f"No attempt to reach a place outside of the allow-list, but not everything was run, {done}."
    return f"No attempt to reach a place outside of the allow-list, {done}."


def ends(tickets: Tickets) -> str:
    """How they ended, in words."""
    return ", ".join(f"{count} {how}" for how, count in sorted(tickets.ended.items(), key=lambda pair: -pair[1])) or "–"


def _cell(text: object) -> str:
    """In a table of Markdown, whatever it holds."""
    return " ".join(str(text).replace("|", "\\|").replace("<", "&lt;").split())


def _filled(environment: Environment, name: str, proof: Proof) -> str:
    return environment.get_template(name).render(
        proof=proof, facts=proof.facts, verdict=verdict(proof), ends=ends, how=HOW, cant_see=CANT_SEE
    )
