"""The golden vector of FreeScout's signature, and what its webhooks and threads mean."""

import base64
import hashlib
import hmac
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from agent.channels.helpdesks.freescout import FreeScout, FreeScoutReceiver, _message, sample
from agent.channels.helpdesks.types import Delivery, Hint, Wrote
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import FreeScoutSettings

APP_KEY = "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
KEY = "767fe609bebe85ec3dcb9a3c21dc7e0e"
BODY = b'{"id":1,"number":3,"status":"active","subject":"Refund"}'
SIGNATURE = "eGFDF70q5HQUGs6zELe/jmqwqYY="
REPLIED = "convo.customer.reply.created"
ME = 7
FULL = (
    b'{"id":1,"updatedAt":"2026-01-05T09:00:00Z","createdBy":{"id":91,"type":"customer"},"_embedded":{"threads":'
    b'[{"id":19,"type":"message"},{"id":17,"type":"customer"},{"id":12,"type":"customer"}]}}'
)


def settings(**more: Any) -> FreeScoutSettings:
    given = {"secrets": (APP_KEY,), "user": ME, **more}
    return FreeScoutSettings(system="freescout", url="http://desk", token="t" * 9, **given)


def receiver(**more: Any) -> FreeScoutReceiver:
    return FreeScoutReceiver(settings(**more))


def delivery(body: bytes = BODY, signature: str = SIGNATURE, event: str = REPLIED, now: float = 1000.0) -> Delivery:
    return Delivery(body, {"x-freescout-signature": signature, "x-freescout-event": event}, None, now)


def signed(body: bytes, event: str = REPLIED, now: float = 1000.0) -> Delivery:
    signature = base64.b64encode(hmac.new(KEY.encode(), body, hashlib.sha1).digest()).decode()
    return delivery(body, signature, event, now)


def hint(*given: Any) -> Hint:
    found = receiver().receive(signed(*given))
    assert found is not None
    return found


def test_golden_vector() -> None:
    assert settings().secrets == (SecretStr(KEY),)  # the APP_KEY opens all of FreeScout: it is not kept
    for secrets in ((APP_KEY,), (KEY,), ("another-secret", APP_KEY)):
        found = receiver(secrets=secrets).receive(delivery())
        assert found is not None
        assert found.ticket_id == "1"


@pytest.mark.parametrize("signature", ["", "x", SIGNATURE[:-3] + "aY=", SIGNATURE.rstrip("="), "sha1=" + SIGNATURE, "ü"])
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(signature=signature))


def test_a_changed_body_or_secret_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(BODY + b" "))
    with pytest.raises(SignatureInvalid):
        receiver(secrets=("another-secret",)).receive(delivery())


@pytest.mark.parametrize("wrong", [{"default_queue": "Billing"}, {"queues": {"billing": "Billing"}}, {"default_queue": "0"}])
def test_mailboxes_are_named_by_id(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_the_other_algorithm_must_be_chosen() -> None:
    other = hmac.new(b"another-secret", BODY, hashlib.sha256).hexdigest()
    assert receiver(secrets=("another-secret",), algorithm="sha256-hex").receive(delivery(signature=other)) is not None
    with pytest.raises(SignatureInvalid):
        receiver(secrets=("another-secret",)).receive(delivery(signature=other))


@pytest.mark.parametrize(
    "event",
    ["convo.agent.reply.created", "convo.note.created", "convo.assigned", "convo.status", "convo.moved", "convo.deleted", ""],
)
def test_what_no_customer_has_done_is_passed_over(event: str) -> None:
    assert receiver().receive(signed(FULL, event)) is None


def test_a_conversation_that_staff_has_begun_is_passed_over() -> None:
    assert receiver().receive(signed(FULL, "convo.created")) is not None
    assert receiver().receive(signed(FULL.replace(b'91,"type":"customer"', b'3,"type":"user"'), "convo.created")) is None


def test_a_delivery_is_known_by_the_customers_newest_thread() -> None:
    assert hint(FULL).delivery == f"{REPLIED}:1:17"
    assert hint(FULL.replace(b"2026", b"2027")) == hint(FULL)
    assert hint(FULL.replace(b'"id":17', b'"id":18')) != hint(FULL)


def test_without_threads_or_times_no_delivery_is_taken_for_a_repeat() -> None:
    assert hint(BODY, REPLIED, 1000.0).delivery != hint(BODY, REPLIED, 1000.5).delivery


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id":null}', b'{"id":0}', b'{"id":1,"_embedded":{"threads":5}}', b"\xff"])
def test_a_genuine_body_that_is_not_freescouts_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        receiver().receive(signed(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body


async def test_a_draft_is_not_said_yet() -> None:
    at = {"createdAt": "2026-01-05T09:00:00Z", "createdBy": {"id": 3, "type": "user"}}
    threads = [
        {"id": 3, "type": "message", "state": "draft", "body": "It may be", **at},
        {"id": 2, "type": "lineitem", "state": "published", "body": "", **at},
        {"id": 1, "type": "customer", "state": "published", "body": "Where is it?", **at},
    ]
    found = {"id": 1, "state": "published", "status": "active", "subject": "Late", "_embedded": {"threads": threads, "tags": []}}
    desk = FreeScout("desk", settings())
    desk._api._client._transport = httpx.MockTransport(lambda _: httpx.Response(200, json=found))
    assert [one.text for one in (await desk.read("1")).messages] == ["Where is it?"]
    await desk.aclose()


@pytest.mark.parametrize("algorithm", ["sha1-base64", "sha256-hex"])
def test_the_sample_is_genuine_and_leads_to_nothing(algorithm: str) -> None:
    told = sample(settings(algorithm=algorithm), 1000.0)
    headers = {name.lower(): value for name, value in told.headers.items()}
    assert receiver(algorithm=algorithm).receive(Delivery(told.body, headers, None, 1000.0)) is None


@pytest.mark.parametrize(
    "more", [{"tags": False}, {"handoff_user": ME}, {"tags": False, "handoff_user": 3, "answers_assigned": True}]
)
def test_settings_by_which_no_hand_off_could_be_told_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**more)


@pytest.mark.parametrize(
    ("kind", "author", "wrote", "public"),
    [
        ("customer", {"id": ME, "type": "customer"}, Wrote.CUSTOMER, True),
        ("message", {"id": ME, "type": "user"}, Wrote.US, True),
        ("message", {"id": 3, "type": "user"}, Wrote.STAFF, True),
        ("note", {"id": ME, "type": "user"}, Wrote.US, False),
        ("note", {"id": 3, "type": "user"}, Wrote.STAFF, False),
        ("message", None, Wrote.STAFF, True),
    ],
)
def test_who_has_written_a_thread(kind: str, author: Any, wrote: Wrote, public: bool) -> None:
    thread = {"id": 5, "type": kind, "body": "<p>Hello</p>", "createdBy": author, "createdAt": "2026-01-05T09:00:00Z"}
    message = _message(thread, ME, is_first=False, subject="Out of office")
    assert (message.wrote, message.public, message.text, message.automatic) == (wrote, public, "Hello", False)
    assert _message(thread, ME, is_first=True, subject="Out of office").automatic
