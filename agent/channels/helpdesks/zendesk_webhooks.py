"""Zendesk's webhooks, by an event subscription or by a trigger: which ticket is one about. Pure.

Source: Zendesk's developer documentation (webhooks, verifying, ticket events), 2026. Not tried against a server: that the
invocation id stays the same over retries.
"""

import base64
import hashlib
from datetime import datetime

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.reading import utc
from agent.channels.helpdesks.types import Delivery, Hint, Sample
from agent.errors import PayloadInvalid, SignatureInvalid
from agent.helpdesk_settings import ZendeskSettings

_COMMENTED, _CREATED = "zen:event-type:ticket.comment_added", "zen:event-type:ticket.created"


class _Author(Lenient):
    is_staff: bool | None = None


class _Comment(Lenient):
    is_public: bool = True
    author: _Author | None = None


class _Event(Lenient):
    comment: _Comment | None = None


class _Ticket(Lenient):
    id: int
    is_public: bool | None = None


class _Body(Lenient):
    """An event has `type`, `id` and `detail`; what a trigger sends is ours to write: `ticket_id`."""

    type: str | None = None
    id: str | None = None
    detail: _Ticket | None = None
    event: _Event | None = None
    ticket_id: int | None = None


class ZendeskReceiver:
    """Verifies an event or a trigger's webhook and says which ticket it is about."""

    def __init__(self, settings: ZendeskSettings) -> None:
        self._settings = settings

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for what isn't a customer's public comment. Raises as `Receiver`."""
        self._verify(delivery)
        body = payload(_Body, delivery)
        if body.type is None:
            if body.ticket_id is None:
                raise PayloadInvalid('neither an event nor {"ticket_id": …}: copy the trigger\'s body from `innkeeper connect`')
            return Hint(_delivery_id(delivery), str(body.ticket_id))
        if body.type not in (_COMMENTED, _CREATED) or _is_internal(body):
            return None
        if body.detail is None:
            raise PayloadInvalid("detail.id: an event of a ticket has it")
        return Hint(body.id or _delivery_id(delivery), str(body.detail.id))

    def _verify(self, delivery: Delivery) -> None:
        given = signatures.from_base64(signatures.header(delivery, "X-Zendesk-Webhook-Signature"))
        timestamp = signatures.header(delivery, "X-Zendesk-Webhook-Signature-Timestamp")
        signatures.require(signatures.digests(self._settings.secrets, timestamp.encode() + delivery.body, "sha256"), given)
        try:
            at = datetime.fromisoformat(utc(timestamp)).timestamp()
        except (ValueError, OverflowError) as error:
            raise SignatureInvalid("X-Zendesk-Webhook-Signature-Timestamp is not a time") from error
        signatures.require_fresh(at, delivery.now, self._settings.window_s)


def _is_internal(body: _Body) -> bool:
    """True for what a member of staff has written, and for notes."""
    comment = body.event.comment if body.event else None
    if comment is None:
        return body.detail is not None and body.detail.is_public is False
    return not comment.is_public or bool(comment.author and comment.author.is_staff)


def _delivery_id(delivery: Delivery) -> str:
    """For a body that has no id of its own."""
    signed = delivery.headers["x-zendesk-webhook-signature-timestamp"].encode() + delivery.body
    return delivery.headers.get("x-zendesk-webhook-invocation-id") or hashlib.sha256(signed).hexdigest()


def sample(settings: ZendeskSettings, now: float) -> Sample:
    """A change of tags, which is nothing that we answer."""
    body = b'{"type":"zen:event-type:ticket.tags_changed","id":"innkeeper-connect","detail":{"id":"0"},"event":{}}'
    timestamp = utc(now)
    [signature, *_] = signatures.digests(settings.secrets, timestamp.encode() + body, "sha256")
    headers = {
        "X-Zendesk-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
    }
    return Sample(headers, body)
