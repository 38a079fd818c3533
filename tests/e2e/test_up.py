"""`innkeeper up`: starts everything, shows it, and leaves nothing behind however it ends."""

import os
import re
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.e2e.product import Up, http, run, until, up

pytestmark = pytest.mark.slow


def family(house: Up) -> list[psutil.Process]:
    """Every process that it started."""
    return psutil.Process(house.process.pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[str]:
    return [process.name() for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def url_after(text: str, words: str) -> str:
    found = re.search(re.escape(words) + r".*?(http://127\.0\.0\.1:\d+)", text)
    assert found, text
    return found[1]


def test_the_demo_shows_three_tickets_takes_more_and_stops_cleanly(data_dir: Path) -> None:
    with up(data_dir, "--demo") as house:
        told = house.printed("The chat widget")
        tickets = told.split("\nTicket ")[1:]
        assert [re.search(r"^(answer|handoff) \(", ticket, re.M)[1] for ticket in tickets] == ["answer", "handoff", "handoff"]
        assert "50%" in tickets[0]
        assert "[1]" in tickets[0]
        api, desk = url_after(told, "Innkeeper is up"), url_after(told, "Try it yourself")
        assert http().get(f"{api}/readyz").json()["status"] == "ready"
        assert "innkeeper_turns_total" in http().get(f"{api}/metrics").text
        assert "<html" in http().get(desk).text
        assert f"The chat widget: {api}/widget/demo" in told
        bookings = url_after(house.printed("/openapi.json"), "A guest's own page")
        assert "refund" in http().get(f"{bookings}/openapi.json").text
        assert http().get(f"{bookings}/bookings", params={"customer_id": "guest-anna"}).status_code == 401
        assert 'data-site="demo"' in http().get(f"{api}/widget/demo").text
        begun = http().post(f"{api}/widget/sessions", json={"site": "demo"}, headers={"origin": api})
        assert (begun.status_code, begun.json()["site"]["name"]) == (201, "Sample help centre")
        ticket = http().post(f"{desk}/tickets", json={"text": "Can I bring my dog?"}).json()["id"]
        until(lambda: http().get(f"{desk}/tickets/{ticket}").json()["status"] in ("answered", "person"))

        browser = {"origin": api, "authorization": f"Bearer {begun.json()['session']}"}
        chat = f"{api}/widget/conversations"
        cid = http().post(chat, json={}, headers=browser).json()["id"]
        asked = http().post(f"{chat}/{cid}/handoff", json={}, headers=browser | {"idempotency-key": "press-the-button"})
        assert asked.status_code == 202
        until(lambda: http().get(f"{desk}/tickets/{cid}").is_success)
        people = {"text": "Hello, how can I help?", "author": "agent"}
        assert http().post(f"{desk}/tickets/{cid}/messages", json=people).status_code == 201
        until(lambda: http().get(f"{chat}/{cid}/messages", headers=browser).json()["state"]["person"] == "joined")
        shown = http().get(f"{chat}/{cid}/messages", headers=browser).json()["messages"]
        assert [(one["role"], one["text"]) for one in shown] == [("person", people["text"])]

        second = run(data_dir, "up")
        assert second.returncode == 1
        assert f"another `innkeeper up` (pid {house.process.pid}) already uses" in " ".join(second.stderr.split())

        children = family(house)
        assert len(children) >= 6  # Redis, model, bookings, API, worker, desk
        assert house.interrupt() == 0
        assert alive(children) == []
        assert house.errors.read_text().endswith("stopping\n")


def test_its_death_takes_everything_with_it(data_dir: Path) -> None:
    with up(data_dir) as house:
        house.printed("Innkeeper is up")
        children = family(house)
        assert len(children) >= 4
        house.process.kill()
        house.process.wait()
        until(lambda: not alive(children), 60)


def test_a_port_in_use_is_passed_over_and_named(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with up(data_dir, INNKEEPER_PORT=str(port)) as house:
            told = house.printed("Innkeeper is up")
            api = url_after(told, "Innkeeper is up")
            assert f"port {port} is in use: the API takes {api.rpartition(':')[2]}" in house.errors.read_text()
            assert http().get(f"{api}/healthz").is_success
            children = family(house)
            house.process.send_signal(signal.SIGTERM)
            assert house.process.wait(60) == 0
            assert alive(children) == []


def test_ctrl_c_while_it_ingests_ends_it_at_once(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    data_dir.mkdir()
    with up(data_dir, "--demo") as house:
        until(lambda: (data_dir / "chroma").exists())
        os.kill(house.process.pid, signal.SIGINT)
        assert house.process.wait(20) == 130
        assert "Traceback" not in house.errors.read_text()
