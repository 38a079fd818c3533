import base64
import os

import pytest

from agent.channels.standard_webhooks import Signer, Verifier
from agent.errors import SettingsInvalid, SignatureInvalid

# The vector that the specification's own libraries publish.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NOW = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + base64.b64encode(b"y" * 24).decode()


def verifier(*secrets: str, now: float = NOW, window_s: int = 300) -> Verifier:
    return Verifier(secrets or (SECRET,), window_s, lambda: now)


def test_published_vector_is_signed():
    assert Signer(SECRET, lambda: NOW + 0.9).headers(HEADERS["webhook-id"], BODY) == HEADERS


def test_published_vector_is_verified():
    assert verifier().verify(HEADERS, BODY) == HEADERS["webhook-id"]


def test_header_names_have_any_case():
    assert verifier().verify({name.title(): value for name, value in HEADERS.items()}, BODY)


@pytest.mark.parametrize(("now", "is_fresh"), [(NOW + 300, True), (NOW - 300, True), (NOW + 301, False), (NOW - 301, False)])
def test_window_holds_both_ways(now, is_fresh):
    if is_fresh:
        verifier(now=now).verify(HEADERS, BODY)
    else:
        with pytest.raises(SignatureInvalid, match=r"301 s .*allowed are 300 s"):
            verifier(now=now).verify(HEADERS, BODY)


def test_window_comes_from_the_settings():
    with pytest.raises(SignatureInvalid):
        verifier(now=NOW + 20, window_s=10).verify(HEADERS, BODY)


@pytest.mark.parametrize("secrets", [(SECRET, OTHER), (OTHER, SECRET)])
def test_any_secret_is_good_while_one_is_rotated_out(secrets):
    assert verifier(*secrets).verify(HEADERS, BODY)


def test_any_signature_is_good_while_the_sender_rotates():
    old = Signer(OTHER, lambda: NOW).headers(HEADERS["webhook-id"], BODY)["webhook-signature"]
    assert verifier().verify(HEADERS | {"webhook-signature": f"{old} {HEADERS['webhook-signature']}"}, BODY)


def test_unknown_versions_and_broken_entries_are_skipped():
    junk = "v1a,AAAA v2,xyz nonsense v1,not/base64! v1,"
    assert verifier().verify(HEADERS | {"webhook-signature": f"{junk} {HEADERS['webhook-signature']}"}, BODY)


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, BODY + b" "),
        ({}, b"\xff\xfe"),
        ({"webhook-id": "msg_other"}, BODY),
        ({"webhook-id": "msg.with.stops"}, BODY),
        ({"webhook-id": "a" * 257}, BODY),
        ({"webhook-id": ""}, BODY),
        ({"webhook-timestamp": "1614265331"}, BODY),
        ({"webhook-timestamp": "1614265330.0"}, BODY),
        ({"webhook-timestamp": "01614265330"}, BODY),
        ({"webhook-timestamp": "nan"}, BODY),
        ({"webhook-timestamp": "٣"}, BODY),
        ({"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, BODY),
        ({"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, BODY),
        ({"webhook-signature": "v1,"}, BODY),
        ({"webhook-signature": ",,,"}, BODY),
    ],
)
def test_anything_else_is_refused(changes, body):
    with pytest.raises(SignatureInvalid) as refused:
        verifier().verify(HEADERS | changes, body)
    assert SECRET.removeprefix("whsec_") not in str(refused.value)


def test_headers_that_are_missing_are_named():
    with pytest.raises(SignatureInvalid, match="webhook-id, webhook-timestamp, webhook-signature"):
        verifier().verify({}, BODY)


def test_random_bytes_in_headers_never_raise_anything_else():
    for _ in range(200):
        noise = {name: os.urandom(12).decode("latin-1") for name in HEADERS}
        with pytest.raises(SignatureInvalid):
            verifier().verify(HEADERS | noise, BODY)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "whsec_***", SECRET.removeprefix("whsec_"), "whsec_" + "A" * 200])
def test_a_secret_that_cant_be_used_stops_the_start_unnamed(secret):
    with pytest.raises(SettingsInvalid) as refused:
        Verifier([secret])
    assert not secret.removeprefix("whsec_") or secret not in str(refused.value)


def test_an_id_with_a_full_stop_is_not_signed():
    with pytest.raises(ValueError, match="full stop"):
        Signer(SECRET).headers("a.b", BODY)
