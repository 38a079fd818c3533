"""Retrieve: passages that this customer may see, and how well they answer the question."""

from collections.abc import Sequence

from langgraph.runtime import Runtime

from agent.graph.evidence import Evidence, weigh
from agent.graph.followup import search_text
from agent.graph.state import TurnContext, TurnState
from agent.ports import Retriever
from knowledge.types import Hit, Query

PASSAGES = 12


async def retrieve(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Search once, weigh once, open the best article."""
    context = runtime.context
    text = search_text(state["messages"])
    query = Query(text=text, audiences=context.policies.clearance(), k=PASSAGES)

    def work() -> tuple[list[Hit], Evidence]:
        hits = context.retriever.search(query)
        evidence = weigh(context.embedder, text, hits)
        return [*hits, *rest_of_article(context.retriever, query, hits)], evidence

    hits, evidence = await context.in_thread(work)
    return {"hits": tuple(hits), "evidence": evidence}


def rest_of_article(retriever: Retriever, query: Query, hits: Sequence[Hit]) -> list[Hit]:
    """The passages around the best hit that the search itself didn't bring: what answers may stand a paragraph further."""
    if not hits:
        return []
    found = {hit.passage.passage_id for hit in hits}
    around = retriever.around(hits[0].passage, query.audiences)
    return [Hit(passage, 0.0, 0.0, 0.0, 0.0) for passage in around if passage.passage_id not in found]
