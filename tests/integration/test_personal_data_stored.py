"""What Redis keeps of a message with personal data, and of a turn in shadow mode. The real store."""

import datetime as dt

import redis

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.ports import ShadowRecord, Ticket
from agent.privacy.handling import PersonalRules, RulesInForce
from agent.types import ConversationId, Decision, Outcome, PolicyTrace, RunId
from policies.load import default_folder, load_pack
from policies.privacy import CAREFUL, Classes, Inbound, PersonalData
from tests.samples import message

CARD, MAIL = "4111 1111 1111 1111", "ann@example.com"
TICKET = Ticket(ConversationId("desk:1"), "desk", "1", f"My card {CARD}")


def everything_in(url: str) -> str:
    """Every value of every key, and the keys."""
    found = []
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter():
            found += [key, client.dump(key) or b""]
            kind = client.type(key)
            if kind == b"hash":
                found += [part for pair in client.hgetall(key).items() for part in pair]
            elif kind == b"list":
                found += client.lrange(key, 0, -1)
            elif kind == b"string":
                found.append(client.get(key) or b"")
    return b"\n".join(found).decode("utf-8", "replace")


async def test_a_card_never_reaches_redis_and_an_address_does(redis_url: str) -> None:
    async with redis_client(redis_url) as client:
        conversations = RedisConversations(client)
        assert await conversations.append(TICKET, message("1", text=f"I am {MAIL} and paid with {CARD}"))
        stored = await conversations.read(TICKET.conversation_id)
    assert stored.messages[0].text == f"I am {MAIL} and paid with [payment card]"
    assert stored.subject == "My card [payment card]"
    kept = everything_in(redis_url)
    assert MAIL in kept
    assert CARD not in kept


async def test_the_policies_say_what_is_kept(redis_url: str) -> None:
    kept = CAREFUL[PersonalData.PAYMENT_CARD].model_copy(update={"inbound": Inbound.MASK})
    async with redis_client(redis_url) as client:
        conversations = RedisConversations(client, privacy=PersonalRules(Classes(payment_card=kept)))
        await conversations.append(TICKET, message("1", text=CARD))
        assert (await conversations.read(TICKET.conversation_id)).messages[0].text == "[payment card ending 1111]"


async def test_a_record_of_shadow_mode_holds_no_address_of_the_customer(redis_url: str) -> None:
    said = (message("1", text=f"I am {MAIL}. Can I bring my dog?"),)
    answer = f"Yes. Write to dogs@inn.example. You asked: I am {MAIL}"
    outcome = Outcome(Decision.ANSWER, answer, "", "en", PolicyTrace("1.0.0", "0" * 64), summary=f"Customer asks: {MAIL}")
    record = ShadowRecord(RunId("r1"), TICKET.conversation_id, dt.datetime.now(dt.UTC), said, outcome)
    async with redis_client(redis_url) as client:
        shadow = RedisShadowRecords(client)
        await shadow.record(record)
        (found,) = [one async for one in shadow.all()]
    assert found.messages[0].text == "I am [e-mail address]. Can I bring my dog?"
    assert found.outcome.answer == "Yes. Write to dogs@inn.example. You asked: I am [e-mail address]"
    assert MAIL not in everything_in(redis_url)


async def test_another_packs_rules_count_for_what_comes_then(redis_url: str) -> None:
    redact = CAREFUL[PersonalData.EMAIL].model_copy(update={"inbound": Inbound.REDACT})
    rules = RulesInForce(PersonalRules())
    async with redis_client(redis_url) as client:
        conversations = RedisConversations(client, privacy=rules)
        await conversations.append(TICKET, message("1", text=MAIL))
        logged = rules.now.for_log(MAIL)
        pack = load_pack(default_folder()).privacy
        rules.take_over(pack.model_copy(update={"classes": Classes(email=redact)}), ("en",))
        await conversations.append(TICKET, message("2", text=MAIL))
        found = [one.text for one in (await conversations.read(TICKET.conversation_id)).messages]
    assert found == [MAIL, "[e-mail address]"]
    assert rules.now.for_log(MAIL) == logged, "the same for the same value until the process ends"
