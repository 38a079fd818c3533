"""The golden vector of Zammad's signature, and what its webhooks mean."""

import hashlib
import hmac

import pytest

from agent.channels.helpdesks.types import Delivery, Hint
from agent.channels.helpdesks.zammad import ZammadReceiver
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import ZammadSettings

SECRET = "s3cr3t-t0k3n"
BODY = (
    b'{"ticket":{"id":81,"number":"10081","state":"open"},"article":{"id":104,"ticket_id":81,"sender":"Customer",'
    b'"internal":false,"type":"email","body":"Where is my order?","content_type":"text/plain"}}'
)
SIGNATURE = "sha1=e038a1dd97c088e2ad1bcf4e15d3dee3fcc3f7c2"


def receiver(*secrets: str) -> ZammadReceiver:
    return ZammadReceiver(ZammadSettings(system="zammad", url="http://zammad", token="t" * 9, secrets=secrets or (SECRET,)))


def delivery(body: bytes = BODY, signature: str = SIGNATURE) -> Delivery:
    return Delivery(body, {"x-hub-signature": signature, "x-zammad-delivery": "job-9"}, None, 0.0)


def signed(body: bytes) -> Delivery:
    return delivery(body, "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest())


def test_golden_vector() -> None:
    assert receiver().receive(delivery()) == Hint("job-9", "81")
    assert receiver("another-secret", SECRET).receive(delivery()) == Hint("job-9", "81")


@pytest.mark.parametrize(
    "signature", ["", "sha1=", SIGNATURE[:-1] + "0", SIGNATURE.removeprefix("sha1="), "sha1=zz", "sha256=" + "ab" * 32]
)
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(signature=signature))


def test_a_changed_body_or_secret_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(BODY.replace(b"81", b"82")))
    with pytest.raises(SignatureInvalid):
        receiver("another-secret").receive(delivery())


@pytest.mark.parametrize("change", [(b'"Customer"', b'"Agent"'), (b'"Customer"', b'"System"'), (b"false", b"true")])
def test_what_is_no_customers_public_message_is_passed_over(change: tuple[bytes, bytes]) -> None:
    assert receiver().receive(signed(BODY.replace(*change))) is None


def test_a_trigger_without_an_article_is_a_hint() -> None:
    assert receiver().receive(signed(b'{"ticket":{"id":5},"article":null}')) == Hint("job-9", "5")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"ticket":{}}', b'{"ticket":{"id":"x"}}', b"\xff"])
def test_a_genuine_body_that_is_not_zammads_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        receiver().receive(signed(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body
