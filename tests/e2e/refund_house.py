"""The product around the sample booking system, for tests of refunds: each process has a wire of its own to it."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.types import Conversation, ConversationId
from agent.wiring.bookings import bookings_system, bookings_token
from tests.e2e.product import SOURCE, Product, event, product, until
from tests.e2e.refunds import Accounts, Books, Guest
from tests.e2e.test_demo_bookings import bookings
from tests.e2e.wire import Asked, Fault, wire
from tests.servers import free_port


@dataclass
class House:
    """The product around the sample booking system, each process with a wire of its own to it."""

    product: Product
    books: Books
    system: dict[str, Any]
    addresses: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[Asked, Fault | None]] = field(default_factory=list)

    def tools(self, name: str) -> str:
        return json.dumps({"bookings": self.system | {"url": self.addresses[name]}})

    def start(self, *names: str) -> None:
        for name in names:
            self.product.launch(name, INNKEEPER_TOOLS=self.tools(name))
        self.product.await_ready(*names)

    def launch(self, name: str) -> None:
        self.product.launch(name, INNKEEPER_TOOLS=self.tools(name))

    def write(self, guest: Guest, number: int, text: str, repeats: int = 1) -> Counter[str]:
        """A message of the guest's; what each delivery was told."""
        author = {"kind": "customer", "customer_id": guest.customer_id, "verified": True}
        name = f"{guest.ticket}-{number}"
        body = event("ticket.message.created", ticket_id=guest.ticket, message_id=name, author=author, text=text)
        return Counter(self.product.insist(body, f"msg_{name}") for _ in range(repeats))

    def told(self, guest: Guest, number: int) -> dict[str, Any]:
        """The guest's event of that number."""
        return dict(self.product.outcomes(guest.ticket, number)[number - 1]["data"])

    def ask(self, guest: Guest) -> dict[str, Any]:
        self.write(guest, 1, f"Can you refund my booking {guest.booking_id}?")
        return self.told(guest, 1)

    def rule(self, guest: Guest, run_id: str, what: str) -> str:
        return self.product.rule(guest.ticket, run_id, what)


Meddle = Callable[[House, Asked], tuple[Fault | None, Callable[[], None]]]
"""As of a wire."""


@contextmanager
def house(
    folder: Path, knowledge: Path, guests: Sequence[Guest], pack: Path, names: Sequence[str], meddle: Meddle
) -> Iterator[House]:
    """`names`: of the processes, which the test starts. `pack`: their policies."""
    port, data_dir = free_port(), folder / "bookings"
    books = Books.begin(data_dir, guests)
    # Nothing here is for a model to say, so there is none.
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    with (
        bookings(data_dir, port),
        product(folder / "house", knowledge, nobody, INNKEEPER_POLICY_DIR=str(pack)) as made,
        ExitStack() as wires,
    ):
        url = f"http://127.0.0.1:{port}"
        system = bookings_system(url, bookings_token(data_dir)) | {"timeout_s": 60}
        found = House(made, books, system)

        def remembered(asked: Asked) -> tuple[Fault | None, Callable[[], None]]:
            fault, then = meddle(found, asked)
            found.asked.append((asked, fault))
            return fault, then

        for name in names:
            found.addresses[name] = wires.enter_context(wire(name, url, remembered))
        yield found


async def records(url: str, guests: Sequence[Guest]) -> tuple[dict[str, Conversation], int]:
    """Every conversation, and how much is still owed."""
    async with redis_client(url) as client:
        conversations, outbox = RedisConversations(client), RedisOutbox(client)
        owed = len(await conversations.unanswered()) + len(await outbox.pending()) + len(await outbox.dead())
        return {g.ticket: await conversations.read(ConversationId(f"{SOURCE}:{g.ticket}")) for g in guests}, owed


def settled(found: House, guests: Sequence[Guest]) -> dict[str, Conversation]:
    """Every conversation, once nothing is owed in any."""
    read: dict[str, Conversation] = until(
        lambda: (told := asyncio.run(records(found.product.redis.url, guests)))[1] == 0 and told[0], 120
    )
    return read


def check_money(found: House, guests: Sequence[Guest], limit: int) -> None:
    """The booking system's own records, what came over the wire, and the ledger agree, and the limit is spent to the cent."""
    owed = {guest.booking_id: guest.cents for guest in guests}
    refunds, accounts = found.books.refunds(), Accounts.read(found.product.redis.url)
    paid = dict(refunds)
    assert len(refunds) == len(paid) == found.books.keys(), "no booking twice"
    assert paid == {booking_id: owed[booking_id] for booking_id in paid} == found.books.paid_back()
    assert sum(paid.values()) == limit
    assert accounts.days == (limit,)
    assert accounts.customers == limit
    assert sorted(accounts.calls) == sorted(("done", cents) for cents in paid.values())
    attempts: dict[str, list[Asked]] = defaultdict(list)
    for asked, _ in found.asked:
        attempts[asked.booking_id].append(asked)
    assert set(attempts) == set(paid)
    for booking_id, made in attempts.items():
        assert {(one.key, one.amount) for one in made} == {(made[0].key, owed[booking_id])}, "every attempt is the same call"
    cut_off = {asked.booking_id for asked, fault in found.asked if fault is not None}
    assert cut_off
    assert all(len(attempts[booking_id]) > 1 for booking_id in cut_off)
