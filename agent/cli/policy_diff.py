"""`innkeeper policy diff`: two packs, and what they decide otherwise."""

import asyncio
import datetime as dt
import json as json_text
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.cli import show
from agent.cli.policy import settings_of
from agent.errors import AgentError
from agent.graph.counting import requests, unanswered
from agent.graph.followup import latest_request
from agent.ports import RecordedTurn
from agent.settings import Settings
from agent.types import Author, Message, MessageId
from agent.wiring.pack_reader import pack_readers
from policies.cases import NONE, Expected, Given, PackCase, PlacedCase
from policies.changes import DecisionChange, PackChange, case_changes, pack_changes
from policies.engine import PolicyEngine
from policies.load import load_pack

_MOST_NAMES = 10
"""Of decisions that change alike so many are named."""
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}


def run_diff(old: Path, new: Path, records: Path | None, since: str | None, json: bool) -> None:
    """Compare two packs by their files, over recorded turns, and over the tests of both."""
    settings = settings_of()
    before, after = load_pack(old), load_pack(new)
    changes = pack_changes(before, after)
    recorded = [*_of_file(records), *_of_redis(settings, since)]
    cases = [*recorded, *{one.case.name: one for one in (*before.cases, *after.cases)}.values()]
    decided: list[DecisionChange] = []
    if changes and cases:
        reader_of = pack_readers(settings)
        engines = [PolicyEngine(pack) for pack in (before, after)]
        sides = [(engine, reader_of(engine)) for engine in engines]
        with show.progress("deciding") as step:
            for number, change in enumerate(case_changes(sides[0], sides[1], cases)):
                step(number, len(cases), cases[number].case.name)
                decided += [change] if change is not None else []
    if json:
        body = {
            "rules": [{**asdict(one), "how": one.how.value} for one in changes],
            "decisions": [asdict(one) for one in decided],
        }
        show.as_json({**body, "recorded": len(recorded), "tests": len(cases) - len(recorded)})
    else:
        _show(changes, decided, len(recorded), len(cases) - len(recorded))


def _show(changes: tuple[PackChange, ...], decided: list[DecisionChange], recorded: int, tests: int) -> None:
    if not changes:
        show.out.print("the two packs say the same")
        return
    for change in changes:
        show.out.print(f"[{_COLOURS[change.how.value]}]{change.how.value:8}[/] {change.what}")
        for detail in change.details:
            show.out.print(f"           {detail}", markup=False)
    show.out.print()
    over = f"{recorded} recorded turns and {tests} tests"
    if not decided:
        show.out.print(f"No decision differs, over {over}.", markup=False)
    else:
        show.out.print(
            f"{len(decided)} {'decision differs' if len(decided) == 1 else 'decisions differ'}, over {over}:",
            markup=False,
            style="bold",
        )
    _show_decisions(decided)
    if not recorded:
        show.out.print("No recorded turns were compared: give --since 7d, or --records FILE.jsonl.", markup=False, style="dim")


def _show_decisions(decided: list[DecisionChange]) -> None:
    """Those that change alike together."""
    alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for one in decided:
        alike.setdefault((one.details, one.why), []).append(one.name)
    for (details, why), names in alike.items():
        for name in names[:_MOST_NAMES]:
            show.out.print(f"  {show.one_line(name)[:160]}", markup=False, style="bold")
        if len(names) > _MOST_NAMES:
            show.out.print(f"  and {len(names) - _MOST_NAMES} more", style="bold")
        for detail in details:
            show.out.print(f"    {detail}", markup=False)
        show.out.print(
            f"    {'no hard rule stands in the way' if why == NONE else f'decided by {why}'} now", markup=False, style="dim"
        )


def _of_redis(settings: Settings, since: str | None) -> Iterator[PlacedCase]:
    if since is None:
        return
    from agent.evaluation.replay import since as moment
    from agent.wiring.replaying import turns_since

    turns: list[RecordedTurn] = asyncio.run(turns_since(settings, moment(since, dt.datetime.now(dt.UTC))))
    for turn in turns:
        yield _case_of(turn.run_id, turn.messages)


def _of_file(path: Path | None) -> Iterator[PlacedCase]:
    """Lines of `innkeeper shadow --json`, or of a run file; the header of one has no conversation."""
    if path is None:
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"{path} can't be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json_text.loads(line)
            said = row.get("conversation") or row.get("said") or []
            messages = tuple(_message(number, one) for one in said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AgentError(f"{path}:{number}: is no recorded turn; see `innkeeper shadow --json`") from error
        if any(message.author is Author.CUSTOMER for message in messages):
            yield _case_of(str(row.get("run_id") or row.get("id") or number), messages)


def _message(number: int, said: dict[str, Any]) -> Message:
    return Message(MessageId(str(number)), Author(said["author"]), str(said["text"]), "")


def _case_of(run_id: str, messages: tuple[Message, ...]) -> PlacedCase:
    """A turn as a case: the latest request, as triage reads it."""
    asked = messages[: max(at for at, one in enumerate(messages) if one.author is Author.CUSTOMER) + 1]
    first = not any(one.author is Author.ASSISTANT for one in asked)
    text = latest_request(asked) or "(empty)"
    given = Given(
        message=text,
        first_message=first,
        identity=asked[-1].customer.identity.value,
        earlier=tuple(one for one in requests(asked)[:-1] if one.strip()),
        unanswered=unanswered(asked),
    )
    name = f"{run_id[:8]} {text}"
    return PlacedCase(f"turn {run_id}", PackCase.model_construct(name=name, given=given, expect=Expected()))
