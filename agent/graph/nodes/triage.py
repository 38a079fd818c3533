"""Triage: which language, which rules' examples the message is like. No model call."""

from collections.abc import Mapping, Sequence

import numpy as np
from langgraph.runtime import Runtime

from agent.graph.followup import latest_request
from agent.graph.state import TurnContext, TurnState
from agent.ports import Embedder
from agent.types import Author
from knowledge.types import Vectors
from policies.types import Facts

LONG_MESSAGE_WORDS = 40


async def triage(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Gather the facts that the policies judge."""
    context = runtime.context
    text = latest_request(state["messages"])
    language = state.get("language_hint") or context.detect_language(text) or context.policies.locales[0]
    similarity = await context.in_thread(likeness, context.embedder, context.examples, text)
    first = not any(m.author is Author.ASSISTANT for m in state["messages"])
    return {"facts": Facts(text=text, language=language, first_message=first, similarity=similarity)}


def embed_examples(embedder: Embedder, examples: Mapping[str, Sequence[str]]) -> dict[str, Vectors]:
    """Vectors of every rule's examples, once per process. Rule id -> float32 [n, d], L2-normalised."""
    return {rule: embedder.embed(list(texts)) for rule, texts in examples.items() if texts}


def likeness(embedder: Embedder, examples: Mapping[str, Vectors], text: str) -> dict[str, float]:
    """Highest cosine similarity of the message to an example of each rule (-1 to 1).

    A long message is also compared sentence by sentence, so that a request for a person at the end of
    a story is still seen.
    """
    if not text.strip() or not examples:
        return {}
    parts = [text]
    if len(text.split()) > LONG_MESSAGE_WORDS:
        parts += [p for p in text.replace("?", "?\n").replace(". ", ".\n").replace("!", "!\n").splitlines() if p.strip()]
    vectors = embedder.embed(parts)
    return {rule: float(np.max(vectors @ known.T)) for rule, known in examples.items()}
