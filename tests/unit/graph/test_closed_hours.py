"""A hand-off while nobody works: the customer is told so, and the people by when to answer."""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

from agent.types import Decision
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from tests.unit.test_turns import ID, House

HOURS = "open: {monday: 09:00-17:00}\nclosed: closed\nfirst_response: {open: 1h, closed: 2h}\n"
MONDAY = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)


async def handed_over(folder: Path, now: dt.datetime) -> tuple[str, str, PolicyEngine]:
    shutil.copytree(default_folder(), folder)
    (folder / "hours.yaml").write_text(HOURS)
    policies = PolicyEngine(load_pack(folder))
    house = House(policies=policies)
    turns = replace(house.turns, context=replace(house.turns.context, clock=lambda: now), clock=lambda: now)
    await house.say("1", "Can I speak to a real person please?")
    entry = await turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.HANDOFF
    return entry.outcome.answer, str(entry.outcome.summary), policies


async def test_out_of_hours_the_customer_is_told_and_people_answer_when_they_are_back(tmp_path: Path) -> None:
    answer, summary, policies = await handed_over(tmp_path / "pack", MONDAY + dt.timedelta(days=1))
    assert answer.endswith(f"{policies.text('handoff', 'en')}\n\n{policies.text('closed', 'en')}")
    assert "First answer due: 2026-11-30 11:00 UTC." in summary


async def test_in_hours_nothing_is_said_of_them(tmp_path: Path) -> None:
    answer, summary, policies = await handed_over(tmp_path / "pack", MONDAY)
    assert policies.text("closed", "en") not in answer
    assert "First answer due: 2026-11-23 11:00 UTC." in summary
