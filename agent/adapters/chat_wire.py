"""What a model server's answers look like, and what of them may be shown. Pure.

Parsed with models of our own, not the client library's: those let anything pass.
"""

import json
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ModelOutputInvalid
from agent.types import Usage

_OPEN, _CLOSE = "<think>", "</think>"
_UNFINISHED = frozenset({"content_filter", "abort", "error"})


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Text(_Wire):
    content: str | None = None  # thoughts come as `reasoning` or `reasoning_content`, and are left there


class _Choice(_Wire):
    message: _Text
    finish_reason: str | None = None


class _PromptDetails(_Wire):
    cached_tokens: int | None = None


class _Used(_Wire):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Body(_Wire):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Used | None = None


class _DeltaChoice(_Wire):
    delta: _Text = _Text()
    finish_reason: str | None = None


class _Chunk(_Wire):
    choices: list[_DeltaChoice]
    usage: _Used | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion as the server gave it, thoughts in the text and all.

    Attributes:
        cached_tokens: of the prompt, those that were in the server's prefix cache; 0 if it doesn't say. llama.cpp does, vLLM
            with `--enable-prompt-tokens-details`.
    """

    text: str
    usage: Usage
    finish_reason: str
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a streamed completion. `usage` comes with the last one; `finish_reason` near it."""

    text: str
    finish_reason: str | None
    usage: Usage | None
    cached_tokens: int = 0


def read_answer(body: bytes) -> Answer:
    """Parse the body of a completion.

    Raises:
        ModelOutputInvalid: it isn't one, or the server says that it did not finish it.
    """
    try:
        parsed = _Body.model_validate_json(body)
    except ValidationError as error:
        raise _not_a_completion(error) from None
    choice = parsed.choices[0]
    _check_finish(choice.finish_reason)
    reason = "length" if choice.finish_reason == "length" else "stop"
    usage = _usage(parsed.usage) or Usage(llm_calls=1)
    return Answer(choice.message.content or "", usage, reason, _cached(parsed.usage))


def read_piece(chunk: object) -> Piece:
    """Check one event of a stream, as the client library decoded it.

    Raises:
        ModelOutputInvalid: it isn't one, or the server says that it did not finish.
    """
    try:
        parsed = _Chunk.model_validate(chunk.model_dump(warnings=False) if isinstance(chunk, BaseModel) else chunk)
    except ValidationError as error:
        raise _not_a_completion(error) from None
    choice = parsed.choices[0] if parsed.choices else _DeltaChoice()
    _check_finish(choice.finish_reason)
    return Piece(choice.delta.content or "", choice.finish_reason, _usage(parsed.usage), _cached(parsed.usage))


def check_json(text: str, finish_reason: str) -> None:
    """Raises `ModelOutputInvalid` if a text that was asked for as JSON isn't whole or isn't JSON."""
    if finish_reason == "length":
        raise ModelOutputInvalid("the model's JSON was cut off at the token limit; ask for less, or raise max_tokens")
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # also an integer of thousands of digits
        raise ModelOutputInvalid(
            "the model's answer is not JSON although a schema was sent; check that the server supports "
            'response_format, or set structured = "none" in the profile'
        ) from None


def without_thoughts(text: str) -> str:
    """The text after its `<think>…</think>`; also when the template opened it, or it was never closed."""
    shown = ThoughtFilter(starts_inside=_CLOSE in text.partition(_OPEN)[0])
    return (shown.feed(text) + shown.end()).strip()


class ThoughtFilter:
    """Takes thoughts out of a text that comes in pieces, wherever the pieces are cut."""

    def __init__(self, *, starts_inside: bool = False) -> None:
        self._inside = starts_inside
        self._held = ""

    def feed(self, piece: str) -> str:
        """Add a piece; returns what can be shown by now."""
        self._held += piece
        shown = ""
        while True:
            before, tag, after = self._held.partition(_CLOSE if self._inside else _OPEN)
            if not tag:
                break
            shown += "" if self._inside else before
            self._held, self._inside = after, not self._inside
        kept = _tag_begun(self._held)
        if not self._inside:
            shown += self._held[: len(self._held) - kept]
        self._held = self._held[len(self._held) - kept :]
        return shown

    def end(self) -> str:
        """What was held back because it could have begun a thought. A thought that never ended is dropped."""
        held, self._held = self._held, ""
        return "" if self._inside else held


def _tag_begun(text: str) -> int:
    return next((n for n in range(len(_CLOSE) - 1, 0, -1) if text.endswith((_OPEN[:n], _CLOSE[:n])) and n <= len(text)), 0)


def _usage(used: _Used | None) -> Usage | None:
    return Usage(1, max(0, used.prompt_tokens), max(0, used.completion_tokens)) if used else None


def _cached(used: _Used | None) -> int:
    """Never more than the prompt has: a share of it is reported."""
    details = used.prompt_tokens_details if used else None
    return max(0, min(details.cached_tokens or 0, used.prompt_tokens)) if used and details else 0


def _check_finish(reason: str | None) -> None:
    if reason in _UNFINISHED:
        raise ModelOutputInvalid(f"the model server gave up in the middle of its answer (finish_reason {reason!r})")


def _not_a_completion(error: ValidationError) -> ModelOutputInvalid:
    where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the body"
    return ModelOutputInvalid(f"the model server answered with something that is not a completion ({where} is wrong)")
