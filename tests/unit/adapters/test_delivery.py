"""What one attempt to deliver ends in."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.adapters.jobs import deliver_once
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, QueueUnavailable
from agent.types import OutboxEntry, OutboxKey
from tests.fakes import InMemoryOutbox
from tests.samples import entry


@dataclass
class Desk:
    error: Exception | None = None

    async def send(self, entry: OutboxEntry) -> None:
        if self.error:
            raise self.error


class BrokenOutbox(InMemoryOutbox):
    async def settle(self, key: OutboxKey, *, delivered: bool, detail: str = "") -> None:
        raise QueueUnavailable("Redis is away")


def holding(age: timedelta, outbox: InMemoryOutbox | None = None) -> tuple[InMemoryOutbox, OutboxKey]:
    outbox = outbox or InMemoryOutbox()
    waiting = replace(entry(), created_at=(datetime.now(UTC) - age).isoformat())
    outbox.entries[waiting.key] = waiting
    return outbox, waiting.key


async def test_a_taken_reply_is_settled() -> None:
    outbox, key = holding(timedelta(0))
    assert await deliver_once(Desk(), outbox, key, 1)
    assert [done.key for done in outbox.delivered] == [key]
    assert await deliver_once(Desk(ValueError()), outbox, key, 1)


@pytest.mark.parametrize("error", [HelpdeskUnavailable("503"), ValueError("a bug")])
async def test_a_failed_send_waits_for_a_day_and_then_for_a_person(error: Exception) -> None:
    outbox, key = holding(timedelta(hours=23))
    assert not await deliver_once(Desk(error), outbox, key, 9)
    assert await outbox.pending() == [key]
    outbox, key = holding(timedelta(hours=25))
    assert await deliver_once(Desk(error), outbox, key, 9)
    ((_, reason),) = outbox.given_up
    assert "1 day" in reason
    assert "a bug" not in reason


async def test_a_refused_reply_goes_to_a_person_at_once() -> None:
    outbox, key = holding(timedelta(0))
    assert await deliver_once(Desk(HelpdeskRefused("410 Gone")), outbox, key, 1)
    ((_, reason),) = outbox.given_up
    assert reason == "410 Gone"


@pytest.mark.parametrize("error", [None, HelpdeskRefused("410 Gone")])
async def test_what_can_not_be_settled_is_tried_again(error: Exception | None) -> None:
    outbox, key = holding(timedelta(0), BrokenOutbox())
    assert not await deliver_once(Desk(error), outbox, key, 1)
