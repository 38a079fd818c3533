"""`POST /v1/answers`: one question, one answer, no ticket. It only ever sees public knowledge."""

import hmac
import ipaddress
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from agent.channels.deps import ApiDeps
from agent.channels.intake import MAX_TEXT, clean_text, parse_json, read_body
from agent.channels.problems import describe
from agent.errors import ContentTypeUnsupported, PayloadInvalid, Unauthorized
from agent.surface import AnswerBody, answer_body
from agent.telemetry import bind_trace, received, span, trace_id_of
from agent.types import Author, Message, MessageId

MAX_TURNS = 50
_log = structlog.get_logger(__name__)


def _said(text: str) -> str:
    cleaned = clean_text(text)
    if not cleaned:
        raise ValueError("must not be empty")
    return cleaned


Said = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_said)]


class Turn(BaseModel):
    """Something said before the question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    author: Literal["customer", "assistant", "human_agent"]
    text: Said


class AnswerRequest(BaseModel):
    """A question, what was said before it (oldest first), and the language to answer in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Said
    conversation: tuple[Turn, ...] = Field((), max_length=MAX_TURNS)
    language: str | None = Field(None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")

    def messages(self, now: datetime) -> tuple[Message, ...]:
        """The conversation with the question as its last message."""
        said = [*self.conversation, Turn(author="customer", text=self.question)]
        sent_at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return tuple(Message(MessageId(f"m{n}"), Author(turn.author), turn.text, sent_at) for n, turn in enumerate(said, start=1))


def answers_router(deps: ApiDeps) -> APIRouter:
    """The route; with a key in the settings it asks for it, without one it serves loopback alone."""
    router = APIRouter()

    @router.post(
        "/v1/answers",
        summary="Answer a question from the public knowledge base",
        tags=["answers"],
        openapi_extra={"requestBody": _request_schema()},
    )
    async def answers(request: Request) -> AnswerBody:
        _authorise(request, deps.settings.api_key)
        # A form or plain text could be posted by any web page that the user visits; JSON can't.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ContentTypeUnsupported("send the question with content-type: application/json")
        body = await read_body(request, deps.settings.max_body_bytes)
        try:
            asked = AnswerRequest.model_validate(parse_json(body))
        except ValidationError as error:
            raise PayloadInvalid(describe(error)) from error
        trace_id = trace_id_of("answers", uuid.uuid4().hex)
        bind_trace(trace_id)
        received(trace_id)
        with span("answer") as asking:
            outcome = await deps.answer(asked.messages(datetime.fromtimestamp(deps.clock(), tz=UTC)), asked.language)
            asking.tell(decision=outcome.decision.value)
        _log.info("question_answered", decision=outcome.decision.value, **outcome.timings_ms)
        return answer_body(outcome)

    return router


def _authorise(request: Request, api_key: SecretStr | None) -> None:
    if api_key is None:
        if request.client is None or not _is_loopback(request.client.host):
            raise Unauthorized(
                "without INNKEEPER_API_KEY this is open to the same machine only: set a key, send it as a bearer token"
            )
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), api_key.get_secret_value().encode()):
        raise Unauthorized("send the API key as `Authorization: Bearer …`")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _request_schema() -> dict[str, Any]:
    """The body's schema in one piece; it is parsed by hand, so FastAPI can't know it."""
    schema = AnswerRequest.model_json_schema()
    turn = schema.pop("$defs")["Turn"]
    schema["properties"]["conversation"]["items"] = turn
    return {"required": True, "content": {"application/json": {"schema": schema}}}
