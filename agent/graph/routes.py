"""Where a turn goes next. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from langgraph.graph import END

from agent.graph.answerability import is_unknown
from agent.graph.asking_back import should_ask
from agent.graph.evidence import is_answerable
from agent.graph.state import TurnState
from agent.types import Decision


def asks_back(state: TurnState) -> bool:
    """True if we had better ask than answer or hand over."""
    return should_ask(state["messages"], state.get("asked_back", 0), state.get("evidence"), state.get("answerability"))


def gives_up(state: TurnState) -> bool:
    """True if nothing that was found answers the request, or a question of it."""
    evidence, found = state["evidence"], state.get("answerability")
    if any(part.hit is not None for part in state.get("parts", ())):
        return False
    return not is_answerable(evidence) or (found is not None and is_unknown(found, evidence))


def at_start(state: TurnState) -> str:
    """Nowhere for a run that was to go on from a checkpoint which is gone by now: another process has brought it to its end."""
    return "triage" if state.get("messages") else END


def after_gate(state: TurnState) -> Literal["act", "decide"]:
    """A rule that hands off or refuses ends the turn."""
    return "act" if state["verdict"].action.goes_on else "decide"


def after_act(state: TurnState) -> Literal["retrieve", "decide"]:
    """An action ends the turn; so does a request that names nothing."""
    return "decide" if state.get("acted") is not None or asks_back(state) else "retrieve"


def after_retrieve(state: TurnState) -> Literal["draft", "decide"]:
    """No model call where no passage answers, or where we had better ask."""
    return "decide" if gives_up(state) or asks_back(state) else "draft"


def after_decide(state: TurnState) -> str:
    """A proposed reply waits for a person."""
    return "approve" if state["outcome"].decision is Decision.DRAFT else END


def is_waiting(state: Mapping[str, Any]) -> bool:
    """True if the graph stops in this state until a person has decided."""
    outcome = state.get("outcome")
    return outcome is not None and after_decide({"outcome": outcome}) == "approve"
