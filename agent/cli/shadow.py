"""`innkeeper shadow`: what would have been sent."""

import asyncio

from rich.table import Table

from agent.cli import show
from agent.ports import ShadowRecord
from agent.settings import Settings
from agent.surface import answer_body
from agent.wiring.shadow import shadow_records


def run_shadow(settings: Settings, json: bool) -> None:
    """Print the records: a table for people, or JSON, one line each."""
    asyncio.run(_lines(settings) if json else _table(settings))


async def _lines(settings: Settings) -> None:
    async for record in shadow_records(settings):
        said = [{"author": m.author.value, "text": m.text} for m in record.messages]
        named = {"run_id": record.run_id, "conversation_id": record.conversation_id, "at": record.at.isoformat()}
        show.as_json({**named, "conversation": said, "outcome": answer_body(record.outcome)})


async def _table(settings: Settings) -> None:
    table = Table("when", "decision", "sure", "the customer wrote", "would have been sent", box=None, pad_edge=False)
    async for record in shadow_records(settings):
        table.add_row(*_row(record))
    if table.row_count:
        show.out.print(table, markup=False)  # it holds customers' words
    else:
        show.err.print(
            "nothing is recorded: set `mode: shadow` in policy.yaml, and decisions are kept here in place of being sent"
        )


def _row(record: ShadowRecord) -> tuple[str, ...]:
    outcome = record.outcome
    asked = show.one_line(record.messages[-1].text if record.messages else "")
    when = record.at.strftime("%Y-%m-%d %H:%M")
    return when, outcome.decision.value, f"{outcome.confidence:.2f}", asked[:200], show.one_line(outcome.answer)[:400]
