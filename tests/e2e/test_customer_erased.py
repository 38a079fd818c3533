"""The started product forgets a customer: found in every store before, and in none after. Who else wrote keeps everything."""

import asyncio
import hashlib
import hmac
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from agent.wiring.bookings import bookings_system, bookings_token
from policies.load import default_folder
from tests.e2e.product import ANSWERS_IN_S, SOURCE, ModelServer, Product, event, product
from tests.e2e.test_demo_bookings import bookings
from tests.integration.channels.widget_world import SHOP, Browser
from tests.servers import free_port

pytestmark = pytest.mark.slow

MAIL, NAME, PHRASE = "quillfeather.ophelia@marks.example", "Ophelia Quillfeather", "purple heron in the attic"
ANNA = {"kind": "customer", "customer_id": "guest-anna", "email": MAIL, "verified": True}
BEN = {"kind": "customer", "customer_id": "guest-ben", "email": MAIL, "verified": True}
CARLA = {"kind": "customer", "customer_id": "guest-carla-stays", "email": "carla@stays.example", "verified": True}
ORDERS = ("MS-104211", "MS-104213")
TICKETS = ("tk-first-look", "tk-paid-back", "tk-still-waits", "tk-plain-question")
MARKS = (MAIL, NAME, "Quillfeather", PHRASE, "guest-anna", "guest-ben", *ORDERS)
SITE_SECRET = "a-site-secret-of-thirty-two-bytes!"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    folder, port = tmp_path_factory.mktemp("erased") / "house", free_port()
    folder.mkdir()
    system_dir = folder.parent / "the-companys-bookings"
    shutil.copytree(default_folder(), folder.parent / "policies")
    refund = folder.parent / "policies" / "actions" / "refund_booking.yaml"
    asks_sooner = refund.read_text().replace("above: 500", "above: 50")
    assert asks_sooner != refund.read_text()
    refund.write_text(asks_sooner)
    sites = json.dumps({"shop": {"name": "Shop", "origins": [SHOP], "identity_secret": SITE_SECRET}})
    with bookings(system_dir, port):
        system: dict[str, Any] = bookings_system(f"http://127.0.0.1:{port}", bookings_token(system_dir)) | {"timeout_s": 60}
        settings = {
            "INNKEEPER_TOOLS": json.dumps({"bookings": system}),
            "INNKEEPER_SITES": sites,
            "INNKEEPER_POLICY_DIR": str(folder.parent / "policies"),
        }
        with product(folder, knowledge, model.url, **settings) as made:
            made.start("serve", "worker")
            yield made


def say(house: Product, ticket: str, number: int, text: str, author: dict[str, Any]) -> dict[str, Any]:
    body = event("ticket.message.created", ticket_id=ticket, message_id=f"{ticket}-{number}", author=author, text=text)
    house.insist(body, f"msg_{ticket}-{number}")
    return dict(house.outcomes(ticket, number)[-1]["data"])


async def chat(house: Product) -> str:
    """A signed-in customer in the widget. The conversation's id."""
    proof = hmac.new(SITE_SECRET.encode(), b"guest-anna", hashlib.sha256).hexdigest()
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWERS_IN_S) as client, asyncio.timeout(2 * ANSWERS_IN_S):
        browser = Browser(house.url, client)
        await browser.begin(identifier="guest-anna", identifier_hash=proof, name=NAME)
        cid = await browser.converse()
        await browser.say(cid, f"Can I bring my dog? I saw a {PHRASE}. {NAME}, {MAIL}")
        while [one["role"] for one in (await browser.messages(cid))["messages"]] != ["customer", "assistant"]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return cid


def in_redis(house: Product) -> dict[str, bytes]:
    """Every key with all that is in it, as bytes."""
    found: dict[str, bytes] = {}
    with redis.Redis.from_url(house.redis.url) as client:
        for key in client.scan_iter(count=1000):
            kind = client.type(key).decode()
            if kind == "none":
                continue  # it was let go since the scan came by
            read: Any = {
                "string": lambda key=key: client.get(key),
                "hash": lambda key=key: client.hgetall(key),
                "list": lambda key=key: client.lrange(key, 0, -1),
                "set": lambda key=key: client.smembers(key),
                "zset": lambda key=key: client.zrange(key, 0, -1),
                "stream": lambda key=key: (client.xrange(key), client.xinfo_groups(key)),
            }[kind]()
            found[key.decode("utf-8", "replace")] = key + b"\n" + _flat(read)
    return found


def _flat(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"\n".join(_flat(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple | set):
        return b"\n".join(_flat(one) for one in value)
    return value if isinstance(value, bytes) else str(value).encode()


def in_files(house: Product) -> dict[str, bytes]:
    """Every file of the product: the data folder with Redis' own files, Chroma, tantivy, and the logs."""
    folder = house.data_dir.parent
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def places(found: dict[str, bytes], marks: tuple[str, ...]) -> dict[str, set[str]]:
    """Which marks stand where, in any case and in the forms in which JSON writes them."""
    told: dict[str, set[str]] = {}
    for mark in marks:
        pattern = re.compile(re.escape(mark.encode()), re.IGNORECASE)
        for place, content in found.items():
            if pattern.search(content):
                told.setdefault(mark, set()).add(place)
    return told


def kinds(told: dict[str, set[str]]) -> str:
    return "\n".join(sorted({place for found in told.values() for place in found}))


@pytest.fixture(scope="module")
def lived(house: Product) -> str:
    """What a customer does, and another one. The widget's conversation."""
    say(house, "tk-first-look", 1, f"Please show my booking MS-104211. {NAME} of the {PHRASE}", ANNA)
    say(house, "tk-paid-back", 1, "Please cancel my booking MS-104211", ANNA)
    say(house, "tk-paid-back", 2, "yes please", ANNA)
    say(house, "tk-paid-back", 3, "Please refund MS-104211", ANNA)
    waits = say(house, "tk-paid-back", 4, "yes", ANNA)
    house.rule("tk-paid-back", waits["run_id"], "approved")
    assert house.outcomes("tk-paid-back", 5)[-1]["data"]["decision"] == "answer"
    say(house, "tk-still-waits", 1, "Please cancel my booking MS-104213", BEN)
    say(house, "tk-still-waits", 2, "yes please", BEN)
    say(house, "tk-still-waits", 3, f"Please refund MS-104213, says {NAME}", BEN)
    assert say(house, "tk-still-waits", 4, "yes", BEN)["decision"] == "draft"
    say(house, "tk-plain-question", 1, f"Can I bring my dog? I am {NAME}, {MAIL}, and saw a {PHRASE}", ANNA)
    say(house, "tk-carla", 1, "Can I bring my dog?", CARLA)
    return asyncio.run(chat(house))


def test_a_customer_is_told_everything_and_then_forgotten_everywhere(house: Product, lived: str, tmp_path: Path) -> None:
    marks = (*MARKS, *(f"{SOURCE}:{one}" for one in TICKETS), lived)
    before = places(in_redis(house), marks)
    assert set(before) == set(marks), "the search finds every mark before"
    told = kinds(before)
    for store in (":messages", ":waiting", ":widget:", ":call:", "widget:session:", ":meta", ":turns"):
        assert store in told, store
    assert "appendonlydir" in kinds(places(in_files(house), marks))

    out = tmp_path / "anna.json"
    done = house.command("customer", "export", "--id", "guest-anna", "--id", "guest-ben", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    document = json.loads(out.read_text())
    assert {one["conversation_id"] for one in document["conversations"]} == {
        *(f"{SOURCE}:{one}" for one in TICKETS),
        f"widget:{lived}",
    }
    assert {one["action"] for one in document["actions"]} == {"cancel_booking", "refund_booking"}
    assert any("waits_for_approval" in one for one in document["conversations"])
    assert document["sessions"][0]["name"] == NAME
    kinds_told = {one["kind"] for one in document["audit"]}
    assert {"action_begun", "action_done", "action_confirmed", "approval_given", "customer_exported"} <= kinds_told
    assert "carla" not in out.read_text()

    tried = house.command("customer", "erase", "--id", "guest-anna", "--id", "guest-ben", "--dry-run", "--json")
    assert len(json.loads(tried.stdout)["conversations"]) == 5
    assert places(in_redis(house), marks).keys() == before.keys()

    entries = audit(house)
    done = house.command("customer", "erase", "--id", "guest-anna", "--id", "guest-ben", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["erased"]["conversations"] == 5
    assert all(one["ok"] for one in report["redis_files"])
    left = places(in_redis(house), marks)
    assert left == {}
    house.stop("serve", "worker")
    left = places(in_files(house), marks)
    tickets_in_logs = {"serve.log", "worker.log"}
    assert {mark: found - tickets_in_logs for mark, found in left.items() if found - tickets_in_logs} == {}
    assert not set(left) & set(MARKS), "the logs hold ids of conversations, and nothing else of a customer"

    stays = house.command("customer", "export", "--id", "guest-carla-stays", "--json")
    assert [one["conversation_id"] for one in json.loads(stays.stdout)["conversations"]] == [f"{SOURCE}:tk-carla"]
    for gone in (("--id", "guest-anna"), ("--email", MAIL), ("--conversation", f"{SOURCE}:tk-paid-back")):
        nothing = house.command("customer", "export", *gone)
        assert nothing.returncode == 1
        assert "nothing is kept" in nothing.stderr
    assert audit(house)[: len(entries)] == entries, "what was done stays written down"
    assert audit(house)[-1]["kind"] in {"customer_exported", "customer_erased"}
    verified = house.command("audit", "verify", "--json")
    assert json.loads(verified.stdout)["ok"]

    # What was taken of a limit stays taken, and the same call isn't made again.
    with redis.Redis.from_url(house.redis.url) as client:
        (of_anna, *_) = [key for key in client.scan_iter("innkeeper:{action:refund_booking}:of:*")]
        assert client.zcard(of_anna) == 1


def audit(house: Product) -> list[dict[str, Any]]:
    shown = house.command("audit", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line) for line in shown.stdout.splitlines()]
