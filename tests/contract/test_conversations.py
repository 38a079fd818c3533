"""What every `Conversations` must do."""

import asyncio
from dataclasses import replace

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.errors import ConversationMissing, QueueUnavailable
from agent.types import Author, Conversation, ConversationId, Decision, MessageId, RunId
from tests.contract.conftest import Stores
from tests.samples import PROPOSAL, TICKET, full_outcome, message, outcome, ticket
from tests.servers import free_port

CID = TICKET.conversation_id


async def test_messages_come_back_in_order_and_whole(stores: Stores) -> None:
    sent = [message("m1", text="Ünï \n\x00"), message("m2", Author.SYSTEM, visible=False)]
    for one in sent:
        assert await stores.conversations.append(TICKET, one)
    found = await stores.conversations.read(CID)
    assert list(found.messages) == sent
    assert (found.source, found.ticket_id, found.subject, found.length, found.answered) == ("desk", "7", "Refund", 2, 0)


async def test_appending_a_known_message_changes_nothing(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    before = await stores.conversations.read(CID)
    assert not await stores.conversations.append(TICKET, message("m1", text="another"))
    assert await stores.conversations.read(CID) == before


async def test_an_unknown_conversation_is_missing(stores: Stores) -> None:
    with pytest.raises(ConversationMissing):
        await stores.conversations.read(ConversationId("desk:none"))


async def test_a_human_agents_message_hands_the_conversation_off(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1", Author.HUMAN_AGENT))
    assert (await stores.conversations.read(CID)).handed_off


async def test_only_a_customers_message_is_unanswered(stores: Stores) -> None:
    await stores.conversations.append(ticket(1), message("m1", Author.HUMAN_AGENT))
    await stores.conversations.append(ticket(2), message("m1"))
    assert await stores.conversations.unanswered() == ["desk:2"]


async def test_a_commit_answers_and_leaves_an_entry(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    entry = await stores.conversations.commit(read, RunId("r1"), full_outcome())
    assert entry is not None
    assert (entry.conversation_id, entry.ticket_id, entry.in_reply_to, entry.run_id) == (CID, "7", "m1", "r1")
    assert await stores.outbox.get(entry.key) == entry
    assert entry.outcome == full_outcome()
    assert await stores.outbox.pending() == [entry.key]
    assert await stores.conversations.unanswered() == []


async def test_the_reply_joins_the_conversation_and_is_not_unanswered(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome())
    after = await stores.conversations.read(CID)
    assert (after.length, after.answered) == (2, 1)
    assert (after.messages[-1].author, after.messages[-1].text) == (Author.ASSISTANT, outcome().answer)
    assert await stores.conversations.commit(after, RunId("r2"), outcome()) is None
    assert await stores.conversations.read(CID) == after


async def test_a_reply_remembers_the_rules_that_applied_to_it(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome())
    asked, reply = (await stores.conversations.read(CID)).messages
    assert (asked.rules, reply.rules) == ((), outcome().policy.rules)
    assert reply.rules


async def test_a_reply_remembers_whether_it_was_an_answer(stores: Stores) -> None:
    for number, decision in enumerate((Decision.ANSWER, Decision.CLARIFY, Decision.REFUSE)):
        await stores.conversations.append(TICKET, message(f"m{number}"))
        await stores.conversations.commit(await stores.conversations.read(CID), RunId(f"r{number}"), outcome(decision))
    messages = (await stores.conversations.read(CID)).messages
    assert [one.unanswered for one in messages] == [False, False, False, True, False, True]


async def test_failed_calls_count_for_what_they_failed_for_until_a_hand_off(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    assert read.tool_failures == 0
    assert [await stores.conversations.note_tool_failure(read) for _ in range(2)] == [1, 2]
    read = await stores.conversations.read(CID)
    assert read.tool_failures == 2
    await stores.conversations.commit(read, RunId("r1"), outcome())
    await stores.conversations.append(TICKET, message("m2"))
    read = await stores.conversations.read(CID)
    assert read.tool_failures == 0, "nothing has failed for this message"
    assert await stores.conversations.note_tool_failure(read) == 3
    read = await stores.conversations.read(CID)
    assert read.tool_failures == 3
    await stores.conversations.commit(read, RunId("r2"), outcome(Decision.HANDOFF))
    await stores.conversations.append(TICKET, message("m3"))
    assert await stores.conversations.note_tool_failure(await stores.conversations.read(CID)) == 1


async def test_a_failed_call_of_a_conversation_that_is_gone_is_not_counted(stores: Stores) -> None:
    assert await stores.conversations.note_tool_failure(Conversation(ConversationId("desk:gone"), "desk", "gone", ())) == 0
    with pytest.raises(ConversationMissing):
        await stores.conversations.read(ConversationId("desk:gone"))


async def test_a_draft_joins_unseen_by_the_customer(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome(Decision.DRAFT))
    assert not (await stores.conversations.read(CID)).messages[-1].visible


async def test_a_handoff_is_remembered(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome(Decision.HANDOFF, ""))
    after = await stores.conversations.read(CID)
    assert (after.handed_off, after.length, after.answered) == (True, 1, 1)


async def test_no_reply_answers_without_an_entry(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    assert await stores.conversations.commit(read, RunId("r1"), outcome(Decision.NO_REPLY, "")) is None
    assert await stores.conversations.unanswered() == []
    assert await stores.outbox.pending() == []


async def test_a_message_since_the_read_stops_the_commit(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    await stores.conversations.append(TICKET, message("m2"))
    before = await stores.conversations.read(CID)
    assert await stores.conversations.commit(read, RunId("r1"), outcome()) is None
    assert await stores.conversations.read(CID) == before
    assert await stores.outbox.pending() == []
    assert await stores.conversations.unanswered() == [CID]


async def test_a_message_after_the_reply_is_unanswered_again(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome())
    await stores.conversations.append(TICKET, message("m2"))
    assert await stores.conversations.unanswered() == [CID]
    assert await stores.conversations.commit(await stores.conversations.read(CID), RunId("r2"), outcome()) is not None


async def test_the_same_run_committed_again_gives_its_entry(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    first = await stores.conversations.commit(read, RunId("r1"), outcome())
    again = await stores.conversations.commit(read, RunId("r1"), outcome(answer="other words"))
    assert first is not None
    assert again == first
    assert (await stores.conversations.read(CID)).length == 2


async def test_a_commit_of_nothing_to_answer_is_refused(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1", Author.HUMAN_AGENT))
    read = await stores.conversations.read(CID)
    assert await stores.conversations.commit(read, RunId("r1"), outcome()) is None
    assert await stores.outbox.pending() == []


async def test_an_outdated_view_of_what_is_answered_is_refused(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    assert await stores.conversations.commit(replace(read, answered=1), RunId("r1"), outcome()) is None


async def test_of_fifty_commits_at_once_one_wins(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    commits = [stores.conversations.commit(read, RunId(f"r{n}"), outcome()) for n in range(50)]
    won = [entry for entry in await asyncio.gather(*commits) if entry]
    assert len(won) == 1
    assert await stores.outbox.pending() == [won[0].key]
    assert (await stores.conversations.read(CID)).length == 2


async def test_of_fifty_appends_of_one_message_one_is_kept(stores: Stores) -> None:
    added = await asyncio.gather(*(stores.conversations.append(TICKET, message("m1")) for _ in range(50)))
    assert added.count(True) == 1
    assert (await stores.conversations.read(CID)).length == 1


async def test_without_a_server_everything_is_unavailable() -> None:
    async with redis_client(f"redis://127.0.0.1:{free_port()}/0", timeout_s=0.5) as client:
        conversations, outbox = RedisConversations(client), RedisOutbox(client)
        for attempt in (
            conversations.append(TICKET, message("m1")),
            conversations.read(CID),
            conversations.unanswered(),
            outbox.pending(),
        ):
            with pytest.raises(QueueUnavailable, match="INNKEEPER_REDIS_URL"):
                await attempt


@pytest.mark.slow
async def test_a_wrong_password_is_unavailable_too(redis_url: str) -> None:
    async with redis_client(redis_url.replace("redis://:", "redis://:x"), timeout_s=0.5) as client:
        with pytest.raises(QueueUnavailable):
            await RedisConversations(client).read(CID)


async def test_a_draft_is_released_once(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    draft = await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome(Decision.DRAFT))
    assert draft is not None
    first = await stores.conversations.release(await stores.conversations.read(CID), RunId("r1"), outcome())
    again = await stores.conversations.release(await stores.conversations.read(CID), RunId("r1"), outcome())
    assert first is not None
    assert again is None
    assert await stores.outbox.pending() == [draft.key, first.key]
    assert await stores.conversations.unanswered() == []
    assert (await stores.conversations.read(CID)).messages[-1].visible


async def test_a_draft_is_not_released_over_a_newer_message(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), outcome(Decision.DRAFT))
    waiting = await stores.conversations.read(CID)
    await stores.conversations.append(TICKET, message("m2"))
    assert await stores.conversations.release(waiting, RunId("r1"), outcome()) is None
    assert await stores.conversations.unanswered() == [CID]


async def test_what_the_helpdesk_shows_as_a_persons_is_handed_off_until_it_is_given_back(stores: Stores) -> None:
    await stores.conversations.set_owner(CID, person=True)
    with pytest.raises(ConversationMissing):
        await stores.conversations.read(CID)
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.set_owner(CID, person=True)
    assert (await stores.conversations.read(CID)).handed_off
    await stores.conversations.set_owner(CID, person=False)
    assert not (await stores.conversations.read(CID)).handed_off


async def test_a_hand_off_that_the_helpdesk_has_not_shown_yet_is_not_taken_back(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    assert await stores.conversations.commit(read, RunId("r1"), outcome(Decision.HANDOFF))
    await stores.conversations.set_owner(CID, person=False)
    assert (await stores.conversations.read(CID)).handed_off


async def test_a_note_gives_a_conversation_back_once(stores: Stores) -> None:
    assert not await stores.conversations.give_back(CID, MessageId("n1"))
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.append(TICKET, message("m2", author=Author.HUMAN_AGENT))
    assert await stores.conversations.give_back(CID, MessageId("n1"))
    read = await stores.conversations.read(CID)
    assert not read.handed_off
    assert await stores.conversations.commit(read, RunId("r1"), outcome(Decision.HANDOFF))
    assert not await stores.conversations.give_back(CID, MessageId("n1"))
    await stores.conversations.set_owner(CID, person=False)
    assert (await stores.conversations.read(CID)).handed_off
    assert await stores.conversations.give_back(CID, MessageId("n2"))
    assert not (await stores.conversations.read(CID)).handed_off


async def test_a_customer_hands_off_what_was_answered_and_later_messages_are_the_persons(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("1"))
    await stores.conversations.commit(await stores.conversations.read(TICKET.conversation_id), RunId("r1"), outcome())
    answered = await stores.conversations.read(TICKET.conversation_id)
    entry = await stores.conversations.hand_off(answered, RunId("r2"), outcome(Decision.HANDOFF, ""))
    assert entry is not None
    assert entry.in_reply_to == "1"
    now = await stores.conversations.read(TICKET.conversation_id)
    assert (now.handed_off, now.answered, now.length) == (True, 2, 2)
    assert await stores.outbox.get(entry.key) == entry
    assert await stores.conversations.hand_off(now, RunId("r3"), outcome(Decision.HANDOFF, "")) is None
    assert len(await stores.outbox.pending()) == 2


async def test_a_hand_off_takes_what_is_unanswered_with_it(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("1"))
    waiting = await stores.conversations.read(TICKET.conversation_id)
    assert await stores.conversations.hand_off(waiting, RunId("r1"), outcome(Decision.HANDOFF, "A person comes."))
    assert await stores.conversations.unanswered() == []
    assert await stores.conversations.commit(waiting, RunId("r2"), outcome()) is None
    assert [m.text for m in (await stores.conversations.read(TICKET.conversation_id)).messages] == ["hello", "A person comes."]


async def test_a_hand_off_needs_no_message_before_it(stores: Stores) -> None:
    nothing = Conversation(TICKET.conversation_id, TICKET.source, TICKET.ticket_id, ())
    assert await stores.conversations.hand_off(nothing, RunId("r1"), outcome(Decision.HANDOFF, ""))
    now = await stores.conversations.read(TICKET.conversation_id)
    assert (now.messages, now.length, now.handed_off, now.source, now.ticket_id) == ((), 0, True, "desk", "7")
    await stores.conversations.append(TICKET, message("1"))
    now = await stores.conversations.read(TICKET.conversation_id)
    assert (now.length, now.answered, now.handed_off) == (1, 0, True)


async def test_a_hand_off_of_what_is_no_longer_so_is_not_written(stores: Stores) -> None:
    await stores.conversations.append(TICKET, message("1"))
    before = await stores.conversations.read(TICKET.conversation_id)
    await stores.conversations.append(TICKET, message("2"))
    assert await stores.conversations.hand_off(before, RunId("r1"), outcome(Decision.HANDOFF, "")) is None
    assert await stores.outbox.pending() == []
    assert not (await stores.conversations.read(TICKET.conversation_id)).handed_off


async def test_what_was_asked_about_is_kept_until_something_else_is_said(stores: Stores) -> None:
    asking = outcome(Decision.CLARIFY)
    await stores.conversations.append(TICKET, message("m1"))
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), replace(asking, proposal=PROPOSAL))
    assert (await stores.conversations.read(CID)).proposal == PROPOSAL
    await stores.conversations.append(TICKET, message("m2", text="yes"))
    read = await stores.conversations.read(CID)
    assert read.proposal == PROPOSAL
    await stores.conversations.commit(read, RunId("r2"), outcome())
    assert (await stores.conversations.read(CID)).proposal is None


@pytest.mark.parametrize("step", ["person writes", "person owns", "handed off", "nothing to say"])
async def test_a_person_or_silence_ends_what_was_asked_about(stores: Stores, step: str) -> None:
    await stores.conversations.append(TICKET, message("m1"))
    asking = replace(outcome(Decision.CLARIFY), proposal=PROPOSAL)
    await stores.conversations.commit(await stores.conversations.read(CID), RunId("r1"), asking)
    read = await stores.conversations.read(CID)
    match step:
        case "person writes":
            await stores.conversations.append(TICKET, message("m2", Author.HUMAN_AGENT))
        case "person owns":
            await stores.conversations.set_owner(CID, person=True)
        case "handed off":
            await stores.conversations.hand_off(read, RunId("r2"), outcome(Decision.HANDOFF))
        case _:
            await stores.conversations.append(TICKET, message("m2"))
            await stores.conversations.commit(await stores.conversations.read(CID), RunId("r2"), outcome(Decision.NO_REPLY))
    assert (await stores.conversations.read(CID)).proposal is None
