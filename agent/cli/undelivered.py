"""`innkeeper undelivered`: outcomes that were set aside for a person."""

import asyncio

from rich.table import Table

from agent.cli import show
from agent.settings import Settings
from agent.surface import answer_body
from agent.wiring.undelivered import undelivered


def run_undelivered(settings: Settings, json: bool) -> None:
    """Print them: a table for people, or JSON, one line each."""
    found = asyncio.run(undelivered(settings))
    if json:
        for one in found:
            named = {"conversation_id": one.entry.conversation_id, "run_id": one.entry.run_id, "at": one.at, "why": one.reason}
            show.as_json({**named, "summary": one.entry.outcome.summary, "outcome": answer_body(one.entry.outcome)})
        return
    if not found:
        show.err.print("nothing: every reply and every hand-off was taken")
        return
    table = Table("when", "conversation", "decision", "why", "for the person", box=None, pad_edge=False)
    for one in found:
        outcome = one.entry.outcome
        told = show.one_line(outcome.summary or outcome.answer)[:300]
        table.add_row(one.at[:16].replace("T", " "), one.entry.conversation_id, outcome.decision.value, one.reason, told)
    show.out.print(table, markup=False)
