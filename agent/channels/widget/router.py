"""The widget's routes. Thin: who calls, what they send, one step, an answer.

Source: the protocol of the widget, which both sides are built to; the README tells operators about it.
"""

import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from agent.channels.deps import ApiDeps
from agent.channels.widget import bodies, limits
from agent.channels.widget.deps import WidgetDeps
from agent.channels.widget.events import EventStream
from agent.channels.widget.files import files_router
from agent.channels.widget.identity import Claim
from agent.channels.widget.messages import customer_message
from agent.channels.widget.progress import conversation_id_of, progress_event
from agent.channels.widget.sessions import Caller, Doorkeeper
from agent.channels.widget.states import state_of
from agent.errors import ConversationClosed, MessageMissing
from agent.ports import Stage, Ticket
from agent.site_settings import WIDGET_SOURCE
from agent.telemetry import begin_message, received
from agent.types import NOBODY, Author, Customer, Identity, Message, MessageId, OutboxId, RunId, outbox_id
from agent.widget_ports import Event, Publication, Session, WidgetConversation

ID_BYTES = 18
MESSAGES = uuid.UUID("0d4f6a52-93f7-4a86-8a1e-5d6b7a5b7f60")
"""Namespace of message ids: a repeat with the same key has the same id."""
_OURS = outbox_id(RunId(""))

log = structlog.get_logger(__name__)


def widget_router(deps: ApiDeps, widget: WidgetDeps) -> APIRouter:
    """All of them; the subscription to events lives as long as the application.

    Raises:
        SettingsInvalid: a site's public key can't be used.
    """
    sites = deps.settings.sites
    door = Doorkeeper(sites, widget)
    router = APIRouter(tags=["widget"], lifespan=lambda app: widget.streams.running())
    router.include_router(files_router(widget.web, sites))
    _add_sessions(router, door, widget)
    _add_conversations(router, _Desk(deps, widget, door))
    return router


def _add_sessions(router: APIRouter, door: Doorkeeper, widget: WidgetDeps) -> None:
    @router.post(
        "/widget/sessions", status_code=201, summary="Begin a widget's session", openapi_extra=bodies.schema_of(bodies.NewSession)
    )
    async def begin(request: Request) -> JSONResponse:
        new = await bodies.read(request, bodies.NewSession)
        claim = Claim(new.token, new.identifier, new.identifier_hash)
        token, session = await door.begin(request, new.site, claim, new.name, new.locale)
        newest = await widget.conversations.newest_of(session.owner) if session.customer is not None else None
        return JSONResponse(_session_body(door, widget, token, session, newest), 201)


def _add_conversations(router: APIRouter, desk: "_Desk") -> None:
    one = "/widget/conversations/{conversation_id}"

    @router.post(
        "/widget/conversations",
        status_code=201,
        summary="Begin a conversation",
        openapi_extra=bodies.schema_of(bodies.NewConversation),
    )
    async def create(request: Request) -> JSONResponse:
        return JSONResponse({"id": await desk.create(request)}, 201)

    @router.post(
        f"{one}/messages",
        status_code=202,
        summary="Send a message",
        openapi_extra=bodies.schema_of(bodies.NewMessage, has_key=True),
    )
    async def send(conversation_id: str, request: Request) -> JSONResponse:
        return JSONResponse({"id": await desk.send(request, conversation_id)}, 202)

    @router.get(f"{one}/messages", summary="All messages")
    async def messages(conversation_id: str, request: Request) -> JSONResponse:
        return JSONResponse(await desk.messages(request, conversation_id))

    # No FastAPI route: a response that lasts for an hour has no use for what one keeps beside it.
    async def events(request: Request) -> EventStream:
        return await desk.events(request, request.path_params["conversation_id"])

    router.add_route(f"{one}/events", events, methods=["GET"], include_in_schema=False)  # type: ignore[arg-type]

    @router.post(
        f"{one}/handoff",
        status_code=202,
        summary="Ask for a person",
        openapi_extra=bodies.schema_of(bodies.AskPerson, has_key=True),
    )
    async def handoff(conversation_id: str, request: Request) -> JSONResponse:
        await desk.hand_off(request, conversation_id)
        return JSONResponse({}, 202)

    @router.post(
        one + "/messages/{message_id}/feedback",
        status_code=204,
        summary="Say what a reply is worth",
        openapi_extra=bodies.schema_of(bodies.Feedback),
    )
    async def feedback(conversation_id: str, message_id: str, request: Request) -> Response:
        await desk.rate(request, conversation_id, message_id)
        return Response(status_code=204)


@dataclass(frozen=True, slots=True)
class _Desk:
    """One method a route; each may raise what the errors of a `RequestRejected` are, and `QueueUnavailable`."""

    deps: ApiDeps
    widget: WidgetDeps
    door: Doorkeeper

    async def create(self, request: Request) -> str:
        caller = await self._caller(request)
        await bodies.read(request, bodies.NewConversation)
        session = caller.session
        await limits.take(self.widget.sessions, limits.begin_limits(session.site, caller.settings, session.owner))
        conversation = WidgetConversation(
            secrets.token_urlsafe(ID_BYTES), session.site, session.owner, session.customer, session.locale, session.name
        )
        await self.widget.conversations.create(conversation)
        return conversation.id

    async def send(self, request: Request, conversation_id: str) -> str:
        """Store, show, ask for a turn. Each is safe to repeat, and a repeat mends what a crash has left out."""
        caller, conversation = await self._writer(request, conversation_id)
        new, key = await bodies.read(request, bodies.NewMessage), bodies.idempotency_key(request)
        await self._take_message(caller)
        return await self._keep(conversation, key, new.text)

    async def _keep(self, conversation: WidgetConversation, key: str, text: str) -> MessageId:
        message_id = MessageId(f"msg_{uuid.uuid5(MESSAGES, f'{conversation.id}:{key}').hex}")
        known = Customer(Identity.VERIFIED, conversation.customer) if conversation.customer else NOBODY
        message = Message(message_id, Author.CUSTOMER, text, _iso(self.widget.clock()), customer=known)
        ticket = Ticket(conversation_id_of(conversation.id), WIDGET_SOURCE, conversation.id)
        trace_id = begin_message(ticket.conversation_id, message_id)
        if await self.deps.conversations.append(ticket, message):
            received(trace_id, conversation_id=ticket.conversation_id)
            log.info("message_taken")
        else:
            stored = (await self.deps.conversations.read(ticket.conversation_id)).messages
            message = next(one for one in stored if one.message_id == message_id)
        shown = json.dumps(customer_message(message_id, message.text, message.sent_at, key))
        events = (Event("message.created", shown), progress_event(Stage.RECEIVED))
        await self.widget.conversations.publish(conversation.id, Publication(events, message_id, (shown,)))
        await self.deps.queue.add_turn(ticket.conversation_id, message_id)
        return message_id

    async def messages(self, request: Request, conversation_id: str) -> dict[str, Any]:
        _, conversation = await self._reader(request, conversation_id)
        history = await self.widget.conversations.history(conversation.id)
        said = {message_id: json.loads(text)["value"] for message_id, text in history.feedback.items()}
        messages = [one | {"feedback": said[one["id"]]} if one["id"] in said else one for one in history.messages]
        return {"messages": messages, "last_event_id": history.last_event_id, "state": state_of(conversation)}

    async def events(self, request: Request, conversation_id: str) -> EventStream:
        caller, conversation = await self._reader(request, conversation_id)
        return self.widget.streams.open(caller.session.owner, conversation.id, bodies.last_event_id(request))

    async def hand_off(self, request: Request, conversation_id: str) -> None:
        caller, conversation = await self._writer(request, conversation_id)
        asked, key = await bodies.read(request, bodies.AskPerson), bodies.idempotency_key(request)
        await self._take_message(caller)
        if asked.email is not None and asked.email != conversation.contact:
            if conversation.person is not None:  # who was told without it is told now, as of anything that the customer writes
                await self._keep(conversation, key, asked.email)
            await self.widget.conversations.publish(conversation.id, Publication((), changes={"contact": asked.email}))
        ticket = Ticket(conversation_id_of(conversation.id), WIDGET_SOURCE, conversation.id)
        await self.widget.person.request_person(ticket, key, conversation.locale)

    async def rate(self, request: Request, conversation_id: str, message_id: str) -> None:
        _, conversation = await self._reader(request, conversation_id)
        feedback = await bodies.read(request, bodies.Feedback)
        is_ours = message_id.startswith(_OURS) and len(message_id) <= 100
        if not is_ours or not await self.widget.conversations.is_published(conversation.id, OutboxId(message_id)):
            raise MessageMissing("there is no such reply in this conversation")
        event = Event("message.feedback", json.dumps({"id": message_id, "value": feedback.value}))
        said = {message_id: feedback.model_dump_json()}
        await self.widget.conversations.publish(conversation.id, Publication((event,), feedback=said))

    async def _caller(self, request: Request) -> Caller:
        caller = await self.door.recognise(request)
        await limits.take(self.widget.sessions, limits.call_limits(caller.session.owner))
        return caller

    async def _reader(self, request: Request, conversation_id: str) -> tuple[Caller, WidgetConversation]:
        caller = await self._caller(request)
        return caller, await self.door.conversation(caller, conversation_id)

    async def _writer(self, request: Request, conversation_id: str) -> tuple[Caller, WidgetConversation]:
        caller = await self.door.recognise(request)
        conversation = await self.door.conversation(caller, conversation_id)
        if conversation.closed:
            raise ConversationClosed("this conversation is closed; begin a new one")
        return caller, conversation

    async def _take_message(self, caller: Caller) -> None:
        session = caller.session
        await limits.take(self.widget.sessions, limits.message_limits(session.site, caller.settings, session.owner))


def _session_body(
    door: Doorkeeper, widget: WidgetDeps, token: str, session: Session, newest: WidgetConversation | None
) -> dict[str, Any]:
    settings = door.settings_of(session)
    return {
        "session": token,
        "expires_at": _iso(session.expires_at),
        "verified": session.customer is not None,
        "conversation": {"id": newest.id} if newest else None,
        "site": {
            "name": settings.name,
            "greeting": settings.greeting,
            "privacy_url": settings.privacy_url,
            "disclosure": widget.disclosure(session.locale),
            "suggestions": list(settings.suggestions),
            # Somebody is told only where a helpdesk takes the hand-off.
            "person": {"open": settings.handoff is not None, "note": settings.hours},
        },
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
