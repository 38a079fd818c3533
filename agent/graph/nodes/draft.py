"""Draft: the model writes an answer from the passages. At most one call, and none without evidence."""

from dataclasses import replace

from langgraph.runtime import Runtime

from agent.errors import ModelOutputInvalid
from agent.graph.prompting import draft_prompt, parse_draft
from agent.graph.quoting import document_quotes
from agent.graph.state import TurnContext, TurnState
from agent.model_profiles import ModelProfile
from agent.ports import Embedder, Stage
from agent.types import Usage
from knowledge.types import Passage

DRAFT_PASSAGES = 4


async def draft(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Ask the model. A nonsense answer counts as no draft: a quote may still do.

    A demonstration model is asked only where its draft may count (see `verify`): elsewhere the passage is quoted.

    Raises:
        ModelUnavailable: the server can't be used now; the turn is tried again later.
    """
    context = runtime.context
    if not (context.profile.can_rephrase or state["evidence"].sure):
        return {"draft": None}
    await context.tell(Stage.WRITING)
    chosen = await context.in_thread(choose, context.embedder, context.profile, state)
    guidelines, standing = context.policies.guidelines(state["facts"]), context.policies.standing
    now = [g.then for g in guidelines if g not in standing]
    company, always = context.policies.company, [*context.policies.voice, *(g.then for g in standing)]
    prompt = draft_prompt(context.profile, company, now, chosen, state["messages"], always)
    rules = (*state.get("rules", ()), *(g.id for g in guidelines))
    try:
        completion = await context.chat.complete(prompt)
    except ModelOutputInvalid:
        return {"draft": None, "rules": rules, "usage": state["usage"] + Usage(llm_calls=1)}
    return {"draft": parse_draft(context.profile, completion.text), "rules": rules, "usage": state["usage"] + completion.usage}


def choose(embedder: Embedder, profile: ModelProfile, state: TurnState) -> list[Passage]:
    """The passages that the model is shown, best first.

    A model that can follow rules gets several. A small one gets the few sentences that answer: shown a whole
    passage it writes of whatever stands first.
    """
    hits, ranking = state["hits"], state["evidence"].ranking
    passages = [hits[i].passage for i in ranking][:DRAFT_PASSAGES]
    if profile.can_rephrase or not passages:
        return passages
    own = [hit.passage for hit in hits if hit.passage.doc_id == passages[0].doc_id]
    quotes = document_quotes(embedder, state["asked"], own)
    if not quotes:
        return passages[:1]
    best = max(quotes, key=lambda quote: quote.closeness)
    return [replace(own[best.place], text=best.text)]
