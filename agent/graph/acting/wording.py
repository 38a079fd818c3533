"""What an action came to, as an outcome: approved words with values in their places. Pure."""

import datetime as dt
from collections.abc import Mapping

from agent import reasons
from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.filling import Unfillable, fill_text, one_line
from agent.types import Decision, PendingApproval, RunId
from policies.amounts import seconds
from policies.engine import PolicyEngine
from policies.expressions import Clock

DECISIONS: Mapping[Step, tuple[Decision, str]] = {
    Step.IDENTIFY: (Decision.REFUSE, "an action needs a customer who is known"),
    Step.ASK: (Decision.CLARIFY, "an action needs something that the customer has not named"),
    Step.CONFIRM: (Decision.CLARIFY, "an action waits for the customer's yes"),
    Step.DECLINED: (Decision.ANSWER, "the customer does not want the action"),
    Step.DENIED: (Decision.REFUSE, "a rule stands in the action's way"),
    Step.PENDING: (Decision.DRAFT, reasons.ACTION_PENDING),
    Step.DONE: (Decision.ANSWER, "an action was carried out"),
    Step.UNCERTAIN: (Decision.HANDOFF, reasons.ACTION_UNCERTAIN),
}


def words_of(acted: Acted, policies: PolicyEngine, language: str, clock: Clock) -> str:
    """The text for the customer; of an action that waits for a person, what is sent once they have said yes.

    Raises:
        Unfillable: a place in it has no value.
    """
    action = policies.actions[acted.action].action
    key = action.say.done if acted.step is Step.PENDING else acted.say
    try:
        text, locale = policies.text_in(key, language)
    except KeyError as error:
        raise Unfillable(f"there is no text {key}") from error
    filled = fill_text(text, acted.values, locale, action.currency, clock)
    if acted.step is Step.ASK and acted.choices:
        return "\n".join((filled, *(f"- {one_line(choice)}" for choice in acted.choices)))
    return filled


def queue_of(acted: Acted, policies: PolicyEngine) -> str | None:
    """Where the person is who has to say yes."""
    approval = policies.actions[acted.action].action.approval
    return approval.queue if approval else None


def waits_until(acted: Acted, policies: PolicyEngine, run_id: RunId, clock: Clock) -> PendingApproval:
    """What waits for a person's yes, and how long. An action that always waits in `mode: draft` may have no time of its own."""
    approval = policies.actions[acted.action].action.approval
    until = None
    if approval is not None:
        late = clock.now.astimezone(dt.UTC) + dt.timedelta(seconds=seconds(approval.timeout))
        until = late.isoformat(timespec="seconds")
    return PendingApproval(run_id, acted.action, acted.proposal.customer_id if acted.proposal else None, until)


def told_to_people(acted: Acted) -> str:
    """What an action is about, for the person who has to say yes or to look after it."""
    lines = [f"Action: {acted.action} ({acted.step.value})", f"Rule: {acted.rule}"]
    if acted.proposal is not None:
        lines += [f"{name}: {value}" for name, value in acted.proposal.call.items()]
        lines += [f"Amount in cents: {acted.proposal.amount}"] if acted.proposal.amount else []
    return "\n".join(lines)
