"""`innkeeper customer export`: everything that is kept of a customer, as JSON values."""

import secrets
from datetime import UTC, datetime
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic_core import to_jsonable_python

from agent.adapters.checkpoints import open_checkpointer
from agent.ports import AuditEvent, AuditKind
from agent.types import ConversationId
from agent.wiring import parts
from agent.wiring.customers import NOT_HERE, Known, Stores

_OF_THE_CUSTOMER = ("customer", "proposal", "acted", "draft", "outcome", "asked")
"""What a turn that waits knows beside the conversation and the company's own articles."""


async def export(stores: Stores, known: Known, who: str) -> dict[str, Any]:
    """All of it. The export itself is written into the audit log first, and stands in it.

    Raises:
        QueueUnavailable: Redis can't be reached.
    """
    subject = known.subjects[0] if known.subjects else ""
    place = "" if subject or not known.conversations else known.conversations[0]
    await stores.audit.record(AuditEvent(AuditKind.EXPORTED, f"export:{secrets.token_hex(16)}", subject, place, who=who))
    return {
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "customer": {"ids": sorted(known.ids), "emails": sorted(known.emails), "also_known_here_as": sorted(known.also)},
        "shared_with_others": list(known.shared),
        "conversations": [await _conversation(stores, one) for one in known.conversations],
        "sessions": list(known.sessions.values()),
        "actions": list(known.actions),
        "audit": await stores.audit.about(known.subjects, known.conversations),
        "not_in_here": list(NOT_HERE),
    }


async def _conversation(stores: Stores, conversation_id: ConversationId) -> dict[str, Any]:
    kept = {"conversation_id": conversation_id, **await stores.kept.read(conversation_id)}
    async with open_checkpointer(stores.redis_url, state_types=parts.STATE_TYPES) as saver:
        waiting = await saver.aget_tuple(RunnableConfig(configurable={"thread_id": conversation_id}))
    if waiting is None:
        return kept
    state = waiting.checkpoint["channel_values"]
    told = {name: state[name] for name in _OF_THE_CUSTOMER if state.get(name) is not None}
    return {**kept, "waits_for_approval": to_jsonable_python(told, fallback=str)}
