"""Triage: which language, which rules' examples the message is like. No model call."""

from collections.abc import Mapping, Sequence

from langgraph.runtime import Runtime

from agent.graph.followup import latest_request
from agent.graph.state import TurnContext, TurnState
from agent.ports import Embedder
from agent.types import Author
from policies.matching import ExampleTable
from policies.types import Facts

LONG_MESSAGE_WORDS = 40


async def triage(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Gather the facts that the policies judge."""
    context = runtime.context
    text = latest_request(state["messages"])
    language = state.get("language_hint") or context.detect_language(text) or context.policies.locales[0]
    similarity = await context.in_thread(likeness, context.embedder, context.examples, text)
    replies = [message for message in state["messages"] if message.author is Author.ASSISTANT]
    facts = Facts(
        text=text,
        language=language,
        first_message=not replies,
        similarity=similarity,
        identity=state["messages"][-1].customer.identity.value,
        turn=len(replies) + 1,
        used=tuple(dict.fromkeys(rule for message in replies for rule in message.rules)),
    )
    return {"facts": facts}


def embed_examples(embedder: Embedder, examples: Mapping[str, Sequence[str]]) -> ExampleTable:
    """Vectors of every rule's examples, once per process."""
    return ExampleTable({rule: embedder.embed(list(texts)) for rule, texts in examples.items() if texts})


def likeness(embedder: Embedder, examples: ExampleTable, text: str) -> dict[str, float]:
    """How near the message is to the examples of each rule, see `ExampleTable.likeness`. The message is embedded once.

    A long message is also compared sentence by sentence, so that a request for a person at the end of
    a story is still seen.
    """
    if not text.strip() or not len(examples):
        return {}
    parts = [text]
    if len(text.split()) > LONG_MESSAGE_WORDS:
        parts += [p for p in text.replace("?", "?\n").replace(". ", ".\n").replace("!", "!\n").splitlines() if p.strip()]
    return examples.likeness(embedder.embed(parts))
