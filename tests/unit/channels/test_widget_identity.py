"""Who a customer is, by token and by hash: what proves nothing is refused."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from agent.channels.widget.identity import Claim, IdentityCheck
from agent.errors import IdentityInvalid, SettingsInvalid
from agent.site_settings import SiteSettings

SECRET = "a secret of the site, of more than thirty-two bytes"
KEY = ed25519.Ed25519PrivateKey.generate()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def check(**keys: str) -> IdentityCheck:
    return IdentityCheck("shop", SiteSettings.model_validate({"name": "Shop", "origins": ["https://shop.example"], **keys}))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"sub": "user-42", "iat": now, "exp": now + 300, "aud": "shop", "jti": "j-1"} | changes
    return {name: value for name, value in whole.items() if value is not None}


def token(algorithm: str = "HS256", key: Any = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm)


def test_the_hash_is_that_of_other_widgets() -> None:
    by_hash = check(identity_secret="widget_hmac_token")
    golden = "a2fbd0fca4f5723d538b69612af2cc69ddfd4a9a25594f748a52e7283b6f25f5"
    identity = by_hash.verify(Claim(identifier="user-42", identifier_hash=golden))
    assert identity is not None
    assert (identity.customer, identity.once) == ("user-42", None)
    assert by_hash.verify(Claim(identifier="user-42", identifier_hash=golden.upper())) == identity


@pytest.mark.parametrize(
    ("identifier", "identifier_hash"),
    [
        ("user-43", "a2fbd0fca4f5723d538b69612af2cc69ddfd4a9a25594f748a52e7283b6f25f5"),
        ("user-42", ""),
        ("user-42", None),
        (None, "a2fbd0fca4f5723d538b69612af2cc69ddfd4a9a25594f748a52e7283b6f25f5"),
        ("user-42", "ä" * 64),
    ],
)
def test_a_hash_that_proves_nothing_is_refused(identifier: str | None, identifier_hash: str | None) -> None:
    with pytest.raises(IdentityInvalid):
        check(identity_secret="widget_hmac_token").verify(Claim(identifier=identifier, identifier_hash=identifier_hash))


def test_nobody_claimed_is_nobody() -> None:
    assert check(jwt_secret=SECRET).verify(Claim()) is None


def test_a_token_by_either_key_is_the_customer_and_counts_once() -> None:
    both = check(jwt_secret=SECRET, jwt_public_key=PEM)
    first = both.verify(Claim(token=token()))
    second = both.verify(Claim(token=token("EdDSA", KEY)))
    assert first is not None
    assert first == second
    assert first.customer == "user-42"
    assert first.once is not None
    assert first.once_s >= 600
    other = both.verify(Claim(token=token(jti="j-2")))
    assert other is not None
    assert other.once != first.once


def test_a_token_counts_even_where_a_right_hash_stands_beside_it() -> None:
    with pytest.raises(IdentityInvalid):
        check(jwt_secret=SECRET, identity_secret="widget_hmac_token").verify(
            Claim("nonsense", "user-42", "a2fbd0fca4f5723d538b69612af2cc69ddfd4a9a25594f748a52e7283b6f25f5")
        )


class At(int):
    """Seconds from the moment that the test runs, which may be long after it was collected."""


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": At(-60), "iat": At(-300)},
        {"iat": At(120), "exp": At(300)},
        {"exp": At(3600)},
        {"iat": At(0), "exp": At(-5)},
        {"aud": "other"},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"sub": "x" * 201},
        {"jti": None},
        {"jti": ""},
        {"iat": None},
        {"exp": None},
        {"nbf": At(200)},
    ],
)
def test_a_token_that_breaks_a_rule_is_refused(changes: dict[str, Any]) -> None:
    now = int(time.time())
    there = {name: now + value if isinstance(value, At) else value for name, value in changes.items()}
    with pytest.raises(IdentityInvalid):
        check(jwt_secret=SECRET).verify(Claim(token=token(**there)))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unsigned(algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}."


@pytest.mark.parametrize("given", ["", "x", "a.b.c", "é.é.é", unsigned("none"), unsigned("None"), unsigned("HS256"), "a" * 5000])
def test_what_is_not_signed_is_refused(given: str) -> None:
    with pytest.raises(IdentityInvalid):
        check(jwt_secret=SECRET, jwt_public_key=PEM).verify(Claim(token=given))


def test_other_algorithms_and_other_keys_are_refused() -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    given = [
        token("HS384", SECRET),
        token("HS256", "another secret, of more than thirty-two bytes"),
        token("RS256", pem),
        token("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ]
    for one in given:
        with pytest.raises(IdentityInvalid):
            check(jwt_secret=SECRET, jwt_public_key=PEM).verify(Claim(token=one))


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    header, body = part({"alg": "HS256", "typ": "JWT"}), part(claims())
    import hashlib
    import hmac

    mac = hmac.new(PEM.encode(), f"{header}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{header}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    for site in (check(jwt_public_key=PEM), check(jwt_public_key=PEM, jwt_secret=SECRET)):
        with pytest.raises(IdentityInvalid):
            site.verify(Claim(token=forged))


def test_a_site_without_keys_knows_nobody() -> None:
    for claim in (Claim(token=token()), Claim(identifier="user-42", identifier_hash="00")):
        with pytest.raises(IdentityInvalid):
            check().verify(claim)


def test_a_key_that_is_none_stops_the_start() -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    for pem in ("no key", stranger.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()):
        with pytest.raises(SettingsInvalid, match=r"INNKEEPER_SITES\.shop\.jwt_public_key"):
            check(jwt_public_key=pem)
