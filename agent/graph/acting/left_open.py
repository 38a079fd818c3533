"""A call that was begun in a turn that doesn't come to its end: a person learns of it, since nobody else will."""

from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.reading import Desk
from agent.graph.acting.wording import told_to_people
from agent.ports import LedgerStage
from agent.types import Proposal


async def told_of_begun(desk: Desk | None, proposal: Proposal | None) -> str | None:
    """What a person is told of the call that was begun for what the customer was asked; None if none was.

    Raises:
        QueueUnavailable: the ledger can't be read.
    """
    if desk is None or proposal is None:
        return None
    begun = await desk.ledger.find(proposal.action, proposal.proposal_id)
    if begun is None:
        return None
    step = Step.DONE if begun.stage is LedgerStage.DONE else Step.UNCERTAIN
    return told_to_people(Acted(step, proposal.action, f"{proposal.action}.{step.value}", "", {}, proposal))
