"""Keyed hashes over raw bytes, compared in constant time. Pure.

Source: RFC 2104 (HMAC); which bytes each system signs stands in its own file.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from pydantic import SecretStr

from agent.channels.helpdesks.types import Delivery
from agent.errors import SignatureInvalid


def digests(secrets: Iterable[SecretStr], message: bytes, algorithm: str) -> list[bytes]:
    """The HMAC of `message` by each secret."""
    return [hmac.digest(s.get_secret_value().encode(), message, algorithm) for s in secrets]


def from_hex(text: str, prefix: str = "") -> bytes:
    """The bytes of a hexadecimal signature, `b""` if it is none: that matches nothing."""
    if not text.startswith(prefix):
        return b""
    try:
        return bytes.fromhex(text.removeprefix(prefix))
    except ValueError:
        return b""


def from_base64(text: str) -> bytes:
    """The bytes of a base64 signature, `b""` if it is none: that matches nothing."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def header(delivery: Delivery, name: str) -> str:
    """A header that must be there.

    Raises:
        SignatureInvalid: it is missing or empty.
    """
    value = delivery.headers.get(name.lower(), "")
    if not value:
        raise SignatureInvalid(f"missing header {name}: give the webhook its secret in the helpdesk")
    return value


def require(expected: Sequence[bytes], given: bytes) -> None:
    """Raise `SignatureInvalid` if `given` is none of `expected`. Every one is compared: time must not tell which matched."""
    found = False
    for one in expected:
        found |= hmac.compare_digest(one, given)
    if not found:
        raise SignatureInvalid(
            "no signature matches: check that the helpdesk and INNKEEPER_HELPDESKS hold the same secret, "
            "and that nothing on the way changes the body"
        )


def require_secret(secrets: Iterable[SecretStr], given: str | None) -> None:
    """Raise `SignatureInvalid` unless `given` is one of the secrets; for systems that sign nothing."""
    # Hashes of one length, so that the comparison tells nothing of the secret's.
    require(
        [hashlib.sha256(s.get_secret_value().encode()).digest() for s in secrets], hashlib.sha256((given or "").encode()).digest()
    )


def require_fresh(timestamp: float, now: float, window_s: float) -> None:
    """Raise `SignatureInvalid` for a timestamp (seconds since 1970) farther than `window_s` from now."""
    age = now - timestamp
    if not abs(age) <= window_s:  # a timestamp that is no number is not fresh either
        place = "old" if age > 0 else "in the future"
        raise SignatureInvalid(
            f"the webhook's timestamp is {abs(age):.0f} s {place}, allowed are {window_s:.0f} s: "
            "compare the clocks of both machines"
        )
