"""What waits for the customer's word, and whether a message is no more than that. Pure."""

import datetime as dt

from agent.graph.acting.arguments import read_arguments
from agent.graph.acting.consent import Consent, read_consent
from agent.graph.acting.reading import Desk, is_able
from agent.graph.state import TurnState
from agent.types import NOBODY, Author, Proposal
from policies.engine import PolicyEngine
from policies.judging import Judge

PLAIN_WORDS = 3
"""A longer message may say something that a hard rule is for."""


def waiting(state: TurnState, policies: PolicyEngine, desk: Desk) -> tuple[Proposal | None, Judge | None]:
    """What waits for the word of this very customer, if it has not expired and its action is still there."""
    proposal = state.get("proposal")
    if proposal is None or proposal.customer_id != state.get("customer", NOBODY).customer_id:
        return None, None
    if dt.datetime.fromisoformat(proposal.expires_at) <= desk.now().now:
        return None, None
    judge = policies.actions.get(proposal.action)
    return (proposal, judge) if judge is not None and is_able(desk, judge.action) else (None, None)


def latest_texts(state: TurnState) -> list[str]:
    """What the customer has written since anybody else has, oldest first."""
    texts: list[str] = []
    for message in reversed(state["messages"]):
        if message.author is not Author.CUSTOMER:
            break
        texts.append(message.text)
    return texts[::-1]


def is_plain_answer(state: TurnState, policies: PolicyEngine, desk: Desk | None) -> bool:
    """True for a message of a word or three that answers what we have asked about an action, and says nothing else."""
    if desk is None:
        return False
    proposal, judge = waiting(state, policies, desk)
    texts = latest_texts(state)
    said = " ".join(texts)
    if proposal is None or judge is None or not 0 < len(said.split()) <= PLAIN_WORDS:
        return False
    if proposal.asked is None:
        return read_consent(said) in (Consent.YES, Consent.NO)
    language = state["facts"].language
    return proposal.asked in read_arguments(judge.action.arguments, texts[::-1], language, desk.now(), proposal.asked)
