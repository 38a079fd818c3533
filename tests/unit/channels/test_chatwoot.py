"""The golden vector of Chatwoot's signature, and what its webhooks mean."""

import hashlib
import hmac
import json

import pytest
from pydantic import ValidationError

from agent.channels.helpdesks.chatwoot import ChatwootReceiver
from agent.channels.helpdesks.chatwoot_messages import without_links
from agent.channels.helpdesks.types import Delivery, Hint
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import ChatwootSettings

SECRET = "cw_secret"
NOW = 1767225600
BODY = (
    b'{"event":"message_created","id":12345,"content":"Where is my order?","message_type":"incoming","private":false,'
    b'"account":{"id":1,"name":"Acme"},"conversation":{"id":7,"status":"pending"},"inbox":{"id":3,"name":"Web"},'
    b'"sender":{"id":55,"name":"Emily"}}'
)
SIGNATURE = "sha256=062def1ad0113064f732ced4501e4ca09f35432fc61ad250a265b222ebdde7c1"


def settings(**more: object) -> ChatwootSettings:
    base = {"system": "chatwoot", "url": "http://chatwoot", "token": "t" * 9, "account": 1, "secrets": (SECRET,)}
    return ChatwootSettings(**base | more)


def delivery(body: bytes = BODY, signature: str = SIGNATURE, at: str = str(NOW), now: float = NOW + 5) -> Delivery:
    headers = {"x-chatwoot-signature": signature, "x-chatwoot-timestamp": at, "x-chatwoot-delivery": "d-1"}
    return Delivery(body, headers, None, now)


def signed(body: bytes, at: str = str(NOW)) -> Delivery:
    return delivery(body, "sha256=" + hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest(), at)


def changed(**more: object) -> bytes:
    return json.dumps(json.loads(BODY) | more).encode()


def test_golden_vector() -> None:
    assert ChatwootReceiver(settings()).receive(delivery()) == Hint("d-1", "7")
    assert ChatwootReceiver(settings(secrets=("another-secret", SECRET))).receive(delivery()) == Hint("d-1", "7")


@pytest.mark.parametrize(
    "signature", ["", "sha256=", SIGNATURE[:-1] + "0", SIGNATURE.removeprefix("sha256="), "sha256=zz", "sha1=" + "ab" * 20]
)
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        ChatwootReceiver(settings()).receive(delivery(signature=signature))


def test_a_changed_body_timestamp_or_secret_is_refused() -> None:
    for one in (delivery(BODY.replace(b"7", b"8")), delivery(at=str(NOW + 1)), delivery(at="")):
        with pytest.raises(SignatureInvalid):
            ChatwootReceiver(settings()).receive(one)
    with pytest.raises(SignatureInvalid):
        ChatwootReceiver(settings(secrets=("another-secret",))).receive(delivery())


@pytest.mark.parametrize("now", [NOW + 301, NOW - 301])
def test_a_stale_delivery_is_refused(now: float) -> None:
    with pytest.raises(SignatureInvalid, match="301 s"):
        ChatwootReceiver(settings()).receive(delivery(now=now))
    assert ChatwootReceiver(settings(window_s=400)).receive(delivery(now=now))


@pytest.mark.parametrize("at", ["soon", "-5", "1e9", "1" * 400, "²"])
def test_a_timestamp_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(SignatureInvalid):
        ChatwootReceiver(settings()).receive(signed(BODY, at))


@pytest.mark.parametrize(
    "more",
    [
        {"message_type": "outgoing", "sender": {"id": 3, "type": "user"}},
        {"message_type": "outgoing", "sender": {"id": 9, "type": "agent_bot"}},
        {"message_type": "template"},
        {"message_type": "activity"},
        {"message_type": 1},
        {"message_type": None},
        {"private": True},
        {"event": "message_updated"},
        {"event": "conversation_created"},
        {"event": "webwidget_triggered", "conversation": None},
        {"account": {"id": 2}},
    ],
)
def test_what_is_no_customers_new_message_in_our_account_is_passed_over(more: dict[str, object]) -> None:
    assert ChatwootReceiver(settings()).receive(signed(changed(**more))) is None


def test_a_type_by_its_number_and_a_missing_delivery_id_are_understood() -> None:
    body = changed(message_type=0)
    given = signed(body)
    bare = Delivery(given.body, {k: v for k, v in given.headers.items() if k != "x-chatwoot-delivery"}, None, given.now)
    assert ChatwootReceiver(settings()).receive(bare) == Hint(hashlib.sha256(body).hexdigest(), "7")


@pytest.mark.parametrize("event", ["conversation_opened", "conversation_resolved", "conversation_status_changed"])
def test_a_new_status_is_a_hint(event: str) -> None:
    body = json.dumps({"event": event, "id": 7, "status": "open", "meta": {}, "account": {"id": 1}}).encode()
    assert ChatwootReceiver(settings()).receive(signed(body)) == Hint("d-1", "7")
    assert ChatwootReceiver(settings(account=2)).receive(signed(body)) is None
    assert (
        ChatwootReceiver(settings(account=2)).receive(signed(body.replace(b'"account": {"id": 1}', b'"account_id": 1'))) is None
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"event":5}',
        b"\xff",
        changed(conversation=None),
        changed(conversation={"id": "x"}),
        changed(id=None),
        b'{"event":"conversation_opened"}',
    ],
)
def test_a_genuine_body_that_is_not_chatwoots_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        ChatwootReceiver(settings()).receive(signed(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body


def test_an_old_server_that_signs_nothing_has_the_secret_in_the_path() -> None:
    receiver = ChatwootReceiver(settings(signed=False))
    assert receiver.receive(Delivery(BODY, {}, SECRET, NOW)) == Hint(hashlib.sha256(BODY).hexdigest(), "7")
    for key in (None, "", SECRET + "x"):
        with pytest.raises(SignatureInvalid):
            receiver.receive(Delivery(BODY, {}, key, NOW))
    with pytest.raises(SignatureInvalid):
        ChatwootReceiver(settings()).receive(Delivery(BODY, {}, SECRET, NOW))


def test_teams_are_named_by_id() -> None:
    with pytest.raises(ValidationError):
        settings(queues={"billing": "Billing"})


def test_links_are_shown_as_they_are_written() -> None:
    assert without_links("[a](http://x) ![b](http://y)\n[c]: http://z [1] http://w") == (
        "[a]\\(http://x) ![b]\\(http://y)\n[c]\\: http://z [1] http://w"
    )
