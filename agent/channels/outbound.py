"""Outcomes to the helpdesk, as signed Standard Webhooks events. Knows nothing of queues: one entry, one attempt."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Mapping

import httpx

from agent.channels.standard_webhooks import Clock, Signer
from agent.errors import HelpdeskRefused, HelpdeskUnavailable
from agent.helpdesk_settings import HelpdeskSettings
from agent.surface import citation_bodies
from agent.types import Decision, OutboxEntry

TIMEOUT_S = 10.0
EVENT_TYPES: Mapping[Decision, str] = {
    Decision.ANSWER: "agent.reply.sent",
    Decision.CLARIFY: "agent.reply.sent",
    Decision.REFUSE: "agent.reply.sent",
    Decision.HANDOFF: "agent.handoff.requested",
    Decision.DRAFT: "agent.reply.proposed",
}
RETRIED_4XX = frozenset({408, 409, 425, 429})
"""Client errors that time can heal; every other one means that the helpdesk won't ever take this."""

_PLAIN_ID = re.compile(r"[A-Za-z0-9_:-]{1,128}")


def event(entry: OutboxEntry) -> dict[str, object]:
    """The event for one entry; the same bytes at every attempt, since `timestamp` is the entry's own.

    Raises:
        HelpdeskRefused: the outcome is one that is never sent.
    """
    outcome = entry.outcome
    kind = EVENT_TYPES.get(outcome.decision)
    if kind is None:
        raise HelpdeskRefused(f"outbox entry {entry.outbox_id} is a {outcome.decision.value} outcome, which has nothing to send")
    return {
        "type": kind,
        "timestamp": entry.created_at,
        "data": {
            "system": entry.source,
            "ticket_id": entry.ticket_id,
            "conversation_id": entry.conversation_id,
            "run_id": entry.run_id,
            "in_reply_to": entry.in_reply_to,
            "decision": outcome.decision.value,
            "text": outcome.answer,
            "citations": citation_bodies(outcome.citations),
            "confidence": round(outcome.confidence, 4),
            "reason": outcome.reason,
            "language": outcome.language,
            "summary": outcome.summary,
            "notice": outcome.notice,
            "queue": outcome.queue,
            "generated_by": "ai",
            "policy": {"version": outcome.policy.version, "sha256": outcome.policy.sha256},
        },
    }


def webhook_id(entry: OutboxEntry) -> str:
    """The entry's id, or a hash of it when it holds what a webhook-id may not. Stable over retries."""
    if _PLAIN_ID.fullmatch(entry.outbox_id):
        return entry.outbox_id
    return "msg_" + hashlib.sha256(entry.outbox_id.encode()).hexdigest()


def new_client(timeout_s: float = TIMEOUT_S) -> httpx.AsyncClient:
    """A client that uses no proxy from the environment and follows no redirect."""
    return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout_s)


class WebhookSender:
    """Posts an outbox entry to the `reply_url` of its helpdesk. Implements `ReplySender`."""

    def __init__(
        self,
        helpdesks: Mapping[str, HelpdeskSettings],
        client: httpx.AsyncClient,
        timeout_s: float = TIMEOUT_S,
        clock: Clock = time.time,
    ) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._desks = {
            source: (desk.reply_url, Signer((desk.reply_secret or desk.secrets[0]).get_secret_value(), clock))
            for source, desk in helpdesks.items()
        }

    async def send(self, entry: OutboxEntry) -> None:
        """Deliver once, with the outbox id as the receiver's key for dropping repeats.

        Raises:
            HelpdeskUnavailable: no connection, too slow, 3xx, 5xx, 408, 409, 425 or 429.
            HelpdeskRefused: any other 4xx, or a source that is no longer configured.
        """
        desk = self._desks.get(entry.source)
        if desk is None:
            raise HelpdeskRefused(
                f"outbox entry {entry.outbox_id} belongs to the helpdesk {entry.source!r}, which is not configured: "
                "add it to INNKEEPER_HELPDESKS again"
            )
        url, signer = desk
        body = json.dumps(event(entry), ensure_ascii=False, separators=(",", ":")).encode()
        headers = signer.headers(webhook_id(entry), body)
        headers |= {"content-type": "application/json", "user-agent": "innkeeper", "x-ai-generated": "true"}
        _judge(entry, await self._post(entry, url, body, headers))

    async def _post(self, entry: OutboxEntry, url: str, body: bytes, headers: dict[str, str]) -> int:
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", url, content=body, headers=headers) as response,
            ):
                # Only the status counts: what the helpdesk says beside it may quote the customer.
                return response.status_code
        except TimeoutError as error:
            raise HelpdeskUnavailable(
                f"the helpdesk {entry.source!r} did not answer {entry.outbox_id} in {self._timeout_s:g} s"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise HelpdeskRefused(f"the reply_url of the helpdesk {entry.source!r} is not an http(s) address: {error}") from error
        except httpx.HTTPError as error:
            raise HelpdeskUnavailable(
                f"the helpdesk {entry.source!r} can't be reached for {entry.outbox_id}: {type(error).__name__}: {error}"
            ) from error


def _judge(entry: OutboxEntry, status: int) -> None:
    if 200 <= status < 300:
        return
    told = f"the helpdesk {entry.source!r} answered {status} to {entry.outbox_id}"
    if 400 <= status < 500 and status not in RETRIED_4XX:
        raise HelpdeskRefused(f"{told}: it won't take this reply; look at its webhook settings and secret")
    raise HelpdeskUnavailable(f"{told}; it is tried again")
