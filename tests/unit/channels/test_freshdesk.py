"""What Freshdesk's rules may send, and what its tickets mean."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent.channels.helpdesks.freshdesk import FreshdeskReceiver, _description, _message, sample
from agent.channels.helpdesks.types import Delivery, Hint, Wrote
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import FreshdeskSettings

SECRET = "a-secret-of-32-characters-or-more"
ME = 7
BODY = b'{"ticket_id":"12","event":"reply","updated_at":"2026-01-05T09:00:00Z"}'
SIMPLE = (
    b'{"freshdesk_webhook":{"ticket_id":12,"ticket_subject":"Late parcel","ticket_description":"<div>Where is it?</div>",'
    b'"ticket_contact_email":"emily@example.com","triggered_event":"{ticket_action:created}"}}'
)


def settings(**more: Any) -> FreshdeskSettings:
    return FreshdeskSettings(system="freshdesk", url="http://desk", token="t" * 9, **{"secrets": (SECRET,), **more})


def receiver(**more: Any) -> FreshdeskReceiver:
    return FreshdeskReceiver(settings(**more))


def delivery(body: bytes = BODY, now: float = 1000.0, **headers: str) -> Delivery:
    return Delivery(body, headers or {"x-innkeeper-secret": SECRET}, None, now)


def hint(body: bytes, now: float = 1000.0) -> Hint:
    found = receiver().receive(delivery(body, now))
    assert found is not None
    return found


@pytest.mark.parametrize("body", [BODY, SIMPLE, b'{"ticket_id":12}', b'{"ticket_id":"#12"}', b'{"id":12,"event":null}'])
def test_both_forms_of_a_rules_body_name_the_ticket(body: bytes) -> None:
    assert hint(body).ticket_id == "12"


def test_the_secret_may_have_another_header_and_be_one_of_several() -> None:
    other = receiver(header="X-Desk", secrets=("another-secret", SECRET))
    assert other.receive(delivery(**{"x-desk": SECRET})) is not None
    with pytest.raises(SignatureInvalid):
        other.receive(delivery())


@pytest.mark.parametrize("secret", ["", "x", SECRET[:-1], SECRET + "x", SECRET.upper()])
def test_any_other_secret_is_refused(secret: str) -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(**{"x-innkeeper-secret": secret}))


def test_the_same_change_is_one_delivery_and_another_change_another() -> None:
    assert hint(BODY, 1000.0) == hint(BODY, 1300.0)
    assert hint(BODY) != hint(BODY.replace(b"09:00", b"09:01"))
    assert hint(BODY) != hint(BODY.replace(b"reply", b"created"))


def test_without_a_time_of_change_no_delivery_is_taken_for_a_repeat() -> None:
    assert hint(SIMPLE, 1000.0).delivery != hint(SIMPLE, 1000.5).delivery


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'"x"', b'{"ticket_id":"x"}', b'{"ticket_id":-1}', b'{"freshdesk_webhook":{}}', b"\xff"]
)
def test_a_genuine_body_that_names_no_ticket_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        receiver().receive(delivery(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body


def test_the_sample_is_genuine_and_leads_to_nothing() -> None:
    told = sample(settings(), 1000.0)
    headers = {name.lower(): value for name, value in told.headers.items()}
    assert receiver().receive(Delivery(told.body, headers, None, 1000.0)) is None


def test_a_tag_is_not_longer_than_freshdesks() -> None:
    with pytest.raises(ValidationError):
        settings(stop_tag="a" * 33)


@pytest.mark.parametrize("more", [{"queues": {"billing": "Billing"}}, {"default_queue": "Users"}])
def test_groups_are_named_by_id(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**more)


def conversation(**more: Any) -> dict[str, Any]:
    one = {"id": 5, "body": "<div>Hello</div>", "incoming": False, "private": False, "user_id": 3}
    return one | {"created_at": "2026-01-05T09:00:00Z", **more}


@pytest.mark.parametrize(
    ("more", "wrote", "public"),
    [
        ({"incoming": True, "user_id": 8}, Wrote.CUSTOMER, True),
        ({}, Wrote.STAFF, True),
        ({"private": True}, Wrote.STAFF, False),
        ({"user_id": ME}, Wrote.US, True),
        ({"user_id": ME, "private": True}, Wrote.US, False),
        ({"user_id": None}, Wrote.MACHINE, True),
    ],
)
def test_who_has_written_a_conversation(more: dict[str, Any], wrote: Wrote, public: bool) -> None:
    message = _message(conversation(**more), ME)
    assert (message.wrote, message.public, message.text) == (wrote, public, "Hello")


@pytest.mark.parametrize(
    ("more", "is_automatic"),
    [({"incoming": True, "user_id": 8}, True), ({"incoming": True, "user_id": 8, "from_email": None}, False), ({}, False)],
)
def test_a_machine_is_told_by_its_address(more: dict[str, Any], is_automatic: bool) -> None:
    message = _message(conversation(**{"from_email": "Mail <mailer-daemon@example.com>", **more}), ME)
    assert message.automatic is is_automatic


def test_what_a_customers_mail_quotes_is_left_out_and_a_reference_of_ours_stays() -> None:
    quoted = '<div>Thanks</div><blockquote type="cite">Ref. IK-0123456789AB</blockquote>'
    assert _message(conversation(incoming=True, user_id=8, body=quoted), ME).text == "Thanks"
    ours = conversation(user_id=ME, body="<p>Hi</p><p><small>Ref. IK-0123456789AB</small></p>")
    assert _message(ours, ME).text.endswith("Ref. IK-0123456789AB")


@pytest.mark.parametrize(
    ("more", "wrote", "automatic"),
    [
        ({}, Wrote.CUSTOMER, False),
        ({"source": 10}, Wrote.STAFF, False),
        ({"requester_id": ME}, Wrote.US, False),
        ({"subject": "Automatic reply: away"}, Wrote.CUSTOMER, True),
        ({"requester": {"email": "no-reply@shop.example"}}, Wrote.CUSTOMER, True),
    ],
)
def test_who_has_written_the_ticket_itself(more: dict[str, Any], wrote: Wrote, automatic: bool) -> None:
    ticket = {"id": 12, "subject": "Late", "description": "<p>Where?</p>", "source": 1, "requester_id": 8}
    message = _description(ticket | {"created_at": "2026-01-05T09:00:00Z"} | more, ME)
    assert (message.message_id, message.wrote, message.automatic) == ("t12", wrote, automatic)
