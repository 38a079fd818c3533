"""A chat model whose calls are spans and log lines: the task, the model, tokens, the time. Not a word of what is said."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from agent.completions import Completion, Prompt
from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.ports import ChatModel
from agent.telemetry import span, spent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TracedChatModel:
    """Implements `ChatModel` by another one. `name`: of the model that is asked."""

    model: ChatModel
    name: str

    async def complete(self, prompt: Prompt) -> Completion:
        """See `ChatModel`."""
        began = time.monotonic()
        with span("model", task=prompt.task.value, gen_ai__request__model=self.name) as call:
            try:
                done = await self.model.complete(prompt)
            except (ModelUnavailable, ModelOutputInvalid) as error:
                log.warning("model_failed", task=prompt.task.value, error=type(error).__name__, seconds=_since(began))
                raise
            usage = done.usage
            call.tell(gen_ai__usage__input_tokens=usage.prompt_tokens, gen_ai__usage__output_tokens=usage.completion_tokens)
        tokens = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        log.info("model_called", task=prompt.task.value, seconds=_since(began), **tokens)
        return done

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        """See `ChatModel`. The span stands for the whole of it."""
        began = time.time()
        try:
            async for piece in self.model.stream(prompt):
                yield piece
        finally:
            spent("model", began, task=prompt.task.value, gen_ai__request__model=self.name, streamed=True)

    async def is_ready(self) -> bool:
        """See `ChatModel`."""
        return await self.model.is_ready()


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
