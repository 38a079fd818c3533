"""Fifty guests want their money back at once, under one limit, while whatever works for them is killed."""

import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.reasons import ACTION_GONE, DECLINED
from tests.e2e.refund_house import House, check_money, house, settled
from tests.e2e.refunds import Guest, rules
from tests.e2e.wire import Asked, Fault

pytestmark = pytest.mark.slow

SEED = 20261127
WORKERS = ("worker-1", "worker-2", "worker-3", "worker-4")
NEEDS_A_PERSON = 150_00
LIMIT_RULE = "refund_booking.limits.per_day"


def to_the_cent(found: House, left: int) -> list[Guest]:
    """One cent more than there is left is refused, and all of it is paid. The guests who have asked for that."""
    too_much, fits = Guest(50, left + 1), Guest(51, left)
    found.books.add(too_much)
    refused = found.ask(too_much)
    assert refused["decision"] == "refuse", refused["text"]
    if left == 0:
        return [too_much]
    found.books.add(fits)
    assert found.ask(fits)["decision"] == "clarify"
    found.write(fits, 2, "yes")
    assert fits.money in found.told(fits, 2)["text"]
    return [too_much, fits]


class Wrecker:
    """Kills what works, by a plan that chance has made: at the n-th attempt to pay back."""

    def __init__(self, rng: random.Random, kills: int, of: int) -> None:
        modes = [Fault.LOST_BEFORE, Fault.LOST_AFTER, None]
        self.plan = {number: modes[place % 3] for place, number in enumerate(rng.sample(range(1, of), kills))}
        self.rng, self.lock = rng, threading.Lock()
        self.attempts, self.kills = 0, 0
        self.begun = False
        self.spare_serve = True
        self.dead: queue.Queue[str | None] = queue.Queue()

    def __call__(self, found: House, asked: Asked) -> tuple[Fault | None, Callable[[], None]]:
        with self.lock:
            if asked.caller == "serve":
                if self.spare_serve:
                    return None, lambda: None
                self.spare_serve = True
                return Fault.LOST_AFTER, lambda: self.kill(found, "serve")
            self.attempts += self.begun
            if not self.begun or self.attempts not in self.plan:
                return None, lambda: None
            fault = self.plan.pop(self.attempts)
            # Whoever asks, while they ask; or another, whatever that one does at the moment.
            others = [name for name in WORKERS if name != asked.caller]
            victim = asked.caller if fault is not None else self.rng.choice(others)
        return fault, lambda: self.kill(found, victim)

    def kill(self, found: House, name: str) -> None:
        with self.lock:
            # It may be dead already; then another one, but for the one that answers the helpdesk.
            alive = sorted(set(found.product.processes) - {"serve"})
            name = name if name in found.product.processes else self.rng.choice(alive)
            found.product.kill(name)
            self.kills += 1
            self.dead.put(name)

    @contextmanager
    def reviving(self, found: House) -> Iterator[None]:
        """Whatever is killed is started again while this is open."""

        def revive() -> None:
            while (name := self.dead.get()) is not None:
                found.launch(name)

        thread = threading.Thread(target=revive)
        thread.start()
        try:
            yield
        finally:
            self.dead.put(None)
            thread.join()


def amounts(rng: random.Random) -> list[Guest]:
    """Forty small ones and ten that a person must agree to, with uneven cents."""
    small = [rng.randrange(20_00, 90_00) for _ in range(40)]
    large = [rng.randrange(NEEDS_A_PERSON + 1, 300_00) for _ in range(10)]
    return [Guest(number, cents) for number, cents in enumerate([*small, *large])]


def test_fifty_refunds_under_one_limit_while_four_workers_are_killed(
    tmp_path: Path, knowledge: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    began, rng = time.monotonic(), random.Random(SEED)
    guests = amounts(rng)
    small, large = guests[:40], guests[40:]
    early, middle, [declined], late = large[:3], large[3:7], large[7:8], large[8:]
    # Room for the early ones and some of the rest, whoever comes first.
    limit = sum(g.cents for g in (*early, *middle)) + sum(g.cents for g in small) // 2
    wrecker = Wrecker(rng, kills=4, of=12)
    names = ("serve", *WORKERS)
    pack = rules(tmp_path / "pack", limit, NEEDS_A_PERSON)
    with (
        house(tmp_path, knowledge, guests, pack, names, wrecker) as found,
        wrecker.reviving(found),
        ThreadPoolExecutor(16) as crowd,
    ):
        found.start(*names)
        for guest, told in zip(guests, crowd.map(found.ask, guests), strict=True):
            assert told["decision"] == "clarify", (told["reason"], told["text"])
            assert guest.money in told["text"]
        list(crowd.map(lambda guest: found.write(guest, 2, "yes please", repeats=2), large))
        drafts = {guest.ticket: found.told(guest, 2) for guest in large}
        assert {draft["decision"] for draft in drafts.values()} == {"draft"}
        assert found.books.refunds() == []

        # What waits for a person outlives who knows of it: the first yes kills the process that it was said to, in the call.
        wrecker.spare_serve = False

        def agree(guest: Guest) -> str:
            return found.rule(guest, drafts[guest.ticket]["run_id"], "approved")

        for guest in early:
            agree(guest)
            assert guest.money in found.told(guest, 3)["text"]
        wrecker.begun = True
        crowded: list[Callable[[], object]] = [lambda guest=guest: found.write(guest, 2, "yes", repeats=2) for guest in small]
        crowded += [lambda guest=guest: agree(guest) for guest in middle * 2]
        crowded += [lambda: found.rule(declined, drafts[declined.ticket]["run_id"], "declined")] * 2
        rng.shuffle(crowded)
        list(crowd.map(lambda one: one(), crowded))
        ends = {guest.ticket: found.told(guest, 2) for guest in small}
        ends |= {guest.ticket: found.told(guest, 3) for guest in (*early, *middle, declined)}
        for guest in late:
            agree(guest)
        ends |= {guest.ticket: found.told(guest, 3) for guest in late}
        paid = dict(found.books.refunds())
        assert len(paid) == len(found.books.refunds())
        left = limit - sum(paid.values())
        assert left >= 0
        guests += to_the_cent(found, left)
        read = settled(found, guests)
        record_testsuite_property("seconds of the refund race", round(time.monotonic() - began))

        check_money(found, guests, limit)
    assert wrecker.plan == {}
    assert wrecker.kills == 5
    for guest in guests[:50]:
        end, conversation = ends[guest.ticket], read[guest.ticket]
        assert len(found.product.inbox.of(guest.ticket)) == (3 if guest in large else 2), "one ending, and no more"
        assert len(conversation.messages) == (5 if guest in large else 4)
        if guest.booking_id in paid:
            assert end["decision"] == "answer"
            assert guest.money in end["text"]
        elif guest is declined:
            assert (end["decision"], end["reason"]) == ("handoff", DECLINED)
        else:
            assert end["decision"] == ("handoff" if guest in large else "refuse")
            assert (end["reason"] == ACTION_GONE) is (guest in large)
            assert LIMIT_RULE in conversation.messages[-1].rules
            assert guest.cents > left, "nobody is refused for want of room that there was"
    assert {guest.booking_id for guest in early} <= set(paid)
    assert not {guest.booking_id for guest in (declined, *late)} & set(paid)
