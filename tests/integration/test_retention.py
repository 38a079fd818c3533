"""How long conversations are kept: what is done goes all at once, what is owed stays. On one server and on a cluster."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_commands import command
from agent.adapters.redis_keys import waiting_key
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_shards import shard_key, tag_of
from agent.adapters.redis_store import RedisConversations
from agent.errors import ConversationMissing
from agent.standing import run_id_of
from agent.types import Author, Conversation, Decision, MessageId, OutboxEntry, RunId
from tests.redis_groups import Group
from tests.samples import TICKET, message, outcome
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

CID = TICKET.conversation_id
PARTS = ("meta", "messages", "ids", "waiting")
LONG_S = 5000


@dataclass(frozen=True)
class Kept:
    """Conversations that are kept for so long."""

    client: RedisClient
    keep_s: int = LONG_S

    @property
    def conversations(self) -> RedisConversations:
        return RedisConversations(self.client, self.keep_s)

    @property
    def outbox(self) -> RedisOutbox:
        return RedisOutbox(self.client, self.keep_s)

    async def say(self, message_id: str, author: Author = Author.CUSTOMER) -> Conversation:
        await self.conversations.append(TICKET, message(message_id, author))
        return await self.conversations.read(CID)

    async def end(self, decision: Decision, run: str = "r1") -> OutboxEntry:
        """Commit such an outcome of what was said."""
        entry = await self.conversations.commit(await self.conversations.read(CID), RunId(run), outcome(decision))
        assert entry is not None
        return entry

    async def ask_and_end(self, decision: Decision) -> OutboxEntry:
        """The same, of a question that is asked first; delivered."""
        await self.say("m1")
        entry = await self.end(decision)
        await self.outbox.settle(entry.key, delivered=True)
        return entry

    async def lasts(self) -> dict[str, int]:
        """Seconds that each key has left, -1 for ever; without those that aren't there."""
        keys = {part: shard_key(tag_of(CID), f"conversation:{CID}:{part}") for part in PARTS}
        found = await self.client.together([command("TTL", key) for key in keys.values()])
        return {part: int(left) for part, left in zip(keys, found, strict=True) if int(left) != -2}

    async def wait_in_graph(self) -> None:
        """As the checkpointer leaves it."""
        key = waiting_key(CID)
        await self.client.together([command("HSET", key, "id", "1"), command("EXPIRE", key, 60)])


@pytest.fixture(params=["redis_server", "redis_cluster"])
async def kept(request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    server: RedisServer | Group = request.getfixturevalue(request.param)
    server.flush()
    async with redis_client(server.url) as client:
        yield Kept(client)


async def gone(kept: Kept) -> None:
    async with asyncio.timeout(60):
        while True:
            if not await kept.lasts():
                return
            await asyncio.sleep(0.05)


def are_for_ever(lasts: dict[str, int]) -> bool:
    return bool(lasts) and set(lasts.values()) == {-1}


def are_for_a_while(lasts: dict[str, int]) -> bool:
    return bool(lasts) and all(LONG_S - 120 < left <= LONG_S for left in lasts.values())


async def test_an_answered_conversation_goes_once_its_reply_is_delivered(kept: Kept) -> None:
    await kept.say("m1")
    assert are_for_ever(await kept.lasts()), "the question is owed an answer"
    entry = await kept.end(Decision.ANSWER)
    assert are_for_ever(await kept.lasts()), "the answer is owed to the helpdesk"
    await kept.outbox.settle(entry.key, delivered=True)
    lasts = await kept.lasts()
    assert set(lasts) == {"meta", "messages", "ids"}
    assert are_for_a_while(lasts)
    await kept.outbox.settle(entry.key, delivered=True)
    assert are_for_a_while(await kept.lasts())


async def test_another_message_keeps_it_until_that_is_answered(kept: Kept) -> None:
    await kept.ask_and_end(Decision.ANSWER)
    read = await kept.say("m2")
    assert are_for_ever(await kept.lasts())
    assert await kept.conversations.commit(read, RunId("r2"), outcome(Decision.NO_REPLY, "")) is None
    assert are_for_a_while(await kept.lasts())


async def test_what_happens_in_it_makes_it_last_longer(kept: Kept) -> None:
    await kept.ask_and_end(Decision.ANSWER)
    steps: list[Callable[[], Awaitable[object]]] = [
        lambda: kept.say("p1", Author.HUMAN_AGENT),
        lambda: kept.conversations.set_owner(CID, person=True),
        lambda: kept.conversations.give_back(CID, MessageId("n1")),
    ]
    for step in steps:
        keys = [shard_key(tag_of(CID), f"conversation:{CID}:{part}") for part in PARTS]
        await kept.client.together([command("EXPIRE", key, 100) for key in keys])
        await step()
        assert are_for_a_while(await kept.lasts())


async def test_a_customer_who_writes_after_that_begins_anew(kept: Kept) -> None:
    short = Kept(kept.client, keep_s=1)
    await short.ask_and_end(Decision.ANSWER)
    before = await short.conversations.read(CID)
    await gone(short)
    with pytest.raises(ConversationMissing):
        await short.conversations.read(CID)
    assert await short.conversations.commit(before, RunId("late"), outcome()) is None
    await short.conversations.set_owner(CID, person=True)
    assert await short.lasts() == {}, "a late step brings nothing back"
    read = await short.say("m1")
    assert (read.length, read.answered, read.handed_off, len(read.messages)) == (1, 0, False, 1)
    assert await short.conversations.unanswered() == [CID]
    assert run_id_of(read) != run_id_of(Conversation(CID, "desk", "7", read.messages, 1, begun=before.begun))
    assert await short.end(Decision.ANSWER, run_id_of(read)) is not None


@pytest.mark.parametrize("author", [Author.HUMAN_AGENT, None])
async def test_a_hand_off_is_kept_until_somebody_has_taken_it(kept: Kept, author: Author | None) -> None:
    await kept.ask_and_end(Decision.HANDOFF)
    assert are_for_ever(await kept.lasts())
    read = await kept.say("m2")
    await kept.conversations.commit(read, RunId("r2"), outcome(Decision.NO_REPLY, ""))
    assert are_for_ever(await kept.lasts()), "nobody has come yet"
    if author is None:
        await kept.conversations.set_owner(CID, person=True)
    else:
        await kept.say("p1", author)
    assert are_for_a_while(await kept.lasts())


async def test_a_hand_off_by_button_is_kept_too(kept: Kept) -> None:
    nothing = Conversation(CID, TICKET.source, TICKET.ticket_id, ())
    entry = await kept.conversations.hand_off(nothing, RunId("r1"), outcome(Decision.HANDOFF, ""))
    assert entry is not None
    await kept.outbox.settle(entry.key, delivered=True)
    assert await kept.lasts() == {"meta": -1}
    await kept.conversations.give_back(CID, MessageId("n1"))
    assert are_for_a_while(await kept.lasts())


async def test_a_draft_is_kept_until_a_person_has_ruled(kept: Kept) -> None:
    await kept.say("m1")
    await kept.wait_in_graph()
    entry = await kept.end(Decision.DRAFT)
    await kept.outbox.settle(entry.key, delivered=True)
    assert await kept.lasts() == dict.fromkeys(PARTS, -1)
    released = await kept.conversations.release(await kept.conversations.read(CID), RunId("r1"), outcome())
    assert released is not None
    assert await kept.lasts() == dict.fromkeys(PARTS[:3], -1), "the checkpoint goes in the same step"
    await kept.outbox.settle(released.key, delivered=True)
    assert are_for_a_while(await kept.lasts())


async def test_a_draft_goes_with_its_conversation_once_a_person_has_spoken(kept: Kept) -> None:
    await kept.say("m1")
    await kept.wait_in_graph()
    entry = await kept.end(Decision.DRAFT)
    await kept.outbox.settle(entry.key, delivered=True)
    await kept.say("p1", Author.HUMAN_AGENT)
    lasts = await kept.lasts()
    assert set(lasts) == set(PARTS)
    assert are_for_a_while(lasts)


async def test_an_answer_drops_the_draft_before_it(kept: Kept) -> None:
    await kept.say("m1")
    await kept.wait_in_graph()
    await kept.end(Decision.DRAFT)
    await kept.say("m2")
    await kept.end(Decision.ANSWER, "r2")
    assert "waiting" not in await kept.lasts()


async def test_what_was_never_committed_has_its_own_time(kept: Kept) -> None:
    await kept.say("m1")
    await kept.wait_in_graph()
    await kept.say("m2")
    lasts = await kept.lasts()
    assert 0 < lasts.pop("waiting") <= 60
    assert are_for_ever(lasts)


async def test_what_nobody_took_outlives_its_conversation(kept: Kept) -> None:
    short = Kept(kept.client, keep_s=1)
    await short.say("m1")
    entry = await short.end(Decision.ANSWER)
    await short.outbox.settle(entry.key, delivered=False, detail="refused")
    await gone(short)
    (dead,) = await short.outbox.dead()
    assert (dead.entry, dead.reason) == (entry, "refused")


async def test_without_a_limit_nothing_goes(kept: Kept) -> None:
    for_ever = Kept(kept.client, keep_s=0)
    await for_ever.ask_and_end(Decision.ANSWER)
    assert are_for_ever(await for_ever.lasts())
    await kept.say("p1", Author.HUMAN_AGENT)
    assert are_for_a_while(await kept.lasts())
    await for_ever.say("p2", Author.HUMAN_AGENT)
    assert are_for_ever(await for_ever.lasts()), "the limit was taken back"
