"""Where the first poll of a helpdesk begins."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.channels.helpdesks.polling import LONGEST_WAIT, poll_once, poll_start
from agent.channels.helpdesks.types import Hint, News
from agent.helpdesk_settings import PollStart
from tests.fakes import InMemoryQueue, InMemoryTicketHints


class Desk:
    """Numbers its messages; three are there, and one comes in before each poll."""

    poll_s = 1.0

    def __init__(self) -> None:
        self.newest = 3

    async def poll(self, cursor: str | None) -> News:
        self.newest += 1
        first = self.newest if cursor is None else int(cursor)
        return News(tuple(Hint(str(n), str(n)) for n in range(first + 1, self.newest + 1)), str(self.newest))


def start(age: timedelta) -> PollStart:
    return PollStart(at=datetime.now(UTC) - age, cursor="3")


@pytest.mark.parametrize(
    ("begin", "found"),
    [
        (None, []),
        (start(timedelta(hours=1)), ["desk:4"]),
        (start(LONGEST_WAIT - timedelta(hours=1)), ["desk:4"]),
        (start(LONGEST_WAIT + timedelta(seconds=1)), []),
    ],
)
async def test_the_first_poll_begins_where_connecting_was_unless_that_is_long_ago(
    begin: PollStart | None, found: list[str]
) -> None:
    hints = InMemoryTicketHints()
    await poll_once("desk", Desk(), hints, InMemoryQueue(), begin)  # type: ignore[arg-type]
    assert await hints.waiting() == found


async def test_a_later_poll_begins_where_the_one_before_ended() -> None:
    desk, hints, queue = Desk(), InMemoryTicketHints(), InMemoryQueue()
    begin = await poll_start(desk)  # type: ignore[arg-type]
    assert begin.cursor == "4"
    assert [await poll_once("desk", desk, hints, queue, begin) for _ in range(3)] == [1, 1, 1]  # type: ignore[arg-type]
    assert await hints.waiting() == ["desk:5", "desk:6", "desk:7"]
    assert await hints.cursor("desk") == "7"
