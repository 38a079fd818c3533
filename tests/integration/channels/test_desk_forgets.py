"""The demo desk forgets tickets: in its file, too, and while it is open elsewhere."""

from pathlib import Path

import pytest

from agent.channels.desk_store import DeskStore

pytestmark = pytest.mark.slow


def test_a_ticket_leaves_nothing_in_the_file_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    running = DeskStore(path)
    for name in ("heron", "raven"):
        ticket = running.open_ticket(f"a {name} in the attic", f"T-{name}")
        running.add_message(ticket, "customer", f"a {name} at night")
        running.receive(
            f"wh-{name}", "agent.reply.proposed", {"ticket_id": ticket, "run_id": "r", "text": f"the {name} is welcome"}
        )
    assert b"heron" in held(tmp_path)
    other = DeskStore(path)
    assert other.forget(["T-heron", "T-unknown"]) == 1
    assert other.forget(["T-heron"]) == 0
    assert b"heron" not in held(tmp_path)
    assert [ticket["id"] for ticket in running.tickets()] == ["T-raven"]
    assert len((running.ticket("T-raven") or {})["messages"]) == 2
    assert len(running.outcomes()) == 1
    other.close()
    running.close()
    assert b"heron" not in held(tmp_path)


def held(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
