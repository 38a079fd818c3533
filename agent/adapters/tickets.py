"""What was answered, read back from Redis: the turns of conversations and of shadow mode. Reads, and never writes."""

from collections.abc import AsyncIterator

from agent.adapters.redis_clients import RedisClient
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import PREFIX
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.errors import ConversationMissing
from agent.ports import RecordedTurn
from agent.types import Author, Conversation, ConversationId, Decision, Message, RunId, outbox_id

_NAME, _META = ":conversation:", ":meta"
_OURS = outbox_id(RunId(""))
_RELEASED = outbox_id(RunId(""), released=True).removeprefix(_OURS)


async def recorded_turns(client: RedisClient) -> AsyncIterator[RecordedTurn]:
    """Every turn that is still on record, in no order.

    A conversation keeps what was said, and not the outcome: of those turns nothing is known but the text, and
    whether it was proposed to a person.

    Raises:
        QueueUnavailable: Redis can't be reached.
    """
    async for record in RedisShadowRecords(client).all():
        yield RecordedTurn(record.run_id, record.at.isoformat(), record.messages, record.outcome.answer, record.outcome)
    conversations = RedisConversations(client)
    for conversation_id in await conversation_ids(client):
        try:
            conversation = await conversations.read(conversation_id)
        except ConversationMissing:
            continue  # erased meanwhile
        for turn in turns_of(conversation):
            yield turn


def turns_of(conversation: Conversation) -> list[RecordedTurn]:
    """The turns that we answered: what the customer could see until then, and what we said.

    What a person made of a proposed reply is no turn of ours.
    """
    turns = []
    for at, message in enumerate(conversation.messages):
        run_id = _run_id(message)
        if run_id is None:
            continue
        seen = [m for m in conversation.messages[:at] if m.visible]
        while seen and seen[-1].author is not Author.CUSTOMER:
            seen.pop()
        if seen:
            decision = None if message.visible else Decision.DRAFT
            turns.append(RecordedTurn(run_id, message.sent_at, tuple(seen), message.text, None, decision))
    return turns


def _run_id(message: Message) -> RunId | None:
    if message.author is not Author.ASSISTANT or not message.message_id.startswith(_OURS):
        return None
    if message.message_id.endswith(_RELEASED):
        return None
    return RunId(message.message_id.removeprefix(_OURS))


async def conversation_ids(client: RedisClient) -> list[ConversationId]:
    """Every conversation, sorted. Goes through all keys. Raises `QueueUnavailable`."""
    found: set[str] = set()
    with unavailable("list the conversations"):
        # Each primary of a cluster is gone through.
        async for key in client.scan_iter(match=f"{PREFIX}{{*}}{_NAME}*{_META}", count=500):
            found.add(key.partition(_NAME)[2].removesuffix(_META))
    return [ConversationId(one) for one in sorted(found)]
