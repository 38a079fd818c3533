"""A customer is forgotten while real workers are at their conversation: the turn that runs ends, and none comes after it."""

from agent.adapters.conversation_jobs import ConversationJobs
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_kept import RedisKept
from tests.integration.test_queue import World, _at_least, own_server, until, world

__all__ = ["own_server", "world"]


async def test_the_turn_that_runs_is_waited_for_and_what_waits_behind_it_is_gone(world: World) -> None:
    world.start_worker({"concurrency": 4, "redelivery_s": 5.0}, turn_s=2)
    cid = await world.say(1)
    await until(lambda: _at_least(world, "turns", 1))
    for number in range(2, 5):
        await world.say(1, f"m{number}")
    async with redis_client(world.server.url) as client:
        jobs, kept = ConversationJobs(client, world.queue, 5.0), RedisKept(client)
        async with jobs.kept_out(cid, 60):
            assert len(await world.notes("finished")) == len(await world.notes("turns")) >= 1, "the turn has ended"
            begun = len(await world.notes("turns"))
            await world.say(1, "m5")
            await until(lambda: _parked(world))
            assert len(await world.notes("turns")) == begun, "none begins while we are at it"
            await kept.silence(cid)
            await jobs.remove(cid, 60)
            await kept.remove(cid)
    await world.say(2)
    await until(lambda: _at_least(world, "turns", begun + 1))
    await until(lambda: _delivered(world, "desk:2"))
    assert (await world.notes("turns")).count("desk:1") == begun
    left = [key async for key in world.client.scan_iter() if "desk:1" in str(key)]
    assert [key for key in left if not str(key).startswith("test:")] == []


async def _parked(world: World) -> bool:
    """A turn was asked for and waits for the slot."""
    return bool([key async for key in world.client.scan_iter("*concurrency:conversation_id:desk:1:waiters")])


async def _delivered(world: World, conversation_id: str) -> bool:
    return conversation_id in await world.notes("deliveries")
