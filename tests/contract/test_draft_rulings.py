"""What every `Conversations` must do about drafts that wait for a decision, and for how long."""

import asyncio
import datetime as dt
from dataclasses import replace

import pytest

from agent.types import Author, Conversation, Decision, DraftRuling, PendingApproval, Ruled, RunId
from tests.contract.conftest import Stores
from tests.samples import TICKET, message, outcome

CID = TICKET.conversation_id
RUN = RunId("r1")
UNTIL = dt.datetime(2026, 11, 27, 16, 0, tzinfo=dt.UTC)
APPROVAL = PendingApproval(RUN, "refund", "c-1", UNTIL.isoformat())
YES, NO, LATE = (DraftRuling(RUN, ruled, "Done." if ruled is Ruled.APPROVED else None) for ruled in Ruled)
SECOND = dt.timedelta(seconds=1)


async def drafted(stores: Stores, approval: PendingApproval | None = APPROVAL) -> Conversation:
    await stores.conversations.append(TICKET, message("m1"))
    read = await stores.conversations.read(CID)
    assert await stores.conversations.commit(read, RUN, replace(outcome(Decision.DRAFT), approval=approval))
    return await stores.conversations.read(CID)


async def test_what_waits_is_overdue_once_its_time_is_over(stores: Stores) -> None:
    assert (await drafted(stores)).approval == APPROVAL
    assert await stores.conversations.overdue(UNTIL - SECOND) == []
    assert await stores.conversations.overdue(UNTIL) == [CID]


async def test_what_has_no_time_is_never_overdue(stores: Stores) -> None:
    waits = replace(APPROVAL, until=None)
    assert (await drafted(stores, waits)).approval == waits
    assert await stores.conversations.overdue(UNTIL + dt.timedelta(days=3650)) == []


async def test_the_first_ruling_stands(stores: Stores) -> None:
    read = await drafted(stores)
    told = await asyncio.gather(*(stores.conversations.rule(read, one) for one in (YES, NO, LATE) * 5))
    assert len(set(told)) == 1
    assert told[0] is not None
    assert (await stores.conversations.read(CID)).ruling == told[0]


async def test_a_ruling_is_due_again_until_it_is_released(stores: Stores) -> None:
    read = await drafted(stores, None)
    now = dt.datetime.now(dt.UTC)
    await stores.conversations.rule(read, YES)
    assert await stores.conversations.overdue(now + SECOND) == []
    assert await stores.conversations.overdue(now + dt.timedelta(minutes=10)) == [CID]
    assert await stores.conversations.release(await stores.conversations.read(CID), RUN, outcome())
    assert await stores.conversations.overdue(now + dt.timedelta(days=3650)) == []
    after = await stores.conversations.read(CID)
    assert (after.approval, after.ruling) == (None, None)
    assert await stores.conversations.rule(after, NO) is None, "it is released"


async def test_there_is_no_ruling_over_a_newer_message(stores: Stores) -> None:
    read = await drafted(stores)
    await stores.conversations.append(TICKET, message("m2"))
    assert await stores.conversations.rule(read, YES) is None
    assert (await stores.conversations.read(CID)).ruling is None


async def test_what_was_ruled_is_released_over_a_newer_message_which_stays_unanswered(stores: Stores) -> None:
    read = await drafted(stores)
    await stores.conversations.rule(read, YES)
    await stores.conversations.append(TICKET, message("m2"))
    assert await stores.conversations.release(await stores.conversations.read(CID), RUN, outcome())
    assert await stores.conversations.release(await stores.conversations.read(CID), RUN, outcome()) is None
    after = await stores.conversations.read(CID)
    assert [m.author for m in after.messages[after.answered :]] == [Author.ASSISTANT, Author.CUSTOMER, Author.ASSISTANT]
    assert await stores.conversations.unanswered() == [CID]
    assert await stores.conversations.commit(after, RunId("r2"), outcome())
    assert await stores.conversations.unanswered() == []


async def test_what_is_said_beside_it_leaves_it_waiting(stores: Stores) -> None:
    await drafted(stores)
    await stores.conversations.append(TICKET, message("m2"))
    beside = replace(outcome(), approval=APPROVAL)
    assert await stores.conversations.commit(await stores.conversations.read(CID), RunId("r2"), beside)
    after = await stores.conversations.read(CID)
    assert after.approval == APPROVAL
    assert await stores.conversations.overdue(UNTIL) == [CID]
    assert await stores.conversations.rule(after, NO) == NO


async def test_any_other_outcome_ends_it(stores: Stores) -> None:
    await drafted(stores)
    await stores.conversations.append(TICKET, message("m2"))
    assert await stores.conversations.commit(await stores.conversations.read(CID), RunId("r2"), outcome())
    assert (await stores.conversations.read(CID)).approval is None
    assert await stores.conversations.overdue(UNTIL) == []


async def test_it_is_forgotten_unless_somebody_has_spoken_or_ruled(stores: Stores) -> None:
    read = await drafted(stores)
    await stores.conversations.rule(read, YES)
    await stores.conversations.forget_approval(read)
    assert (await stores.conversations.read(CID)).ruling == YES
    ruled = await stores.conversations.read(CID)
    await stores.conversations.append(TICKET, message("m2"))
    await stores.conversations.forget_approval(ruled)
    now = await stores.conversations.read(CID)
    assert now.ruling == YES
    await stores.conversations.forget_approval(now)
    after = await stores.conversations.read(CID)
    assert (after.approval, after.ruling) == (None, None)
    assert await stores.conversations.overdue(UNTIL + dt.timedelta(days=3650)) == []


@pytest.mark.parametrize("how", ["writes", "owns", "button"])
async def test_a_person_who_takes_over_ends_the_waiting(stores: Stores, how: str) -> None:
    read = await drafted(stores)
    if how == "writes":
        await stores.conversations.append(TICKET, message("m2", Author.HUMAN_AGENT))
    elif how == "owns":
        await stores.conversations.set_owner(CID, person=True)
    else:
        assert await stores.conversations.hand_off(read, RunId("r2"), outcome(Decision.HANDOFF))
    after = await stores.conversations.read(CID)
    assert (after.approval, after.handed_off) == (None, True)


async def test_a_hand_off_for_want_of_an_answer_stays_until_a_person_takes_it_up(stores: Stores) -> None:
    read = await drafted(stores)
    await stores.conversations.rule(read, LATE)
    ruled = await stores.conversations.read(CID)
    assert await stores.conversations.release(ruled, RUN, outcome(Decision.HANDOFF))
    assert (await stores.conversations.read(CID)).handed_off
