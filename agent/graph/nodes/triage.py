"""Triage: which language, which rules' examples the message is like. No model call."""

from langgraph.runtime import Runtime

from agent.graph.examples import likeness
from agent.graph.followup import latest_request
from agent.graph.state import TurnContext, TurnState
from agent.types import Author
from policies.types import Facts


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
