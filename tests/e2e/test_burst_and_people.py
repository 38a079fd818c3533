"""Bursts, and people who step in: one reply, the right one, or none."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_store import RedisConversations
from agent.errors import QueueUnavailable
from agent.helpdesk_settings import HelpdeskSettings
from agent.settings import Settings
from agent.types import Author, Conversation, ConversationId, OutboxEntry, Outcome, RunId
from agent.wiring.processes import assemble
from policies.load import default_folder
from tests.e2e.product import SOURCE, ModelServer, Product, product

pytestmark = pytest.mark.slow

DOG = "Can I bring my dog?"
QUIET_S = 4.0
"""After so long nothing more is on its way."""


@dataclass
class Ended:
    """Tickets that are done, with the events that each has had; whether they stay so is looked at once for all of them."""

    house: Product
    counts: dict[str, int] = field(default_factory=dict)
    last_at: float = 0.0

    def add(self, ticket_id: str, count: int) -> None:
        assert len(self.house.inbox.of(ticket_id)) == count
        self.counts[ticket_id] = count
        self.last_at = time.monotonic()

    def assert_quiet(self) -> None:
        """Nothing more has arrived for any of them, and nothing does."""
        time.sleep(max(0.0, self.last_at + QUIET_S - time.monotonic()))
        assert {ticket_id: len(self.house.inbox.of(ticket_id)) for ticket_id in self.counts} == self.counts


@pytest.fixture(scope="module")
def ended(drafting: Product) -> Iterator[Ended]:
    """For the tickets of the drafting product."""
    made = Ended(drafting)
    yield made
    made.assert_quiet()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("people"), knowledge, model.url, INNKEEPER_DEBOUNCE_MS="1500") as made:
        made.start("serve", "worker")
        yield made


@pytest.fixture(scope="module")
def drafting(tmp_path_factory: pytest.TempPathFactory, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    """Every answer is proposed to a person first."""
    folder = tmp_path_factory.mktemp("drafting")
    shutil.copytree(default_folder(), folder / "policies")
    page = folder / "policies" / "policy.yaml"
    page.write_text(page.read_text().replace("mode: auto", "mode: draft"))
    with product(folder, knowledge, model.url, INNKEEPER_POLICY_DIR=str(folder / "policies")) as made:
        made.start("serve", "worker")
        yield made


def read(house: Product, ticket_id: str) -> Conversation:
    async def once() -> Conversation:
        async with redis_client(house.redis.url) as client:
            return await RedisConversations(client).read(ConversationId(f"{SOURCE}:{ticket_id}"))

    return asyncio.run(once())


def proposal(house: Product, ticket_id: str) -> tuple[str, str]:
    """Ask, and wait for the proposal: its run and its text."""
    house.say(ticket_id, DOG)
    found = house.outcomes(ticket_id)[0]
    assert found["type"] == "agent.reply.proposed"
    return found["data"]["run_id"], found["data"]["text"]


def assert_quiet(house: Product, ticket_id: str, count: int) -> None:
    """Nothing more arrives than so many events."""
    time.sleep(QUIET_S)
    assert len(house.inbox.of(ticket_id)) == count


def test_a_burst_becomes_one_reply(house: Product) -> None:
    for number, text in enumerate(("Hello,", "about our dog:", DOG)):
        house.say("burst", text, str(number))
    (reply,) = house.outcomes("burst")
    assert reply["data"]["in_reply_to"] == "burst-2"
    assert_quiet(house, "burst", 1)
    assert [entry.author for entry in read(house, "burst").messages] == [Author.CUSTOMER] * 3 + [Author.ASSISTANT]


def test_a_person_who_steps_in_mutes_the_assistant(house: Product) -> None:
    house.say("person", DOG)
    house.say("person", "I'm on it, one moment.", "2", author="agent")
    house.say("person", "Thank you! And a cat?", "3")
    assert_quiet(house, "person", 0)
    assert Author.ASSISTANT not in [entry.author for entry in read(house, "person").messages]


def test_a_follow_up_has_a_reply_of_its_own(house: Product) -> None:
    house.say("follow", DOG)
    house.outcomes("follow")
    house.say("follow", "And how much is the pet fee?", "2")
    second = house.outcomes("follow", 2)[1]
    assert second["data"]["in_reply_to"] == "follow-2"


def test_a_proposal_survives_restarts_and_is_sent_once(drafting: Product, ended: Ended) -> None:
    run_id, text = proposal(drafting, "approved")
    assert drafting.stop("serve", "worker") == [0, 0]
    drafting.start("serve", "worker")

    assert drafting.rule("approved", run_id, "approved") == "accepted"
    sent = drafting.outcomes("approved", 2)[1]
    assert (sent["type"], sent["data"]["text"]) == ("agent.reply.sent", text)
    assert drafting.rule("approved", run_id, "approved") == "duplicate"
    assert drafting.rule("approved", run_id, "declined") == "duplicate"
    ended.add("approved", 2)


def test_a_persons_own_words_are_sent(drafting: Product) -> None:
    run_id, _ = proposal(drafting, "reworded")
    drafting.rule("reworded", run_id, "approved", text="Yes, one dog is fine.")
    assert drafting.outcomes("reworded", 2)[1]["data"]["text"] == "Yes, one dog is fine."


def test_a_declined_proposal_goes_to_a_person(drafting: Product, ended: Ended) -> None:
    run_id, _ = proposal(drafting, "declined")
    assert drafting.rule("declined", run_id, "declined") == "accepted"
    assert drafting.outcomes("declined", 2)[1]["type"] == "agent.handoff.requested"
    assert drafting.rule("declined", run_id, "approved") == "duplicate"
    drafting.say("declined", "Hello?", "2")
    ended.add("declined", 2)


def test_a_proposal_that_a_new_message_overtook_is_not_sent(drafting: Product, ended: Ended) -> None:
    run_id, _ = proposal(drafting, "overtaken")
    drafting.say("overtaken", "Sorry, I meant a cat. Can I bring my cat?", "2")
    newer = drafting.outcomes("overtaken", 2)[1]
    assert newer["data"]["run_id"] != run_id
    assert drafting.rule("overtaken", run_id, "approved") == "duplicate"
    ended.add("overtaken", 2)


class DiesBeforeRelease(RedisConversations):
    async def release(self, conversation: Conversation, run_id: RunId, outcome: Outcome) -> OutboxEntry | None:
        raise QueueUnavailable("the process died here")


async def test_an_approval_that_died_half_way_is_completed_by_its_repeat(drafting: Product) -> None:
    run_id, text = await asyncio.to_thread(proposal, drafting, "half")
    settings = Settings(
        data_dir=drafting.data_dir,
        policy_dir=Path(drafting.settings["INNKEEPER_POLICY_DIR"]),
        redis_url=drafting.redis.url,
        llm_base_url=drafting.model_url,
        llm_profile="smollm2",
        helpdesks={SOURCE: HelpdeskSettings(secrets=(drafting.secret,), reply_url=drafting.inbox.url)},
    )
    async with assemble(settings, "worker") as process, redis_client(drafting.redis.url) as client:
        dying = replace(process.turns, conversations=DiesBeforeRelease(client))
        with pytest.raises(QueueUnavailable):
            await dying.approve(ConversationId(f"{SOURCE}:half"), RunId(run_id), None)
    assert await asyncio.to_thread(drafting.rule, "half", run_id, "approved") == "accepted"
    events = await asyncio.to_thread(drafting.outcomes, "half", 2)
    assert events[1]["data"]["text"] == text
