"""Messages, outcomes and outbox entries as JSON, and back. Pure; knows nothing of where the JSON is kept."""

import dataclasses
import json
from typing import Any

from agent.types import (
    NOBODY,
    Author,
    Citation,
    ConversationId,
    Customer,
    Decision,
    DraftRuling,
    Identity,
    Message,
    MessageId,
    OutboxEntry,
    OutboxId,
    Outcome,
    PendingApproval,
    PolicyTrace,
    Proposal,
    Ruled,
    RunId,
    Usage,
)
from knowledge.types import DocumentId, PassageId


def dump_message(message: Message) -> str:
    """JSON of one message."""
    value = dataclasses.asdict(message)
    if message.customer == NOBODY:
        del value["customer"]
    for name in ("rules", "unanswered"):
        if not value[name]:
            del value[name]
    return _dump(value)


def load_message(text: str) -> Message:
    """The inverse of `dump_message`."""
    value = json.loads(text)
    return Message(
        message_id=MessageId(value["message_id"]),
        author=Author(value["author"]),
        text=value["text"],
        sent_at=value["sent_at"],
        visible=value["visible"],
        customer=_load_customer(value.get("customer")),
        rules=tuple(value.get("rules", ())),
        unanswered=value.get("unanswered", False),
    )


def dump_outcome(outcome: Outcome) -> dict[str, Any]:
    """Plain values that `json.dumps` takes."""
    value = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
    value["decision"] = outcome.decision.value
    value["policy"] = dataclasses.asdict(outcome.policy)
    value["citations"] = [dataclasses.asdict(citation) for citation in outcome.citations]
    value["usage"] = dataclasses.asdict(outcome.usage)
    value["timings_ms"] = dict(outcome.timings_ms)
    value["proposal"] = dataclasses.asdict(outcome.proposal) if outcome.proposal else None
    value["approval"] = dataclasses.asdict(outcome.approval) if outcome.approval else None
    for name in ("proposal", "notice", "approval"):
        if value[name] is None:
            del value[name]
    return value


def load_outcome(value: dict[str, Any]) -> Outcome:
    """The inverse of `dump_outcome`."""
    policy = value["policy"]
    return Outcome(
        decision=Decision(value["decision"]),
        answer=value["answer"],
        reason=value["reason"],
        language=value["language"],
        policy=PolicyTrace(policy["version"], policy["sha256"], tuple(policy["rules"])),
        citations=tuple(_load_citation(citation) for citation in value["citations"]),
        confidence=value["confidence"],
        usage=Usage(**value["usage"]),
        timings_ms=value["timings_ms"],
        queue=value["queue"],
        sure=value.get("sure", True),  # not in what was written before there was such a field
        summary=value["summary"],
        proposal=Proposal(**value["proposal"]) if value.get("proposal") else None,
        notice=value.get("notice"),
        approval=PendingApproval(**value["approval"]) if value.get("approval") else None,
    )


def dump_proposal(proposal: Proposal) -> str:
    """JSON of one proposal."""
    return _dump(dataclasses.asdict(proposal))


def load_proposal(text: str) -> Proposal:
    """The inverse of `dump_proposal`."""
    return Proposal(**json.loads(text))


def dump_approval(approval: PendingApproval) -> str:
    """JSON of one action that waits for a person."""
    return _dump(dataclasses.asdict(approval))


def load_approval(text: str) -> PendingApproval:
    """The inverse of `dump_approval`."""
    return PendingApproval(**json.loads(text))


def dump_ruling(ruling: DraftRuling) -> str:
    """JSON of what was decided about a draft."""
    value = dataclasses.asdict(ruling)
    if not ruling.by:
        del value["by"]  # as it was written before there was such a thing: what is stored is compared with it
    return _dump(value)


def load_ruling(text: str) -> DraftRuling:
    """The inverse of `dump_ruling`."""
    value = json.loads(text)
    return DraftRuling(RunId(value["run_id"]), Ruled(value["ruled"]), value["text"], value.get("by", ""))


def dump_entry(entry: OutboxEntry) -> str:
    """JSON of one outbox entry."""
    value = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
    value["outcome"] = dump_outcome(entry.outcome)
    return _dump(value)


def load_entry(text: str) -> OutboxEntry:
    """The inverse of `dump_entry`."""
    value = json.loads(text)
    return OutboxEntry(
        outbox_id=OutboxId(value["outbox_id"]),
        conversation_id=ConversationId(value["conversation_id"]),
        source=value["source"],
        ticket_id=value["ticket_id"],
        run_id=RunId(value["run_id"]),
        in_reply_to=MessageId(value["in_reply_to"]),
        outcome=load_outcome(value["outcome"]),
        created_at=value["created_at"],
    )


def _load_customer(value: dict[str, Any] | None) -> Customer:
    return Customer(Identity(value["identity"]), value["customer_id"], value["email"]) if value else NOBODY


def _load_citation(value: dict[str, Any]) -> Citation:
    return Citation(
        n=value["n"],
        doc_id=DocumentId(value["doc_id"]),
        passage_id=PassageId(value["passage_id"]),
        title=value["title"],
        url=value["url"],
        quote=value["quote"],
    )


def _dump(value: dict[str, Any]) -> str:
    # ASCII escapes keep even a lone surrogate, which a customer's client may send, storable.
    return json.dumps(value, separators=(",", ":"))
