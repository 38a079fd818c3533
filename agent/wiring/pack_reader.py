"""Reads messages for a policy pack as a turn does, without a knowledge base, a model that writes, or Redis."""

from collections.abc import Mapping, Sequence
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
    """Implements `policies.testing.Reader` for one pack. Embeds the pack's examples at once: takes seconds."""

    def __init__(self, embedder: Embedder, policies: PolicyEngine) -> None:
        self._embedder = embedder
        self._examples: Any = embed_examples(embedder, policies.examples())
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


def pack_embedder(settings: Settings) -> Embedder:
    """The model that compares messages with examples. Loads at first use; reaches nothing outside."""
    shelf.guard_egress(settings)
    return shelf.build_knowledge(settings, counts_searches=False).embedder


def pack_folder(settings: Settings, given: Path | None) -> Path:
    """The folder that is named, or that of the settings, or the pack that ships."""
    return given or settings.policy_dir or default_folder()
