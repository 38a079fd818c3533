"""The sweep: all that is owed is asked for again, and however much that is, one sweep is over soon."""

from agent.adapters.jobs import Owed, WorkerOptions
from agent.adapters.perpetual import MOST_AT_A_SWEEP, sweep_task
from tests.fakes import InMemoryConversations, InMemoryOutbox, InMemoryQueue, InMemoryTicketHints
from tests.samples import message, ticket


async def _waiting(count: int) -> Owed:
    outbox = InMemoryOutbox()
    conversations, hints = InMemoryConversations(outbox), InMemoryTicketHints()
    for number in range(count):
        await conversations.append(ticket(number), message(f"m-{number}"))
        await hints.add(ticket(number).conversation_id, f"delivery-{number}", "digest")
    return Owed(conversations, outbox, hints)


async def test_all_that_is_owed_is_asked_for():
    queue = InMemoryQueue()
    await sweep_task(queue, await _waiting(3), WorkerOptions())()
    expected = {(ticket(number).conversation_id, asked) for number in range(3) for asked in (f"m-{number}", "hint")}
    assert set(queue.turns) == expected


async def test_of_a_great_many_each_has_its_turn_over_some_sweeps():
    owed, seen, sweeps = await _waiting(MOST_AT_A_SWEEP + 100), set(), 0
    while len(seen) < 2 * (MOST_AT_A_SWEEP + 100):
        queue = InMemoryQueue()
        await sweep_task(queue, owed, WorkerOptions())()
        assert len(queue.turns) == 2 * MOST_AT_A_SWEEP
        seen |= set(queue.turns)
        sweeps += 1
        assert sweeps < 200
