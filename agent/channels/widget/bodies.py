"""What browsers send to the widget's routes, read once."""

import re
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agent.channels.intake import clean_text, parse_json, read_body
from agent.channels.problems import describe
from agent.errors import ContentTypeUnsupported, PayloadInvalid

MAX_BODY = 65_536
MAX_MESSAGE = 4000
Model = TypeVar("Model", bound=BaseModel)

_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
_WORD = r"[^\s@<>,;:\"()\[\]\\]+"
_ADDRESS = rf"^{_WORD}@{_WORD}\.{_WORD}$"
"""No more than that it looks like one; whether anybody reads it, only a letter can tell."""
_EVENT_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
"""Not `\\d`, which takes every script's digits."""
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A new UUID with each message, and the same with a repeat of it.",
    "schema": {"type": "string", "pattern": f"^{_KEY.pattern}$"},
}


def _said(text: str) -> str:
    cleaned = clean_text(text)
    if not cleaned:
        raise ValueError("must not be empty")
    return cleaned


def _visible(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no control characters")
    return text


def _one_line(text: str) -> str | None:
    return " ".join(clean_text(text).split()) or None


class _Body(BaseModel):
    """Unknown fields are ignored, so that a newer widget can talk to an older server."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class NewSession(_Body):
    """`POST /widget/sessions`."""

    site: Annotated[str, Field(min_length=1, max_length=64)]
    token: Annotated[str, Field(max_length=8192)] | None = None
    identifier: Annotated[str, Field(max_length=200)] | None = None
    identifier_hash: Annotated[str, Field(max_length=200)] | None = None
    name: Annotated[str, Field(max_length=100), AfterValidator(_one_line)] | None = None
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", max_length=35)] | None = None


class NewConversation(_Body):
    """`POST /widget/conversations`."""


class NewMessage(_Body):
    """`POST /widget/conversations/{id}/messages`."""

    text: Annotated[str, Field(max_length=MAX_MESSAGE), AfterValidator(_said)]


class AskPerson(_Body):
    """`POST /widget/conversations/{id}/handoff`."""

    email: Annotated[str, Field(max_length=254, pattern=_ADDRESS), AfterValidator(_visible)] | None = None


class Feedback(_Body):
    """`POST …/messages/{message_id}/feedback`."""

    value: Literal["up", "down"]
    reason: Literal["wrong", "unhelpful", "rude", "other"] | None = None
    comment: Annotated[str, Field(max_length=1000), AfterValidator(clean_text)] | None = None


async def read(request: Request, model: type[Model]) -> Model:
    """The body.

    Raises:
        ContentTypeUnsupported, BodyTooLarge, BodyTooSlow, JsonInvalid, PayloadInvalid: it isn't.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ContentTypeUnsupported("send content-type: application/json")
    body = await read_body(request, MAX_BODY)
    try:
        return model.model_validate(parse_json(body))
    except ValidationError as error:
        raise PayloadInvalid(describe(error)) from error


def idempotency_key(request: Request) -> str:
    """The browser's own id of what it sends. Raises `PayloadInvalid` if it has none."""
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise PayloadInvalid("Idempotency-Key: send a new UUID with each message, and the same with a repeat of it")
    return key


def last_event_id(request: Request) -> str | None:
    """Where a stream goes on from; None for now. Raises `PayloadInvalid` for what was never an event's id."""
    given = request.headers.get("last-event-id") or request.query_params.get("after")
    if given and not _EVENT_ID.fullmatch(given):
        raise PayloadInvalid("Last-Event-ID: not the id of an event")
    return given or None


def schema_of(model: type[BaseModel], *, has_key: bool = False) -> dict[str, Any]:
    """The body's schema for OpenAPI, and the `Idempotency-Key`; both are read by hand, so FastAPI can't know them."""
    body = {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}
    return {"requestBody": body} | ({"parameters": [_KEY_HEADER]} if has_key else {})
