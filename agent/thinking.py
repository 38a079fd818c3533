"""One pass of the graph: from the messages that a customer may see to what is done about them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from langchain_core.runnables import RunnableConfig

from agent.graph.build import TurnGraph
from agent.graph.state import TurnContext, TurnState
from agent.standing import customer_of
from agent.types import Message, Outcome, Proposal, RunId, Usage


async def think(
    graph: TurnGraph,
    context: TurnContext,
    messages: Sequence[Message],
    run_id: RunId,
    thread_id: str,
    language: str | None = None,
    proposal: Proposal | None = None,
) -> Outcome:
    """One pass of the graph over the messages that the customer may see."""
    return (await walk(graph, context, messages, run_id, thread_id, language, proposal))["outcome"]


async def walk(
    graph: TurnGraph,
    context: TurnContext,
    messages: Sequence[Message],
    run_id: RunId,
    thread_id: str,
    language: str | None = None,
    proposal: Proposal | None = None,
) -> TurnState:
    """The same, and all that the turn knew at its end."""
    # A second time: not every channel stores what it hears, and what was stored before these rules is still there.
    cleaned = tuple(replace(one, text=context.privacy.at_the_door(one.text)) for one in messages)
    given: TurnState = {"run_id": run_id, "messages": cleaned, "language_hint": language}
    # A checkpoint brings back what the conversation's turn before has left; a node that this turn passes by doesn't
    # overwrite it, and an old claim must not answer a new question.
    given |= {"customer": customer_of(messages), "proposal": proposal, "acted": None}
    given |= {"hits": (), "draft": None, "claims": (), "usage": Usage(), "timings_ms": {}}
    config = RunnableConfig(configurable={"thread_id": thread_id})
    # A crashed turn is done again from its start, so only what waits for a person is written down.
    durability: Literal["exit"] | None = "exit" if graph.checkpointer else None
    state: TurnState = await graph.ainvoke(given, config, context=context, durability=durability)  # type: ignore[assignment]
    state["outcome"] = replace(state["outcome"], timings_ms=dict(state["timings_ms"]))
    return state
