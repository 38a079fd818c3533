"""The golden vector of GLPI's signature, its challenge, and what its webhooks mean."""

import hashlib
import hmac

import pytest

from agent.channels.helpdesks.glpi import GlpiReceiver, setup
from agent.channels.helpdesks.types import Challenged, Delivery, Hint
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import GlpiSettings

SECRET = "glpi_secret"
NOW = 1767225600
BODY = b'{"event":"new","item":{"id":12,"content":"<p>Hi</p>"}}'
SIGNATURE = "5925aaf41e25056f4d1c92ac6be9f53c47316a917337ec25ac4f12b639629539"
FOLLOWUP = b'{"event":"new","item":{"id":33,"itemtype":"Ticket","items_id":12,"is_private":false},"parent_item":{"id":12}}'


def settings(*secrets: str, **more: object) -> GlpiSettings:
    given = {"system": "glpi", "url": "http://glpi", "token": "t" * 9, "default_queue": "1", "secrets": secrets or (SECRET,)}
    return GlpiSettings(**(given | more))


def delivery(body: bytes = BODY, signature: str = SIGNATURE, stamp: str = str(NOW), now: float = NOW) -> Delivery:
    return Delivery(body, {"x-glpi-signature": signature, "x-glpi-timestamp": stamp}, None, now)


def signed(body: bytes, stamp: str = str(NOW)) -> Delivery:
    return delivery(body, hmac.new(SECRET.encode(), body + stamp.encode(), hashlib.sha256).hexdigest(), stamp)


def test_golden_vector() -> None:
    hint = Hint(f"ticket-12-{NOW}", "12")
    assert GlpiReceiver(settings()).receive(delivery()) == hint
    assert GlpiReceiver(settings("another-secret", SECRET)).receive(delivery()) == hint


def test_a_followup_is_about_its_ticket() -> None:
    assert GlpiReceiver(settings()).receive(signed(FOLLOWUP)) == Hint(f"followup-33-{NOW}", "12")


@pytest.mark.parametrize("signature", ["", SIGNATURE[:-1] + "0", f"sha256={SIGNATURE}", "zz", "ab" * 20])
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        GlpiReceiver(settings()).receive(delivery(signature=signature))


def test_a_changed_body_timestamp_or_secret_is_refused() -> None:
    for changed in (delivery(BODY.replace(b"12", b"13")), delivery(stamp=str(NOW + 1)), delivery(stamp="")):
        with pytest.raises(SignatureInvalid):
            GlpiReceiver(settings()).receive(changed)
    with pytest.raises(SignatureInvalid):
        GlpiReceiver(settings("another-secret")).receive(delivery())


def test_a_retry_after_hours_is_taken_and_one_after_two_days_is_not() -> None:
    receiver = GlpiReceiver(settings())
    assert receiver.receive(delivery(now=NOW + 20 * 3600)) is not None
    for now in (NOW + 48 * 3600, NOW - 48 * 3600):
        with pytest.raises(SignatureInvalid, match="clocks"):
            receiver.receive(delivery(now=now))
    with pytest.raises(SignatureInvalid):
        GlpiReceiver(settings(window_s=300)).receive(delivery(now=NOW + 301))


@pytest.mark.parametrize("stamp", ["soon", "-5", "1e9", "١٢", "9" * 40])
def test_a_signed_timestamp_that_is_no_time_is_refused(stamp: str) -> None:
    with pytest.raises(SignatureInvalid):
        GlpiReceiver(settings()).receive(signed(BODY, stamp))


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"new", b"update"),
        BODY.replace(b"new", b"delete"),
        FOLLOWUP.replace(b"false", b"true"),
        FOLLOWUP.replace(b'"Ticket"', b'"Problem"'),
        FOLLOWUP.replace(b'"items_id":12,', b""),
    ],
)
def test_what_is_no_new_public_message_of_a_ticket_is_passed_over(body: bytes) -> None:
    assert GlpiReceiver(settings()).receive(signed(body)) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"event":"new"}', b'{"event":"new","item":{"id":"x"}}', b"\xff"])
def test_a_genuine_body_that_is_not_glpis_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        GlpiReceiver(settings()).receive(signed(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body


def test_the_challenge_is_answered_with_the_tokens_hash() -> None:
    receiver = GlpiReceiver(settings())
    assert isinstance(receiver, Challenged)
    token = hmac.new(SECRET.encode(), b"validate_cra_challenge", hashlib.sha256).hexdigest()
    assert receiver.challenge(token) == hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


def test_the_sample_is_genuine_and_leads_to_nothing() -> None:
    sample = setup(settings()).sample
    assert sample is not None
    assert GlpiReceiver(settings()).receive(signed(sample)) is None


@pytest.mark.parametrize("wrong", [{"default_queue": None}, {"timezone": "Mars/Olympus"}, {"api_path": "apirest.php"}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings(**wrong)
