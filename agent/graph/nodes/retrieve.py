"""Retrieve: passages that this customer may see, and how well they answer the question."""

from langgraph.runtime import Runtime

from agent.graph.evidence import Evidence, weigh
from agent.graph.followup import search_text
from agent.graph.state import TurnContext, TurnState
from knowledge.types import Hit, Query

PASSAGES = 12


async def retrieve(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Search once, weigh once."""
    context = runtime.context
    text = search_text(state["messages"])
    query = Query(text=text, audiences=context.policies.clearance(), k=PASSAGES)

    def work() -> tuple[list[Hit], Evidence]:
        hits = context.retriever.search(query)
        return hits, weigh(context.embedder, text, hits)

    hits, evidence = await context.in_thread(work)
    return {"hits": tuple(hits), "evidence": evidence}
