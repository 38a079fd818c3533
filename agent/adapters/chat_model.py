"""The chat model behind any OpenAI-compatible server: vLLM, llama.cpp, others.

Its single job is to turn one `Prompt` into one `Completion`, or into an error of ours. It adds what a network needs
(few retries, and what `chat_calls` bounds a call by) and hides what a customer must not see (the model's thoughts). It
knows no prompts and makes no decisions.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
import openai

from agent.adapters.chat_calls import Calls, Limit, ModelServer
from agent.adapters.chat_errors import MAX_RETRY_AFTER_S, VENDOR_ERRORS, is_worth_a_retry, retry_after_s, translate, was_dropped
from agent.adapters.chat_wire import Answer, Piece, ThoughtFilter, check_json, read_answer, read_piece, without_thoughts
from agent.completions import Completion, Prompt, Task
from agent.errors import AgentError, ModelOutputInvalid, ModelUnavailable, SettingsInvalid
from agent.model_profiles import ModelProfile, estimate_tokens
from agent.model_sessions import SESSION_HEADER, current_session
from agent.model_settings import setting_of
from agent.telemetry import count_model_tokens
from agent.types import Usage

__all__ = ["ModelServer", "OpenAIChatModel"]

_T = TypeVar("_T")
MAX_PROMPT_CHARS = 400_000
"""Whatever the context length: more than this is a mistake, and would only load the server."""
_READY_TIMEOUT_S = 3.0
_HEADERS = frozenset({"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"})
_RAW_HEADER = "x-stainless-raw-response"
"""The client library finds in it again that a caller asked for the raw response."""


@dataclass(frozen=True, slots=True)
class _Opened:
    stream: openai.AsyncStream[Any]
    events: AsyncIterator[Any]
    first: Piece


class OpenAIChatModel:
    """A `ports.ChatModel`. Close it (`aclose`, or `async with`) on the loop that used it."""

    def __init__(self, profile: ModelProfile, server: ModelServer) -> None:
        parts = urlsplit(server.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            setting = setting_of(server.name, "base_url")
            raise SettingsInvalid(f"{setting}={server.base_url}: not an address; say http://host:port/v1")
        self._profile = profile
        self._server = server
        self._model = server.model or profile.model
        self._usage = Usage()
        self._calls = Calls(server)
        key = server.api_key.get_secret_value() if server.api_key else "none"
        # Without keep-alive: llama.cpp drops one in eight kept connections, and a handshake costs nothing beside
        # a completion. Never through a proxy of the environment, never to where a redirect points.
        self._http = httpx2.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=server.concurrency + 2, max_keepalive_connections=0),
            timeout=httpx2.Timeout(server.timeout_s, connect=min(5.0, server.timeout_s)),
            event_hooks={"request": [_header_filter(key)]},
        )
        self._client = openai.AsyncOpenAI(
            base_url=server.base_url,
            api_key=key,
            # Empty rather than None: None would read them from the environment.
            admin_api_key="",
            organization="",
            project="",
            webhook_secret="",
            max_retries=0,
            http_client=self._http,
        )

    @property
    def usage(self) -> Usage:
        """All that was used since the start, streams included."""
        return self._usage

    async def complete(self, prompt: Prompt) -> Completion:
        """One completion.

        Raises:
            ModelUnavailable: the server can't be used now.
            ModelOutputInvalid: the prompt doesn't fit, the server refused it, or the answer is not what was asked for.
        """
        request = self._request(prompt)
        async with self._calls.one(prompt) as limit:
            answer = await self._retrying(lambda: self._ask(request), limit)
            self._count(prompt.task, answer.usage, answer.cached_tokens)
            text = without_thoughts(answer.text)
            if "response_format" in request:
                check_json(text, answer.finish_reason)
        return Completion(text, answer.usage, answer.finish_reason)

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        """The same, piece by piece. Tried again only until the first piece; JSON is not checked.

        Raises:
            ModelUnavailable: also in the middle, when the server breaks off.
            ModelOutputInvalid: as for `complete`.
        """
        request = self._request(prompt) | {"stream": True, "stream_options": {"include_usage": True}}
        thoughts = ThoughtFilter()
        usage, cached_tokens = Usage(llm_calls=1), 0
        async with self._calls.one(prompt) as limit:
            opened = await self._retrying(lambda: self._open(request), limit)
            try:
                async for piece in self._pieces(opened, limit):
                    usage, cached_tokens = (piece.usage, piece.cached_tokens) if piece.usage else (usage, cached_tokens)
                    if shown := thoughts.feed(piece.text):
                        yield shown
                if shown := thoughts.end():
                    yield shown
            finally:
                self._count(prompt.task, usage, cached_tokens)
                await opened.stream.close()

    async def is_ready(self) -> bool:
        """True if the server answers now, whatever the breaker says. Never raises."""
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                await self._client.models.with_raw_response.list()
        except VENDOR_ERRORS:
            return False
        return True

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        self._check_fits(prompt)
        profile = self._profile
        constrained = prompt.schema is not None and profile.structured == "json_schema"
        sampling = (profile.structured_sampling if constrained else None) or profile.sampling
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": role, "content": content} for role, content in prompt.messages],
            "max_tokens": min(prompt.max_tokens, profile.max_output_tokens) + profile.thinking_tokens,
            "temperature": sampling.temperature if prompt.temperature is None else prompt.temperature,
            "top_p": sampling.top_p,
            "presence_penalty": sampling.presence_penalty,
            "extra_body": {"top_k": sampling.top_k, "min_p": sampling.min_p},
        }
        if sampling.seed is not None:
            request["seed"] = sampling.seed
        if prompt.stop:
            request["stop"] = list(prompt.stop)
        if constrained:
            # With thinking on, vLLM constrains nothing until </think>: JSON is always asked for without.
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": dict(prompt.schema or {})},
            }
        if profile.reasoning_effort:
            request["reasoning_effort"] = profile.reasoning_effort
        if profile.send_enable_thinking:
            request["extra_body"]["chat_template_kwargs"] = {"enable_thinking": profile.thinking and not constrained}
        return request

    def _check_fits(self, prompt: Prompt) -> None:
        chars = sum(len(content) for _, content in prompt.messages)
        tokens = sum(estimate_tokens(content) for _, content in prompt.messages)
        answer = min(prompt.max_tokens, self._profile.max_output_tokens) + self._profile.thinking_tokens
        room = self._profile.context_tokens - answer
        if chars > MAX_PROMPT_CHARS or tokens > room:
            raise ModelOutputInvalid(
                f"the prompt doesn't fit: about {tokens} tokens, and the profile {self._profile.name!r} has room for {room}; "
                "nothing was sent. Use fewer or shorter passages, or a profile with a larger context"
            )

    async def _retrying(self, attempt: Callable[[], Awaitable[_T]], limit: Limit) -> _T:
        for attempt_n, wait_s in enumerate((*self._server.backoff_s, None)):
            try:
                async with asyncio.timeout_at(limit.deadline):
                    return await attempt()
            except VENDOR_ERRORS as error:
                pause_s = None if wait_s is None else self._pause_s(error, wait_s, limit.deadline, is_first=attempt_n == 0)
                if pause_s is None:
                    raise self._translated(error, limit) from None
            await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _pause_s(self, error: Exception, wait_s: float, deadline: float, *, is_first: bool) -> float | None:
        """How long to wait before the next attempt; None to give up."""
        if not is_worth_a_retry(error):
            return None
        asked_s = retry_after_s(error)
        if asked_s is not None and asked_s > MAX_RETRY_AFTER_S:
            return None
        if is_first and was_dropped(error):
            return 0.0
        pause_s = max(asked_s or 0.0, wait_s * random.uniform(1.0, 1.5))
        return pause_s if asyncio.get_running_loop().time() + pause_s < deadline else None

    def _translated(self, error: Exception, limit: Limit) -> AgentError:
        return translate(error, self._server.base_url, limit.seconds, self._server.name, is_hurried=limit.is_hurried)

    async def _ask(self, request: dict[str, Any]) -> Answer:
        response = await self._client.chat.completions.with_raw_response.create(**request)
        return read_answer(response.content)

    async def _open(self, request: dict[str, Any]) -> _Opened:
        """A stream with its first event read: until then it may be tried again."""
        stream = await self._client.chat.completions.create(**request)
        try:
            events = aiter(stream)
            return _Opened(stream, events, read_piece(await anext(events)))
        except StopAsyncIteration:
            # Without a length, a dropped connection looks like the end.
            raise openai.APIConnectionError(message="empty stream", request=stream.response.request) from None
        except BaseException:
            await stream.close()
            raise

    async def _pieces(self, opened: _Opened, limit: Limit) -> AsyncIterator[Piece]:
        yield opened.first
        finished = opened.first.finish_reason is not None
        while True:
            try:
                async with asyncio.timeout_at(limit.deadline):
                    piece = read_piece(await anext(opened.events))
            except StopAsyncIteration:
                break
            except VENDOR_ERRORS as error:
                raise self._translated(error, limit) from None
            finished = finished or piece.finish_reason is not None
            yield piece
        if not finished:
            raise ModelUnavailable(f"the model server at {self._server.base_url} broke off in the middle of its answer")

    def _count(self, task: Task, usage: Usage, cached_tokens: int) -> None:
        self._usage += usage
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        count_model_tokens(task, self._server.name, prompt=prompt, cached=cached_tokens, completion=completion)


def _header_filter(key: str) -> Callable[[httpx2.Request], Awaitable[None]]:
    """Sends what HTTP needs, our key and the session; none of what the library adds from the environment or about the machine."""

    async def keep_needed(request: httpx2.Request) -> None:
        for name in [name for name in request.headers if name.lower() not in _HEADERS | {_RAW_HEADER}]:
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {key}"
        request.headers[SESSION_HEADER] = current_session()

    return keep_needed
