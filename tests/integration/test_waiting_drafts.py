"""Turns with the real checkpointer and the real journal: what waits for a person is kept, and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.adapters.checkpoints import open_checkpointer
from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_commands import command
from agent.adapters.redis_keys import waiting_key
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.graph.build import build_graph
from agent.graph.routes import is_waiting
from agent.turns import Turns
from agent.types import Decision, OutboxEntry
from agent.wiring.parts import STATE_TYPES
from policies.engine import PolicyEngine
from tests.redis_groups import Group
from tests.samples import TICKET, message
from tests.servers import RedisServer
from tests.unit.test_turns import PACK, QUESTION, Drafting, House

pytestmark = pytest.mark.slow

CID = TICKET.conversation_id
KEY = waiting_key(CID)


class Place:
    """One Redis, on which workers come and go."""

    def __init__(self, url: str, client: RedisClient) -> None:
        self.url, self.client = url, client
        self.conversations, self.outbox = RedisConversations(client, 5000), RedisOutbox(client, 5000)
        self.policies: PolicyEngine = Drafting(PACK)

    async def turn(self, house: House | None = None) -> OutboxEntry | None:
        async with open_checkpointer(self.url, state_types=STATE_TYPES, waits=is_waiting) as saver:
            return await self._turns(house or House(policies=self.policies), saver).run_turn(CID)

    async def rule(self, entry: OutboxEntry, *, approve: bool = True) -> bool:
        async with open_checkpointer(self.url, state_types=STATE_TYPES, waits=is_waiting) as saver:
            turns = self._turns(House(policies=self.policies), saver)
            if approve:
                return await turns.approve(CID, entry.run_id, None)
            return await turns.decline(CID, entry.run_id)

    async def say(self, message_id: str, text: str = QUESTION) -> None:
        await self.conversations.append(TICKET, message(message_id, text=text))

    async def waits_s(self) -> int:
        """What the checkpoint has left: -1 for ever, -2 if there is none."""
        return int((await self.client.together([command("TTL", KEY)]))[0])

    def _turns(self, house: House, saver: object) -> Turns:
        return replace(house.turns, graph=build_graph(saver), conversations=self.conversations)  # type: ignore[arg-type]


@pytest.fixture(params=["redis_server", "redis_cluster"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    server: RedisServer | Group = request.getfixturevalue(request.param)
    server.flush()
    async with redis_client(server.url) as client:
        yield Place(server.url, client)


async def test_an_answered_turn_leaves_no_checkpoint(place: Place) -> None:
    place.policies = PolicyEngine(PACK)
    await place.say("1")
    entry = await place.turn()
    assert entry is not None
    assert entry.outcome.decision is Decision.ANSWER
    assert await place.waits_s() == -2


@pytest.mark.parametrize("approve", [True, False])
async def test_a_draft_waits_for_ever_and_is_gone_once_it_is_ruled_on(place: Place, approve: bool) -> None:
    await place.say("1")
    entry = await place.turn()
    assert entry is not None
    assert entry.outcome.decision is Decision.DRAFT
    assert await place.waits_s() == -1
    assert await place.rule(entry, approve=approve)
    assert await place.waits_s() == -2
    assert not await place.rule(entry), "the repeat of a webhook"
    said = (await place.conversations.read(CID)).messages
    assert [m.visible for m in said] == [True, False, True]
    if approve:
        assert said[2].text == entry.outcome.answer


class Killed(BaseException):
    """The process ends here."""


class DiesAtCommit(RedisConversations):
    """The checkpoint is written, and the worker is killed before it can commit."""

    async def commit(self, *args: object) -> OutboxEntry | None:
        raise Killed


async def test_a_worker_that_dies_before_the_commit_leaves_nothing_for_ever(place: Place) -> None:
    await place.say("1")
    real, place.conversations = place.conversations, DiesAtCommit(place.client, 5000)
    with pytest.raises(Killed):
        await place.turn()
    assert 0 < await place.waits_s() <= 24 * 3600
    place.conversations = real
    entry = await place.turn()
    assert entry is not None
    assert await place.waits_s() == -1
    assert await place.rule(entry)


class DiesAtRelease(RedisConversations):
    """The graph has gone on, and the process is killed before the reply is written."""

    async def release(self, *args: object) -> OutboxEntry | None:
        raise Killed


async def test_an_approval_that_is_cut_off_is_done_by_its_repeat(place: Place) -> None:
    await place.say("1")
    entry = await place.turn()
    assert entry is not None
    real, place.conversations = place.conversations, DiesAtRelease(place.client, 5000)
    with pytest.raises(Killed):
        await place.rule(entry)
    place.conversations = real
    assert await place.waits_s() == -1
    assert await place.rule(entry)
    assert not await place.rule(entry)


async def test_a_draft_that_was_overtaken_can_no_longer_be_sent(place: Place) -> None:
    await place.say("1")
    draft = await place.turn()
    assert draft is not None
    place.policies = PolicyEngine(PACK)
    await place.say("2")
    assert not await place.rule(draft), "there is a newer question"
    answer = await place.turn()
    assert answer is not None
    assert answer.outcome.decision is Decision.ANSWER
    assert await place.waits_s() == -2
    assert not await place.rule(draft)
