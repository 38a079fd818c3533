"""Where a turn goes next. Pure."""

from typing import Literal

from langgraph.graph import END

from agent.graph.compose import may_ask_back
from agent.graph.evidence import is_answerable
from agent.graph.state import TurnState
from agent.types import Decision
from policies.types import Action


def after_gate(state: TurnState) -> Literal["retrieve", "decide"]:
    """A rule that hands off or refuses ends the turn; so does a request that names nothing."""
    if state["verdict"].action is not Action.ALLOW or may_ask_back(state["messages"]):
        return "decide"
    return "retrieve"


def after_retrieve(state: TurnState) -> Literal["draft", "decide"]:
    """No model call where no passage answers."""
    return "draft" if is_answerable(state["evidence"]) else "decide"


def after_decide(state: TurnState) -> str:
    """A proposed reply waits for a person."""
    return "approve" if state["outcome"].decision is Decision.DRAFT else END
