"""What the started product leaves in Redis: nothing that grows with the tickets stays for ever, and what is owed stays."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.e2e.product import SOURCE, ModelServer, Product, product, until

pytestmark = pytest.mark.slow

DAY_S = 24 * 3600
HOUSEHOLD = re.compile(
    r"innkeeper:(turns|deliveries):"  # docket's streams, groups and strikes
    r"|innkeeper:\{(turns|deliveries)\}:"
    r"|innkeeper:\{innkeeper-\d\d\}:(outbox:dead|ready|fence)$"
    r"|innkeeper:\{innkeeper-audit\}:(log|head|anchor|events|pack|key|fence)$"
)
"""Keys that there is a fixed number of, and what a person has to look at."""
OF_PERPETUAL = re.compile(r":(runs|known):(sweep|approvals|refresh|poll)")


@pytest.fixture
def house(tmp_path: Path, knowledge: Path, model: ModelServer) -> Iterator[Product]:
    with product(tmp_path, knowledge, model.url, INNKEEPER_RETENTION_DAYS="7") as made:
        made.start("serve", "worker")
        yield made


def lasts(house: Product) -> dict[str, int]:
    """Every key, and the seconds that it has left; -1 for ever."""
    with redis.Redis.from_url(house.redis.url, decode_responses=True) as client:
        return {key: int(client.ttl(key)) for key in client.scan_iter(count=1000)}


def of_ticket(house: Product, ticket_id: str) -> set[int]:
    return {left for key, left in lasts(house).items() if f":conversation:{SOURCE}:{ticket_id}:" in key}


def test_what_is_done_goes_and_what_is_owed_stays(house: Product) -> None:
    house.say("answered", "Can I bring my dog?")
    house.say("handed", "I'd like to talk to a real person, please.")
    answered, handed = house.outcomes("answered")[0], house.outcomes("handed")[0]
    assert (answered["type"], handed["type"]) == ("agent.reply.sent", "agent.handoff.requested")
    kept = until(lambda: (found := of_ticket(house, "answered")) and -1 not in found and found)
    assert all(7 * DAY_S - 600 < left <= 7 * DAY_S for left in kept)
    assert of_ticket(house, "handed") == {-1}, "nobody has taken it"
    house.say("handed", "Hello, this is Ann.", "2", author="agent")
    until(lambda: -1 not in of_ticket(house, "handed"))
    # A job that has just ended has its last word for a quarter of an hour.
    until(lambda: not for_ever(house), what=lambda: str(for_ever(house)))


def for_ever(house: Product) -> list[str]:
    """What has no end, and is neither of the household nor of a job that runs again and again."""
    stay = [key for key, left in lasts(house).items() if left == -1]
    return [key for key in stay if not OF_PERPETUAL.search(key) and (":runs:" in key or not HOUSEHOLD.search(key))]
