"""Standard Webhooks 1.0.0: sign what goes out, verify what comes in. Knows no payload and no HTTP library.

The library `standardwebhooks` makes the signature. Its own `verify` fixes the window and the clock, and
answers malformed headers with errors of other kinds, so the checks around the signature are here.

Source: the Standard Webhooks specification, version 1.0.0.
"""

import base64
import binascii
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from agent.errors import SettingsInvalid, SignatureInvalid

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

PREFIX = "whsec_"
KEY_BYTES = (24, 64)
"""Shortest and longest key that the specification allows."""
MAX_SIGNATURES = 20
"""More entries than any rotation needs; stops a header made to cost time."""

Clock = Callable[[], float]

_WEBHOOK_ID = re.compile(r"[!-\-/-~]{1,256}")
"""Visible ASCII without the full stop, which separates the parts of the signed text."""
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")


class Signer:
    """Signs outgoing webhooks with one secret.

    Raises:
        SettingsInvalid: the secret is not `whsec_` and the base64 of 24 to 64 bytes.
    """

    def __init__(self, secret: str, clock: Clock = time.time) -> None:
        self._webhook = _webhook(secret)
        self._clock = clock

    def headers(self, webhook_id: str, body: bytes) -> dict[str, str]:
        """The three headers for `body`, which must be UTF-8, stamped with the time now.

        Raises:
            ValueError: the id holds a full stop or something that is not visible ASCII.
        """
        if not _WEBHOOK_ID.fullmatch(webhook_id):
            raise ValueError(f"{webhook_id!r} can't be a webhook-id: visible ASCII without a full stop, at most 256 characters")
        timestamp = int(self._clock())
        return {
            ID_HEADER: webhook_id,
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: _sign(self._webhook, webhook_id, timestamp, body.decode()),
        }


class Verifier:
    """Verifies incoming webhooks; several secrets are accepted while one is being rotated out.

    Raises:
        SettingsInvalid: a secret is malformed, or there is none.
    """

    def __init__(self, secrets: Iterable[str], window_s: int = 300, clock: Clock = time.time) -> None:
        self._webhooks = tuple(_webhook(secret) for secret in secrets)
        if not self._webhooks:
            raise SettingsInvalid("a webhook needs at least one secret")
        self._window_s = window_s
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """The webhook-id of a genuine and fresh delivery of exactly these bytes.

        Raises:
            SignatureInvalid: with a reason for the operator that gives no secret away.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        if missing := [name for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER) if not lower.get(name)]:
            raise SignatureInvalid(f"missing header: {', '.join(missing)}; sign the request by Standard Webhooks")
        webhook_id = lower[ID_HEADER]
        if not _WEBHOOK_ID.fullmatch(webhook_id):
            raise SignatureInvalid("webhook-id must be visible ASCII without a full stop, at most 256 characters")
        timestamp = self._fresh(lower[TIMESTAMP_HEADER])
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise SignatureInvalid("the body is not UTF-8") from error
        self._match(lower[SIGNATURE_HEADER], webhook_id, timestamp, text)
        return webhook_id

    def _fresh(self, header: str) -> int:
        if not _TIMESTAMP.fullmatch(header):
            raise SignatureInvalid("webhook-timestamp must be whole seconds since 1970")
        age = self._clock() - int(header)
        if abs(age) > self._window_s:
            place = "old" if age > 0 else "in the future"
            raise SignatureInvalid(
                f"webhook-timestamp is {abs(age):.0f} s {place}, allowed are {self._window_s} s: "
                "compare the clocks of both machines; an old delivery must be signed again when it is repeated"
            )
        return int(header)

    def _match(self, header: str, webhook_id: str, timestamp: int, text: str) -> None:
        given = _v1_signatures(header)
        if not given:
            raise SignatureInvalid("webhook-signature holds no well-formed v1 entry (v1,<base64>)")
        found = False
        for webhook in self._webhooks:
            expected = base64.b64decode(_sign(webhook, webhook_id, timestamp, text).removeprefix("v1,"))
            for signature in given:
                # Every pair is compared: the time taken must not tell which secret matched.
                found |= hmac.compare_digest(expected, signature)
        if not found:
            raise SignatureInvalid(
                "no v1 signature matches: check that both sides hold the same whsec_ secret "
                "and that nothing on the way changes the body"
            )


def _webhook(secret: str) -> Webhook:
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingsInvalid("a webhook secret is not whsec_ and base64; make one with `innkeeper secret`") from error
    shortest, longest = KEY_BYTES
    if not secret.startswith(PREFIX) or not shortest <= len(key) <= longest:
        raise SettingsInvalid(
            f"a webhook secret must be {PREFIX} and the base64 of {shortest} to {longest} bytes; make one with `innkeeper secret`"
        )
    return Webhook(key)


def _sign(webhook: Webhook, webhook_id: str, timestamp: int, text: str) -> str:
    return webhook.sign(webhook_id, datetime.fromtimestamp(timestamp, tz=UTC), text)


def _v1_signatures(header: str) -> list[bytes]:
    """The v1 entries; other versions and malformed entries are skipped, as the specification asks."""
    signatures = []
    for entry in header.split(" ")[:MAX_SIGNATURES]:
        version, _, encoded = entry.partition(",")
        if version != "v1":
            continue
        try:
            signatures.append(base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError):
            continue
    return signatures
