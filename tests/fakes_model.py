"""A chat model that says what it was told to, held to the same contract tests as the real one."""

from collections.abc import AsyncIterator, Iterable

from agent.adapters.chat_wire import check_json
from agent.completions import Completion, Prompt
from agent.errors import AgentError, ModelOutputInvalid
from agent.model_profiles import estimate_tokens
from agent.types import Usage


class FakeChatModel:
    """`agent.ports.ChatModel`, scripted. Each reply is a text or an error of ours; the last one repeats."""

    def __init__(self, replies: Iterable[str | AgentError], *, context_tokens: int = 4096, ready: bool = True) -> None:
        self._replies = list(replies)
        self._context_tokens = context_tokens
        self.ready = ready
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        size = sum(estimate_tokens(content) for _, content in prompt.messages)
        if size + prompt.max_tokens > self._context_tokens:
            raise ModelOutputInvalid("the prompt doesn't fit")
        self.prompts.append(prompt)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, AgentError):
            raise reply
        words = reply.split(" ")
        text = " ".join(words[: prompt.max_tokens])
        finish_reason = "length" if len(words) > prompt.max_tokens else "stop"
        if prompt.schema is not None:
            check_json(text, finish_reason)
        return Completion(text, Usage(1, size, min(len(words), prompt.max_tokens)), finish_reason)

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        text = (await self.complete(prompt)).text
        for i, word in enumerate(text.split(" ")):
            yield word if i == 0 else f" {word}"

    async def is_ready(self) -> bool:
        return self.ready
