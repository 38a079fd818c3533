"""Which articles an answer may rest on, as `knowledge.yaml` says."""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent import reasons
from agent.types import Decision, Outcome
from knowledge.types import Hit, Query, Trust
from policies.engine import PolicyEngine
from policies.errors import RulesInvalid
from policies.load import default_folder, load_pack
from tests.unit.test_turns import ID, House

NOW = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)


def pack(folder: Path, knowledge: str) -> PolicyEngine:
    shutil.copytree(default_folder(), folder)
    (folder / "knowledge.yaml").write_text(knowledge)
    return PolicyEngine(load_pack(folder))


async def outcome(folder: Path, knowledge: str, updated: str | None = None, trust: Trust = Trust.NORMAL) -> Outcome:
    house = House(policies=pack(folder, knowledge))
    find = house.shelf.search

    def search(query: Query) -> list[Hit]:
        return [replace(hit, passage=replace(hit.passage, updated=updated, trust=trust)) for hit in find(query)]

    house.shelf.search = search  # type: ignore[method-assign]
    turns = replace(house.turns, context=replace(house.turns.context, clock=lambda: NOW), clock=lambda: NOW)
    await house.say("1")
    entry = await turns.run_turn(ID)
    assert entry is not None
    return entry.outcome


@pytest.mark.parametrize(
    ("knowledge", "updated"),
    [
        ("fresh_for: 365d\n", "2025-11-24"),
        ("fresh_for: 365d\n", "2026-11-01T08:00:00Z"),
        ("fresh_for: 365d\n", None),
        ("least_trust: normal\nnever: [cats, '*s-of-old']\n", "1999-01-01"),
    ],
)
async def test_an_article_that_is_allowed_and_fresh_is_answered_from(tmp_path: Path, knowledge: str, updated: str | None) -> None:
    assert (await outcome(tmp_path / "pack", knowledge, updated)).decision is Decision.ANSWER


async def test_an_answer_from_an_old_article_is_proposed_to_a_person(tmp_path: Path) -> None:
    found = await outcome(tmp_path / "pack", "fresh_for: 365d\n", "2025-11-22")
    assert found.decision is Decision.DRAFT
    assert reasons.STALE in found.reason


async def test_or_the_ticket_is_a_persons(tmp_path: Path) -> None:
    found = await outcome(tmp_path / "pack", "fresh_for: 365d\nstale: person\n", "November 2019")
    assert (found.decision, found.reason) == (Decision.HANDOFF, reasons.STALE)


async def test_an_article_without_a_date_is_old_if_the_pack_says_so(tmp_path: Path) -> None:
    assert (await outcome(tmp_path / "pack", "fresh_for: 9d\nundated: stale\n")).decision is Decision.DRAFT


@pytest.mark.parametrize(
    ("knowledge", "trust"),
    [
        ("least_trust: normal\n", Trust.LOW),
        ("least_trust: high\n", Trust.NORMAL),
        ("never: ['d*s']\n", Trust.HIGH),
    ],
)
async def test_nothing_is_answered_from_an_article_that_is_not_to_be_relied_on(
    tmp_path: Path, knowledge: str, trust: Trust
) -> None:
    found = await outcome(tmp_path / "pack", knowledge, trust=trust)
    assert (found.decision, found.reason, found.citations) == (Decision.HANDOFF, reasons.NOT_ANSWERED, ())


async def test_who_gets_no_answer_reads_what_the_pack_says(tmp_path: Path) -> None:
    found = await outcome(tmp_path / "pack", "never: ['*']\nno_answer: handoff\n")
    assert PolicyEngine(load_pack(tmp_path / "pack")).text("handoff", "en") in found.answer


def test_a_text_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match=r"knowledge.yaml:1: no_answer: there is no text `dont_no`; did you mean dont_know\?"):
        pack(tmp_path / "pack", "no_answer: dont_no\n")
