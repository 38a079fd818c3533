"""`innkeeper connect` against a helpdesk on loopback, as a person types it."""

import asyncio
import json
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.adapters.hints import RedisTicketHints
from agent.adapters.redis_clients import redis_client
from agent.channels.helpdesks.polling import poll_once
from agent.channels.helpdesks.request_tracker import RequestTracker
from agent.cli import app
from agent.cli.connect import Request, _asked
from agent.errors import SettingsInvalid
from agent.helpdesk_settings import ChatwootSettings, GlpiSettings, Polled
from agent.settings import Settings, load_settings
from agent.wiring.connecting import helpdesk_of, keep, own_address
from tests.contract.helpdesks.fake_desk import ME, TOKEN
from tests.contract.helpdesks.fake_freescout import APP_KEY, FakeFreeScout
from tests.contract.helpdesks.fake_freshdesk import FakeFreshdesk
from tests.contract.helpdesks.fake_request_tracker import FakeRequestTracker
from tests.contract.helpdesks.fake_zammad import FakeZammad
from tests.fakes import InMemoryConversations, InMemoryQueue
from tests.integration.channels.world import running, served, started_world
from tests.servers import free_port


@pytest.fixture(scope="module")
def zammad() -> Iterator[str]:
    with running(lambda: served(FakeZammad().app())) as url:
        yield url


@pytest.fixture(scope="module")
def freshdesk() -> Iterator[str]:
    with running(lambda: served(FakeFreshdesk().app())) as url:
        yield url


@pytest.fixture(scope="module")
def freescout() -> Iterator[str]:
    with running(lambda: served(FakeFreeScout().app())) as url:
        yield url


@pytest.fixture
def tracker() -> Iterator[tuple[str, FakeRequestTracker]]:
    fake = FakeRequestTracker()
    with running(lambda: served(fake.app())) as url:
        yield url, fake


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    port = free_port()
    monkeypatch.setenv("INNKEEPER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("INNKEEPER_PORT", str(port))
    return port


def connect(*words: str, given: str = TOKEN) -> Result:
    return CliRunner().invoke(app, ["connect", "zammad", *words], input=given)


def test_a_good_helpdesk_is_kept_and_what_to_do_is_told(zammad: str, port: int, tmp_path: Path) -> None:
    result = connect("--url", zammad, "--token-file", "-", "--set", 'queues={"billing": "Billing"}')
    assert result.exit_code == 0, result.output
    kept = tmp_path / "helpdesks.toml"
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600
    desk = load_settings().helpdesks["zammad"]
    assert (desk.system, desk.url, dict(desk.queues)) == ("zammad", zammad, {"billing": "Billing"})
    assert desk.token.get_secret_value() == TOKEN
    secret = desk.secrets[0].get_secret_value()
    assert f"http://127.0.0.1:{port}/webhooks/zammad" in result.output
    assert secret in result.output
    assert TOKEN not in result.output
    assert "start Innkeeper" in result.output
    assert "ai-resume" in result.output
    assert "ai-approve" in result.output


def test_a_queue_that_is_a_number_may_be_written_as_one(freshdesk: str, port: int) -> None:
    words = ["connect", "freshdesk", "--url", freshdesk, "--token-file", "-", "--set", "default_queue=21", "--set"]
    result = CliRunner().invoke(app, [*words, 'queues={"billing": 22}'], input=TOKEN)
    assert result.exit_code == 0, result.output
    desk = load_settings().helpdesks["freshdesk"]
    assert (desk.default_queue, dict(desk.queues)) == ("21", {"billing": "22"})
    # Braces that are the helpdesk's own stay as they are.
    assert '{"ticket_id":"{{ticket.id}}","event":"{{triggered_event}}"}' in result.output.replace("\n", "")


def test_given_again_it_checks_with_what_it_knows_and_keeps_the_secret(zammad: str, port: int) -> None:
    assert connect("--url", zammad, "--token-file", "-").exit_code == 0
    before = load_settings().helpdesks["zammad"]
    again = connect("--json")
    assert again.exit_code == 0, again.output
    body = json.loads(again.output)
    assert body["ok"]
    assert body["kept"] is None
    assert load_settings().helpdesks["zammad"] == before


def test_a_wrong_token_keeps_nothing(zammad: str, port: int, tmp_path: Path) -> None:
    result = connect("--url", zammad, "--token-file", "-", given="wrong-token-of-another")
    assert result.exit_code == 1
    assert "token is wrong or lacks a right" in result.output
    assert not (tmp_path / "helpdesks.toml").exists()


def test_a_queue_that_is_not_there_is_named(zammad: str, port: int) -> None:
    result = connect("--url", zammad, "--token-file", "-", "--set", "default_queue=Nowhere")
    assert result.exit_code == 1
    assert "Nowhere" in result.output
    assert "Billing" in result.output


def test_what_comes_into_a_polled_helpdesk_after_connecting_is_found_by_the_first_poll(
    tracker: tuple[str, FakeRequestTracker], port: int, redis_url: str
) -> None:
    url, fake = tracker
    _, before = fake.customer_writes("Where is my order?")
    before.at -= timedelta(minutes=1)  # RT tells whole seconds, and what came in the same one is looked at
    words = ["--url", url, "--token-file", "-", "--set", 'watched=["Users"]', "--set", "default_queue=Billing"]
    result = CliRunner().invoke(app, ["connect", "request-tracker", *words], input=fake.settings(url).token.get_secret_value())
    assert result.exit_code == 0, result.output
    new, _ = fake.customer_writes("And mine?")
    kept = load_settings().helpdesks["request-tracker"]
    assert isinstance(kept, Polled)
    assert kept.first_poll is not None

    async def found() -> list[str]:
        client, queue = RequestTracker("request-tracker", kept), InMemoryQueue()
        async with redis_client(redis_url) as redis:
            hints = RedisTicketHints(redis)
            await poll_once("request-tracker", client, hints, queue, kept.first_poll)
            await client.aclose()
            return await hints.waiting()

    assert asyncio.run(found()) == [f"request-tracker:{new}"]
    again = CliRunner().invoke(app, ["connect", "request-tracker", "--json"])
    assert again.exit_code == 0, again.output
    assert load_settings().helpdesks["request-tracker"] == kept


def test_a_setting_that_was_emptied_on_purpose_stays_empty(port: int, tmp_path: Path) -> None:
    values = {"system": "zendesk", "url": "https://z.example", "email": "a@b.c", "token": "t", "secrets": ["12345678"]}
    desk = helpdesk_of(values | {"replied": None})
    keep(load_settings(), "zendesk", desk)
    assert load_settings().helpdesks["zendesk"] == desk


def test_what_looks_like_a_number_is_kept_as_it_was_written(zammad: str, port: int) -> None:
    words = ["--set", "default_queue=Billing", "--set", 'queues={"a": "Billing"}', "--set", "timeout_s=20", "--set", "token=1e5"]
    assert "token is wrong" in connect("--url", zammad, *words).output
    desk = _asked(Request("glpi", None, "https://g.example", None, None, None, ("default_queue=21", "token=1e5"), False), None)
    assert isinstance(desk, GlpiSettings)
    assert (desk.default_queue, desk.token.get_secret_value()) == ("21", "1e5")
    desk = _asked(
        Request("chatwoot", None, "https://g.example", None, None, None, ("account=3", "signed=false", "token=1"), False), None
    )
    assert isinstance(desk, ChatwootSettings)
    assert (desk.account, desk.signed) == (3, False)


@pytest.mark.parametrize("name", ["widget", "a:b", "a/b", ""])
def test_a_name_that_no_helpdesk_can_have_is_refused(zammad: str, port: int, tmp_path: Path, name: str) -> None:
    result = connect("--url", zammad, "--token-file", "-", "--name", name or " ")
    assert result.exit_code == 2
    assert "name" in result.output
    assert not (tmp_path / "helpdesks.toml").exists()
    desk = helpdesk_of({"system": "zammad", "url": zammad, "token": TOKEN, "secrets": ["12345678"]})
    keep(load_settings(), name, desk)
    with pytest.raises(SettingsInvalid, match="name"):
        load_settings()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("inn.local", "http://inn.local:80"),
    ],
)
def test_our_own_address_is_one_that_can_be_called(host: str, address: str) -> None:
    assert own_address(Settings(host=host, port=80)) == address


def test_a_running_innkeeper_is_sent_a_test_event(zammad: str, port: int) -> None:
    assert connect("--url", zammad, "--token-file", "-").exit_code == 0
    desk = load_settings().helpdesks["zammad"]
    with running(lambda: started_world(InMemoryConversations(), port)):
        assert "doesn't know this helpdesk yet" in connect().output
    with running(lambda: started_world(InMemoryConversations(), port, helpdesks={"zammad": desk})):
        result = connect()
        assert "a signed event about nothing was taken" in result.output
        assert "wait" not in result.output


def test_where_the_helpdesk_has_a_secret_of_its_own_none_is_made(freescout: str, port: int, tmp_path: Path) -> None:
    words = ["connect", "freescout", "--url", freescout, "--token-file", "-", "--set", f"user={ME}"]
    refused = CliRunner().invoke(app, words, input=TOKEN)
    assert refused.exit_code == 1
    assert "--secret-file" in refused.output
    assert "APP_KEY" in refused.output
    assert "Traceback" not in refused.output
    key = tmp_path / "key"
    key.write_text(APP_KEY + "\n")
    taken = CliRunner().invoke(app, [*words, "--secret-file", str(key)], input=TOKEN)
    assert taken.exit_code == 0, taken.output
    assert "No secret is entered there" in taken.output
    kept = (tmp_path / "helpdesks.toml").read_text()
    assert APP_KEY not in kept + taken.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "nonsense"), "name=value"),
        (("--url", "zammad.internal", "--token-file", "-"), "https://host"),
        (("--url", "http://127.0.0.1:9", "--token-file", "/nowhere/token"), "can't be read"),
        ((), "url: Field required"),
        (("--url", "http://127.0.0.1:9", "--token-file", "-", "--set", "color=red"), "color"),
        (("--url", "http://127.0.0.1:9", "--token-file", "-", "--set", 'secrets=["x"]'), "secrets.0"),
    ],
)
def test_wrong_use_is_told_in_words(port: int, words: tuple[str, ...], told: str) -> None:
    result = connect(*words)
    assert result.exit_code in (1, 2)
    assert told in result.output
    assert "Traceback" not in result.output


def test_without_a_system_all_are_listed_and_an_unknown_one_is_refused(port: int) -> None:
    listed = CliRunner().invoke(app, ["connect"])
    assert "zammad" in listed.output
    assert "stop_tag" in listed.output
    unknown = CliRunner().invoke(app, ["connect", "zendesks"])
    assert unknown.exit_code == 2
    assert "known are" in unknown.output


def test_a_broken_file_stops_the_start_in_words(port: int, tmp_path: Path) -> None:
    (tmp_path / "helpdesks.toml").write_text('[zammad]\nsystem = "zammad"\n')
    result = connect()
    assert result.exit_code == 1
    assert "helpdesks.toml" in result.output
    assert "url" in result.output
