"""Draft: the model writes an answer from the passages. At most one call, and none without evidence."""

from langgraph.runtime import Runtime

from agent.errors import ModelOutputInvalid
from agent.graph.prompting import draft_prompt, parse_draft
from agent.graph.state import TurnContext, TurnState
from agent.types import Usage

DRAFT_PASSAGES = 4


async def draft(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Ask the model. A nonsense answer counts as no draft: a quote may still do.

    Raises:
        ModelUnavailable: the server can't be used now; the turn is tried again later.
    """
    context = runtime.context
    evidence, hits = state["evidence"], state["hits"]
    chosen = [hits[i].passage for i in evidence.ranking][:DRAFT_PASSAGES]
    guidelines = context.policies.guidelines(state["facts"])
    prompt = draft_prompt(context.profile, context.policies.company, [g.then for g in guidelines], chosen, state["messages"])
    rules = (*state.get("rules", ()), *(g.id for g in guidelines))
    try:
        completion = await context.chat.complete(prompt)
    except ModelOutputInvalid:
        return {"draft": None, "rules": rules, "usage": Usage(llm_calls=1)}
    return {"draft": parse_draft(context.profile, completion.text), "rules": rules, "usage": completion.usage}
