"""A reply that would say personal data that it may not goes to a person. Pure."""

import json
from dataclasses import replace

import structlog

from agent import reasons
from agent.graph import compose
from agent.graph.acting.wording import told_to_people
from agent.graph.state import TurnContext, TurnState
from agent.types import Author, Decision, Outcome

log = structlog.get_logger(__name__)
_SAID = frozenset({Decision.ANSWER, Decision.DRAFT, Decision.CLARIFY, Decision.REFUSE})


def sayable(outcome: Outcome, state: TurnState, context: TurnContext) -> Outcome:
    """The outcome, or a hand-off in its place. A person may see what the customer wrote, so the summary stays as it is."""
    if outcome.decision not in _SAID:
        return outcome
    acted = state.get("acted")
    own = [m.text for m in state["messages"] if m.author is Author.CUSTOMER and m.visible]
    if acted is not None:
        own.append(json.dumps(acted.values, ensure_ascii=False))  # of a thing of this very customer's
    published = [*(hit.passage.text for hit in state.get("hits", ())), *context.policies.approved]
    held = context.privacy.unsayable(outcome.answer, own, published)
    if not held:
        return outcome
    log.warning("reply_held_back", classes=[kind.value for kind in held])
    reason = reasons.PERSONAL_DATA
    done = f"\n{told_to_people(acted)}" if acted is not None else ""
    return replace(
        outcome,
        decision=Decision.HANDOFF,
        answer=context.policies.text("handoff", outcome.language),
        reason=reason,
        citations=(),
        confidence=0.0,
        summary=compose.summary(state["messages"], reason, state.get("hits", ())) + done,
        proposal=None,
        notice=None,
        approval=None,
    )
