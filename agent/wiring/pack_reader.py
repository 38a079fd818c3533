"""Reads messages for a policy pack as a turn does, without a knowledge base, a model that writes, or Redis."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.adapters.language import LanguageDetector
from agent.graph.examples import embed_examples, likeness
from agent.ports import Embedder
from agent.settings import Settings
from agent.wiring import shelf
from policies.engine import PolicyEngine
from policies.load import default_folder


class PackReader:
    """Implements `policies.testing.Reader` for one pack. Embeds the pack's examples at once: takes seconds.

    Args:
        embedder: for messages.
        policies: the pack.
        kept: for the pack's examples, where their vectors may be kept; `embedder` if not given.
    """

    def __init__(self, embedder: Embedder, policies: PolicyEngine, kept: Embedder | None = None) -> None:
        self._embedder = embedder
        self._examples: Any = embed_examples(kept or embedder, policies.examples())
        self._detect = LanguageDetector(policies.locales)

    def similarity(self, text: str) -> Mapping[str, float]:
        """See `Reader`."""
        return likeness(self._embedder, self._examples, text)

    def language(self, text: str) -> str | None:
        """See `Reader`."""
        return self._detect(text)

    def nearest(self, text: str, examples: Sequence[str]) -> tuple[str, float]:
        """The example that is nearest to a text, and its cosine similarity (-1 to 1)."""
        near = (self._embedder.embed(list(examples)) @ self._embedder.embed([text]).T)[:, 0]
        best = int(np.argmax(near))
        return examples[best], float(near[best])


def pack_readers(settings: Settings) -> Callable[[PolicyEngine], PackReader]:
    """Makes readers of packs that share one model, which loads at first use; reaches nothing outside."""
    shelf.guard_egress(settings)
    knowledge = shelf.build_knowledge(settings, counts_searches=False)
    return lambda policies: PackReader(knowledge.embedder, policies, knowledge.kept_vectors)


def pack_folder(settings: Settings, given: Path | None) -> Path:
    """The folder that is named, or that of the settings, or the pack that ships."""
    return given or settings.policy_dir or default_folder()
