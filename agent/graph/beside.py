"""What a customer hears who writes while an action of theirs waits for a person's yes. Pure.

It goes on waiting: a question is answered beside it, and who asks for news is told that it waits. It ends where the customer says
no to it, or a person gets the conversation; also if somebody else writes there, who would read what comes of it.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent import reasons
from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.consent import Consent, read_consent
from agent.graph.acting.filling import Unfillable
from agent.graph.acting.wording import words_of
from agent.types import Author, Decision, Message, Outcome, PendingApproval
from policies.engine import PolicyEngine
from policies.expressions import Clock

_OPEN = frozenset({reasons.NOT_ANSWERED, reasons.NOT_SURE})


def is_anothers(unanswered: Sequence[Message], approval: PendingApproval, policies: PolicyEngine) -> bool:
    """True if somebody has written who isn't known, well enough for the action, to be the customer whose it is."""
    judge = policies.actions.get(approval.action)
    writers = {message.customer for message in _said(unanswered)}
    return any(
        one.customer_id != approval.customer_id or (judge is not None and not judge.admits(one.identity.value, one.customer_id))
        for one in writers
    )


def withdraws(unanswered: Sequence[Message]) -> bool:
    """True for a plain no."""
    return read_consent("\n".join(message.text for message in _said(unanswered))) is Consent.NO


def withdrawn(outcome: Outcome, approval: PendingApproval, policies: PolicyEngine, clock: Clock) -> Outcome:
    """In place of what else a no would have come to: nothing is carried out. As it was where there are no words for that."""
    judge = policies.actions.get(approval.action)
    if judge is None:
        return outcome
    declined = Acted(Step.DECLINED, approval.action, f"{approval.action}.declined", judge.action.say.declined, {})
    try:
        text = words_of(declined, policies, outcome.language, clock)
    except Unfillable:
        return outcome
    return _told(outcome, text, reasons.ACTION_WITHDRAWN, policies)


def beside(outcome: Outcome, approval: PendingApproval, policies: PolicyEngine) -> Outcome:
    """What a turn came to, said while the action goes on waiting: the result's `approval` is the one that does."""
    judge = policies.actions.get(approval.action)
    if judge is None or judge.action.say.pending is None:
        return outcome
    waits = policies.text(judge.action.say.pending, outcome.language)
    match outcome.decision:
        case Decision.ANSWER:
            return replace(outcome, answer=f"{outcome.answer}\n\n{waits}", approval=approval)
        case Decision.REFUSE:
            return replace(outcome, approval=approval)
        case Decision.HANDOFF if outcome.reason not in _OPEN:
            told = f"{outcome.summary or ''}\nAn action waited for approval, and waits no more: {approval.action}"
            return replace(outcome, summary=told.strip())
        case _:
            return replace(_told(outcome, waits, reasons.ACTION_STILL_PENDING, policies), approval=approval)


def _said(unanswered: Sequence[Message]) -> list[Message]:
    return [message for message in unanswered if message.author is Author.CUSTOMER and message.visible]


def _told(outcome: Outcome, text: str, reason: str, policies: PolicyEngine) -> Outcome:
    """With these words alone: what was offered behind others is not said, and may be another time."""
    rules = tuple(rule for rule in outcome.policy.rules if rule not in policies.offers)
    return replace(
        outcome,
        policy=replace(outcome.policy, rules=rules),
        decision=Decision.ANSWER,
        answer=text,
        reason=reason,
        citations=(),
        confidence=1.0,
        queue=None,
        summary=None,
        sure=True,
        notice=None,
        approval=None,
    )
