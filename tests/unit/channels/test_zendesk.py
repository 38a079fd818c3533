"""The golden vector of Zendesk's signature, and what its webhooks mean."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from agent.channels.helpdesks.types import Delivery, Hint
from agent.channels.helpdesks.zendesk import setup
from agent.channels.helpdesks.zendesk_webhooks import ZendeskReceiver
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import ZendeskSettings

SECRET = "zd_secret"
AT = "2026-01-01T00:00:00Z"
NOW = datetime.fromisoformat(AT).timestamp()
BODY = (
    b'{"type":"zen:event-type:ticket.comment_added","id":"01HX","subject":"zen:ticket:35436","detail":{"id":"35436"},'
    b'"event":{"comment":{"id":777,"body":"Where is my order?","is_public":true,'
    b'"author":{"id":9,"is_staff":false,"name":"Emily"}}}}'
)
SIGNATURE = "FxNUwfoFN3SYRVE9YwNTcevqxMuhcIUnG1tjuI0M+JQ="


def settings(**more: object) -> ZendeskSettings:
    base = {"system": "zendesk", "url": "http://zendesk", "token": "t" * 9, "email": "ai@example.com", "secrets": (SECRET,)}
    return ZendeskSettings(**base | more)


def delivery(body: bytes = BODY, signature: str = SIGNATURE, at: str = AT, now: float = NOW + 5) -> Delivery:
    headers = {
        "x-zendesk-webhook-signature": signature,
        "x-zendesk-webhook-signature-timestamp": at,
        "x-zendesk-webhook-invocation-id": "call-1",
    }
    return Delivery(body, headers, None, now)


def signed(body: bytes, at: str = AT) -> Delivery:
    digest = hmac.digest(SECRET.encode(), at.encode() + body, hashlib.sha256)
    return delivery(body, base64.b64encode(digest).decode(), at)


def event(**more: Any) -> bytes:
    return json.dumps(json.loads(BODY) | more).encode()


def comment(**more: Any) -> dict[str, Any]:
    return {"comment": json.loads(BODY)["event"]["comment"] | more}


def test_golden_vector() -> None:
    assert ZendeskReceiver(settings()).receive(delivery()) == Hint("01HX", "35436")
    assert ZendeskReceiver(settings(secrets=("another-secret", SECRET))).receive(delivery()) == Hint("01HX", "35436")


@pytest.mark.parametrize("signature", ["", "=", "A" + SIGNATURE[1:], SIGNATURE[:-4], "sha256=" + SIGNATURE, "é"])
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        ZendeskReceiver(settings()).receive(delivery(signature=signature))


def test_a_changed_body_timestamp_or_secret_is_refused() -> None:
    for one in (delivery(BODY.replace(b"35436", b"35437")), delivery(at="2026-01-01T00:00:01Z"), delivery(at="")):
        with pytest.raises(SignatureInvalid):
            ZendeskReceiver(settings()).receive(one)
    with pytest.raises(SignatureInvalid):
        ZendeskReceiver(settings(secrets=("another-secret",))).receive(delivery())


@pytest.mark.parametrize("now", [NOW + 301, NOW - 301])
def test_a_stale_delivery_is_refused(now: float) -> None:
    with pytest.raises(SignatureInvalid, match="301 s"):
        ZendeskReceiver(settings()).receive(delivery(now=now))
    assert ZendeskReceiver(settings(window_s=400)).receive(delivery(now=now))


@pytest.mark.parametrize("at", ["soon", "1767225600", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "é"])
def test_a_timestamp_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(SignatureInvalid):
        ZendeskReceiver(settings()).receive(signed(BODY, at))


@pytest.mark.parametrize(
    "body",
    [
        event(event=comment(author={"id": 3, "is_staff": True})),
        event(event=comment(is_public=False)),
        event(type="zen:event-type:ticket.status_changed", event={"current": "OPEN", "previous": "NEW"}),
        event(type="zen:event-type:user.created", detail={"id": "5"}),
        event(type="zen:event-type:ticket.created", event={}, detail={"id": "35436", "is_public": False}),
    ],
)
def test_what_is_no_customers_public_comment_is_passed_over(body: bytes) -> None:
    assert ZendeskReceiver(settings()).receive(signed(body)) is None


def test_a_new_ticket_and_a_comment_of_an_unknown_author_are_hints() -> None:
    created = event(type="zen:event-type:ticket.created", event={}, detail={"id": "35436", "is_public": True})
    assert ZendeskReceiver(settings()).receive(signed(created)) == Hint("01HX", "35436")
    for author in ({}, None):
        assert ZendeskReceiver(settings()).receive(signed(event(event=comment(author=author)))) == Hint("01HX", "35436")


def test_the_triggers_body_is_printed_for_copying() -> None:
    body = '{"ticket_id": "{{ticket.id}}"}'
    assert any(body in step for step in setup(settings()).steps)
    assert ZendeskReceiver(settings()).receive(signed(body.replace("{{ticket.id}}", "81").encode())) == Hint("call-1", "81")


@pytest.mark.parametrize("body", [b'{"ticket_id":"81"}', b'{"ticket_id": 81, "note": {"mine": 1}}'])
def test_a_triggers_own_body_is_a_hint_by_its_invocation(body: bytes) -> None:
    given = signed(body)
    assert ZendeskReceiver(settings()).receive(given) == Hint("call-1", "81")
    bare = {name: value for name, value in given.headers.items() if name != "x-zendesk-webhook-invocation-id"}
    told = ZendeskReceiver(settings()).receive(Delivery(body, bare, None, given.now))
    later = ZendeskReceiver(settings()).receive(
        Delivery(body, {**signed(body, "2026-01-01T00:00:02Z").headers, "x-zendesk-webhook-invocation-id": ""}, None, given.now)
    )
    assert told is not None
    assert later is not None
    assert told.delivery != later.delivery


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"ticket_id":"{{ticket.id}}"}',
        b'{"ticket_id":null}',
        event(detail=None),
        event(detail={}),
        event(detail={"id": "x"}),
        event(type=5),
    ],
)
def test_a_genuine_body_that_is_not_zendesks_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        ZendeskReceiver(settings()).receive(signed(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body


def test_groups_are_named_by_id_and_the_login_is_an_address() -> None:
    with pytest.raises(ValidationError):
        settings(queues={"billing": "Billing"})
    with pytest.raises(ValidationError):
        settings(email="ai@example.com:secret")
