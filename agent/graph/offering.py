"""What a trigger offers, said behind the reply of a turn. Pure."""

from dataclasses import replace

from agent.types import Decision, Outcome
from policies.engine import PolicyEngine
from policies.types import Action, Verdict

_SAID_BEHIND = frozenset({Decision.ANSWER, Decision.DRAFT, Decision.CLARIFY, Decision.REFUSE})


def with_offer(outcome: Outcome, verdict: Verdict, policies: PolicyEngine) -> Outcome:
    """The outcome with the words of the offer, if the verdict is one; then its trigger is among the rules.

    Nothing is said behind a question about an action, since a yes to that must be a yes to nothing else, nor where a person
    comes anyway: then it is left for another reply.
    """
    is_about_an_action = outcome.proposal is not None or outcome.approval is not None
    if verdict.action is not Action.OFFER or verdict.say is None or verdict.rule is None:
        return outcome
    if outcome.decision not in _SAID_BEHIND or is_about_an_action:
        return outcome
    text = policies.text(verdict.say, outcome.language)
    is_there = outcome.answer.endswith(text)  # a guideline may say the same words
    trace = replace(outcome.policy, rules=(*outcome.policy.rules, verdict.rule))
    return replace(outcome, answer=outcome.answer if is_there else f"{outcome.answer}\n\n{text}", policy=trace)
