"""What reads and writes text: chat models, the embedding model, and what finds passages."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.completions import Completion, Prompt, Task
from knowledge.pair_input import Marked, Reading
from knowledge.types import Audience, Hit, Passage, Query, Vectors


class ChatModel(Protocol):
    """A model that writes text, or several: which one answers may depend on the prompt's task.

    Raises `ModelUnavailable` when the server can't be used now (after its own bounded retries, or
    at once while its circuit breaker is open) and `ModelOutputInvalid` when it answers nonsense.
    """

    async def complete(self, prompt: Prompt) -> Completion:
        """One completion."""
        ...

    def stream(self, prompt: Prompt) -> AsyncIterator[str]:
        """The same, piece by piece."""
        ...

    async def is_ready(self) -> bool:
        """True if the server answers now. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class ModelsSeen:
    """Which models answered when they were asked last. Names are of the settings.

    Attributes:
        models: each model by name.
        tasks: for each task that is asked for, whether one of its models answered.
    """

    models: Mapping[str, bool]
    tasks: Mapping[Task, bool]


class Retriever(Protocol):
    """Finds passages. Blocking: call it in a thread."""

    def search(self, query: Query) -> list[Hit]:
        """Best first; an audience that the query doesn't name is never in the result."""
        ...

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """The passages of its document near a passage, itself among them, in reading order. [] for another audience."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors. Blocking: call it in a thread."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [n, d], L2-normalised."""
        ...


class PairReader(Protocol):
    """Reads claims beside their evidence. Blocking: call it in a thread."""

    def read(self, pairs: Sequence[Marked]) -> list[Reading]:
        """One reading a pair, in order. Raises `EmbeddingUnavailable`."""
        ...
