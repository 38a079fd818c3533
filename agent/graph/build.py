r"""The graph. It reads like the picture in the README.

triage -> gate -> act -> retrieve -> draft -> verify -> decide (-> approve)
            \\______\\________ a rule decides ________/
"""

import time
from collections.abc import Awaitable
from typing import Any, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent.graph.nodes.act import act
from agent.graph.nodes.approve import approve
from agent.graph.nodes.decide import decide
from agent.graph.nodes.draft import draft
from agent.graph.nodes.gate import gate
from agent.graph.nodes.retrieve import retrieve
from agent.graph.nodes.triage import triage
from agent.graph.nodes.verify import verify
from agent.graph.routes import after_act, after_decide, after_gate, after_retrieve, at_start
from agent.graph.state import TurnContext, TurnState
from agent.telemetry import span


class Node(Protocol):
    """An async function of state and runtime."""

    def __call__(self, state: TurnState, runtime: Runtime[TurnContext]) -> Awaitable[TurnState]:
        """What the node adds to the state."""
        ...


TurnGraph = CompiledStateGraph[TurnState, TurnContext, TurnState, TurnState]


def build_graph(checkpointer: BaseCheckpointSaver[Any] | None = None) -> TurnGraph:
    """Compile the graph. Without a checkpointer a proposed reply does not wait: it is the result."""
    graph = StateGraph(TurnState, context_schema=TurnContext)
    nodes: dict[str, Node] = {
        "triage": triage,
        "gate": gate,
        "act": act,
        "retrieve": retrieve,
        "draft": draft,
        "verify": verify,
        "decide": decide,
    }
    for name, node in nodes.items():
        graph.add_node(name, _timed(name, node))
    graph.add_conditional_edges(START, at_start, ["triage", END])
    graph.add_edge("triage", "gate")
    graph.add_conditional_edges("gate", after_gate, ["act", "decide"])
    graph.add_conditional_edges("act", after_act, ["retrieve", "decide"])
    graph.add_conditional_edges("retrieve", after_retrieve, ["draft", "decide"])
    graph.add_edge("draft", "verify")
    graph.add_edge("verify", "decide")
    if checkpointer is None:
        graph.add_edge("decide", END)
    else:
        graph.add_node("approve", approve)
        graph.add_conditional_edges("decide", after_decide, ["approve", END])
        graph.add_edge("approve", END)
    return graph.compile(checkpointer=checkpointer)


def _timed(name: str, node: Node) -> Node:
    """Add the node's own time, in ms, to the state; less what it has told apart itself."""

    async def timed(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
        start = time.perf_counter()
        with span(name):
            update = await node(state, runtime)
        apart = update.get("timings_ms", {})
        spent = (time.perf_counter() - start) * 1000 - sum(apart.values())
        update["timings_ms"] = {name: round(spent, 2), **apart}
        return update

    return timed
