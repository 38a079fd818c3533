"""What a person decides about a proposal, by an internal note in the ticket. Pure."""

from agent.channels.helpdesks.marks import mark, marks_in
from agent.channels.helpdesks.types import DeskTicket, Wrote
from agent.types import DraftRuling, Ruled, RunId, outbox_id

APPROVE, DECLINE = "ai-approve", "ai-decline"
_WORDS = {APPROVE: Ruled.APPROVED, DECLINE: Ruled.DECLINED}


def ruled_in(ticket: DeskTicket, run_id: RunId) -> DraftRuling | None:
    """What the first such note behind the proposal of this run says; None if there is none.

    A note counts if the helpdesk itself knows that one of the staff wrote it: it may move money, and the sender of a mail is
    whoever its writer says. Who that was is told by the note itself, which the helpdesk keeps.
    """
    proposal = mark(outbox_id(run_id), "note")
    found = [place for place, one in enumerate(ticket.messages) if one.wrote is Wrote.US and proposal in marks_in(one.text)]
    for message in ticket.messages[found[0] + 1 :] if found else ():
        is_vouched_for = message.wrote is Wrote.STAFF and not message.public and not message.may_be_forged
        word = message.text.split(maxsplit=1)[0].rstrip(".,:;!").lower() if message.text.strip() else ""
        if is_vouched_for and word in _WORDS:
            return DraftRuling(run_id, _WORDS[word], by=f"note {message.message_id}")
    return None
