"""The seams of the agent: what it needs from the world, said in its own words. No vendor library here."""

from agent.ports.audit import AuditEvent, AuditKind, AuditLog
from agent.ports.conversations import Conversations, Link, Ticket, TicketHints, TicketLinks
from agent.ports.ledger import Entry, Ledger, Taken, Taking
from agent.ports.ledger import Stage as LedgerStage
from agent.ports.models import ChatModel, Embedder, ModelsSeen, PairReader, Retriever
from agent.ports.tools import Effect, ToolCall, ToolResult, Tools, ToolSpec
from agent.ports.turns import (
    Answerer,
    Approvals,
    Outbox,
    PersonRequests,
    Progress,
    RecordedTurn,
    ReplySender,
    ShadowRecord,
    ShadowRecords,
    Stage,
    TurnQueue,
)

__all__ = [
    "Answerer",
    "Approvals",
    "AuditEvent",
    "AuditKind",
    "AuditLog",
    "ChatModel",
    "Conversations",
    "Effect",
    "Embedder",
    "Entry",
    "Ledger",
    "LedgerStage",
    "Link",
    "ModelsSeen",
    "Outbox",
    "PairReader",
    "PersonRequests",
    "Progress",
    "RecordedTurn",
    "ReplySender",
    "Retriever",
    "ShadowRecord",
    "ShadowRecords",
    "Stage",
    "Taken",
    "Taking",
    "Ticket",
    "TicketHints",
    "TicketLinks",
    "ToolCall",
    "ToolResult",
    "ToolSpec",
    "Tools",
    "TurnQueue",
]
