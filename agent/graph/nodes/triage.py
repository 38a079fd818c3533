"""Triage: which language, which rules' examples the message is like, what the rules count. No model call."""

from functools import partial

from langgraph.runtime import Runtime

from agent.graph import counting
from agent.graph.examples import likeness
from agent.graph.followup import latest_request
from agent.graph.state import TurnContext, TurnState
from agent.types import Author
from policies.repeats import asked_before
from policies.types import Facts


async def triage(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Gather the facts that the policies judge."""
    context, messages = runtime.context, state["messages"]
    text = latest_request(messages)
    language = state.get("language_hint") or context.detect_language(text) or context.policies.locales[0]
    similarity = await context.in_thread(likeness, context.embedder, context.examples, text)
    replies = [message for message in messages if message.author is Author.ASSISTANT]
    before = counting.requests(messages)[:-1]
    facts = Facts(
        text=text,
        language=language,
        first_message=not replies,
        similarity=similarity,
        identity=messages[-1].customer.identity.value,
        turn=len(replies) + 1,
        used=tuple(dict.fromkeys(rule for message in replies for rule in message.rules)),
        asked_before=asked_before(text, before),
        unanswered=counting.unanswered(messages),
        tool_failures=context.tool_failures,
        accepted=None if state.get("proposal") else counting.accepted(messages, context.policies.offers),
    )
    return {"facts": await context.in_thread(context.policies.counted, facts, before, partial(_read, context))}


def _read(context: TurnContext, text: str) -> Facts:
    language = context.detect_language(text) or context.policies.locales[0]
    return Facts(text, language, first_message=False, similarity=likeness(context.embedder, context.examples, text))
