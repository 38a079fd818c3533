"""A chat model that never reads some classes of personal data, wherever in a prompt they stand.

What customers write is masked where the prompts are made; this is for all the rest: what tools and articles say.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from agent.completions import Completion, Prompt
from agent.ports import ChatModel
from agent.privacy.handling import PersonalRules, RulesInForce


@dataclass(frozen=True, slots=True)
class PrivateChatModel:
    """Implements `ChatModel` by another one."""

    model: ChatModel
    rules: PersonalRules | RulesInForce

    async def complete(self, prompt: Prompt) -> Completion:
        """See `ChatModel`."""
        return await self.model.complete(self._cleaned(prompt))

    async def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        """See `ChatModel`."""
        async for piece in self.model.stream(self._cleaned(prompt)):
            yield piece

    async def is_ready(self) -> bool:
        """See `ChatModel`."""
        return await self.model.is_ready()

    def _cleaned(self, prompt: Prompt) -> Prompt:
        return replace(prompt, messages=tuple((role, self.rules.never_for_model(text)) for role, text in prompt.messages))
