"""Rules that count, with conversations in a real Redis and the packaged encoder: nothing is lost between turns or processes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_ledger import RedisLedger
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.errors import ToolUnavailable
from agent.graph.acting.reading import Desk
from agent.graph.examples import embed_examples
from agent.ports import Effect
from agent.turns import Turns
from agent.types import Author, Customer, Decision, Identity, Outcome
from knowledge.embed import SentenceTransformerEmbedder
from policies.engine import PolicyEngine
from policies.expressions import Clock
from tests.orders import DOWN, LOOK_UP, LOST, REFUND, Orders, with_actions
from tests.samples import TICKET, message
from tests.servers import RedisServer
from tests.unit.test_turns import ID, PACK, QUESTION, SENT, House

pytestmark = pytest.mark.slow

ADA = Customer(Identity.VERIFIED, "c-1", "ada@example.org")
OFFER = "If you would rather have a colleague at Marlowe Stays look into this, just say so."
OPERATIONS = {"orders.get": Effect.READ, "orders.mine": Effect.READ, "orders.refund": Effect.WRITE}


class Process:
    """A process of the product: what it knows of a conversation it has read."""

    def __init__(self, client: RedisClient, embedder: SentenceTransformerEmbedder, orders: Orders | None = None) -> None:
        policies = PolicyEngine(with_actions(PACK, REFUND, LOOK_UP))
        house = House(policies=policies)
        self.conversations = RedisConversations(client)
        examples = embed_examples(embedder, {key: texts for key, texts in policies.examples().items() if key in ANGER})
        context = replace(house.turns.context, examples=examples, embedder=embedder)
        if orders is not None:
            desk = Desk(orders, RedisLedger(client), lambda: Clock(SENT, ZoneInfo("Europe/Berlin")), OPERATIONS)
            context = replace(context, desk=desk)
        self.turns: Turns = replace(house.turns, context=context, conversations=self.conversations)


ANGER = ("anger", "anger/but_not")
TRIES = 5
"""After which the pack that ships gives up."""


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[RedisClient]:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        yield client


async def hear(process: Process, number: int, text: str) -> Outcome:
    written = replace(message(f"m{number}", Author.CUSTOMER, text), customer=ADA)
    await process.conversations.append(TICKET, written)
    return await turn(process)


async def turn(process: Process) -> Outcome:
    entry = await process.turns.run_turn(ID)
    assert entry is not None
    return entry.outcome


async def test_anger_by_meaning_is_counted_over_turns_and_processes(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    first = await hear(Process(client, embedder), 1, "Your service is the worst I have seen")
    second = await hear(Process(client, embedder), 2, QUESTION)
    third = await hear(Process(client, embedder), 3, "I am running out of patience, you are useless")
    assert [OFFER in one.answer for one in (first, second, third)] == [False, False, True]
    assert "anger" in third.policy.rules
    fourth = await hear(Process(client, embedder), 4, "Yes please")
    assert (fourth.decision, fourth.reason, fourth.queue) == (Decision.HANDOFF, "rule anger", "support")


async def test_the_same_question_three_times_is_a_persons(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    texts = (QUESTION, f"But {QUESTION}", f"I asked {QUESTION.lower()}")
    found = [await hear(Process(client, embedder), number, text) for number, text in enumerate(texts)]
    assert [one.decision for one in found] == [Decision.ANSWER, Decision.ANSWER, Decision.HANDOFF]
    assert found[-1].policy.rules == ("loop",)


async def test_replies_without_an_answer_are_remembered(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    texts = ("write me a poem", "tell me a joke", "Compose a poem about the sea", QUESTION)
    found = [await hear(Process(client, embedder), number, text) for number, text in enumerate(texts)]
    assert [one.decision for one in found] == [Decision.REFUSE] * 3 + [Decision.HANDOFF]
    assert found[-1].policy.rules == ("no_way_on",)


async def test_a_system_that_stays_away_is_a_persons(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    orders = Orders()
    orders.order("O-1000")
    orders.fails = {"orders.get": [("before", DOWN)] * TRIES}
    with pytest.raises(ToolUnavailable):
        await hear(Process(client, embedder, orders), 1, "Where is O-1000?")
    for _ in range(TRIES - 1):
        with pytest.raises(ToolUnavailable):
            await turn(Process(client, embedder, orders))
    outcome = await turn(Process(client, embedder, orders))
    assert (outcome.decision, outcome.reason) == (Decision.HANDOFF, "rule tool_down")
    assert len(orders.calls) == TRIES


async def test_a_system_that_comes_back_is_used(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    orders = Orders()
    orders.order("O-1000")
    orders.fails = {"orders.get": [("before", DOWN)]}
    with pytest.raises(ToolUnavailable):
        await hear(Process(client, embedder, orders), 1, "Where is O-1000?")
    assert (await turn(Process(client, embedder, orders))).answer.endswith("The order O-1000 is delivered.")
    assert (await hear(Process(client, embedder, orders), 2, QUESTION)).decision is Decision.ANSWER


async def test_a_yes_is_given_up_too_where_nothing_has_begun(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    orders = Orders()
    orders.order("O-1000")
    await hear(Process(client, embedder, orders), 1, "refund O-1000")
    orders.fails = {"orders.get": [("before", DOWN)] * TRIES}
    with pytest.raises(ToolUnavailable):
        await hear(Process(client, embedder, orders), 2, "yes")
    for _ in range(TRIES - 1):
        with pytest.raises(ToolUnavailable):
            await turn(Process(client, embedder, orders))
    assert (await turn(Process(client, embedder, orders))).reason == "rule tool_down"
    assert orders.refunds == []


async def test_a_change_that_may_have_happened_is_carried_to_its_end(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    orders = Orders()
    orders.order("O-1000")
    await hear(Process(client, embedder, orders), 1, "refund O-1000")
    orders.fails = {"orders.refund": [("after", LOST)] * (TRIES + 1)}
    with pytest.raises(ToolUnavailable):
        await hear(Process(client, embedder, orders), 2, "yes")
    for _ in range(TRIES):
        with pytest.raises(ToolUnavailable):
            await turn(Process(client, embedder, orders))
    assert (await turn(Process(client, embedder, orders))).answer == "€40.00 for the order O-1000 are on their way."
    assert orders.refunds == [("O-1000", 4000)]
    assert await RedisOutbox(client).pending()
