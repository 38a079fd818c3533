"""`POST /webhooks/{source}` for every helpdesk of the settings. Verifies, keeps, queues, answers 202; waits for nothing else."""

import structlog
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from agent.channels.deps import ApiDeps
from agent.channels.generic import GenericIntake, Status, read_envelope
from agent.channels.helpdesks.intake import MAX_DELIVERY, MAX_TICKET_ID, take
from agent.channels.helpdesks.registry import receivers
from agent.channels.helpdesks.types import Challenged, Delivery, Receiver
from agent.channels.intake import read_body
from agent.channels.standard_webhooks import Verifier
from agent.errors import PayloadInvalid, RequestRejected, SourceUnknown, TransientError
from agent.helpdesk_settings import HelpdeskSettings
from agent.telemetry import DELIVERIES, bind_trace, trace_id_of

MAX_TOKEN = 500
_UNKNOWN = "no helpdesk of that name is configured; add it to INNKEEPER_HELPDESKS"
_log = structlog.get_logger(__name__)


def webhook_router(deps: ApiDeps) -> APIRouter:
    """The routes. The second has a secret as its last part, for systems that sign nothing.

    Raises:
        SettingsInvalid: a helpdesk's secret can't be used.
    """
    router = APIRouter(tags=["webhooks"])
    webhooks = Webhooks(deps)

    @router.post("/webhooks/{source}", status_code=202, summary="Receive a helpdesk's event")
    async def receive(source: str, request: Request) -> JSONResponse:
        return await webhooks.receive(source, request, None)

    @router.post("/webhooks/{source}/{key}", status_code=202, summary="Receive the event of a helpdesk that signs nothing")
    async def receive_by_key(source: str, key: str, request: Request) -> JSONResponse:
        return await webhooks.receive(source, request, key)

    @router.get("/webhooks/{source}", summary="Answer a helpdesk that asks whether this address is ours")
    async def challenge(source: str, crc_token: str | None = None) -> PlainTextResponse:
        return webhooks.challenge(source, crc_token)

    return router


class Webhooks:
    """Each source's verifier or receiver."""

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        self._receivers = receivers(deps.settings.helpdesks)
        self._verifiers = {
            source: Verifier([s.get_secret_value() for s in desk.secrets], deps.settings.replay_window_s, deps.clock)
            for source, desk in deps.settings.helpdesks.items()
            if isinstance(desk, HelpdeskSettings)
        }
        self._generic = GenericIntake(deps)

    async def receive(self, source: str, request: Request, key: str | None) -> JSONResponse:
        """Count what became of it. Raises `RequestRejected` or `QueueUnavailable`."""
        try:
            body = await read_body(request, self._deps.settings.max_body_bytes)
            if source in self._verifiers and key is None:
                status = await self._envelope(source, self._verifiers[source], request, body)
            elif source in self._receivers:
                status = await self._hint(source, self._receivers[source], request, body, key)
            else:
                raise SourceUnknown(_UNKNOWN)
        except (RequestRejected, TransientError) as error:
            DELIVERIES.labels("in", "rejected" if isinstance(error, RequestRejected) else "unavailable").inc()
            raise
        DELIVERIES.labels("in", status.value).inc()
        return JSONResponse({"status": status.value}, status_code=202)

    def challenge(self, source: str, token: str | None) -> PlainTextResponse:
        """405 where nothing asks like that. Raises `PayloadInvalid`."""
        receiver = self._receivers.get(source)
        if not isinstance(receiver, Challenged) or token is None:
            raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})
        if len(token) > MAX_TOKEN:
            raise PayloadInvalid(f"crc_token: at most {MAX_TOKEN} characters")
        return PlainTextResponse(receiver.challenge(token))

    async def _envelope(self, source: str, verifier: Verifier, request: Request, body: bytes) -> Status:
        webhook_id = verifier.verify(request.headers, body)
        with structlog.contextvars.bound_contextvars(delivery_id=webhook_id, source=source):
            status = await self._generic.take(source, read_envelope(body))
            _log.info("webhook_taken", status=status.value)
            return status

    async def _hint(self, source: str, receiver: Receiver, request: Request, body: bytes, key: str | None) -> Status:
        headers = {name.lower(): value for name, value in request.headers.items()}
        delivery = Delivery(body, headers, key, self._deps.clock())
        hint = receiver.receive(delivery)
        if hint is None:
            return Status.IGNORED
        if not (0 < len(hint.ticket_id) <= MAX_TICKET_ID and hint.ticket_id.isprintable()):
            raise PayloadInvalid("the ticket's id is not one")
        if len(hint.delivery) > MAX_DELIVERY:
            raise PayloadInvalid(f"the delivery's id is not one: it has more than {MAX_DELIVERY} characters")
        conversation_id = f"{source}:{hint.ticket_id}"
        bind_trace(trace_id_of(conversation_id, hint.delivery))
        with structlog.contextvars.bound_contextvars(delivery_id=hint.delivery, source=source, conversation_id=conversation_id):
            is_new = await take(self._deps.hints, self._deps.queue, source, hint, delivery)
            status = Status.ACCEPTED if is_new else Status.DUPLICATE
            _log.info("webhook_taken", status=status.value)
            return status
