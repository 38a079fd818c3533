"""The booking system itself fails while refunds are asked of it: after it has carried them out, before, or without a word."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.reasons import APPROVAL_LATE
from tests.e2e.refund_house import House, check_money, house, settled
from tests.e2e.refunds import Guest, rules
from tests.e2e.wire import Asked, Fault

pytestmark = pytest.mark.slow

NEEDS_A_PERSON = 100_00
SMALL = [Guest(number, cents) for number, cents in enumerate((31_07, 44_11, 52_93, 67_01, 23_59, 78_37, 36_83))]
REFUSED = SMALL[5]
APPROVED, FORGOTTEN = Guest(7, 131_43), Guest(8, 144_09)
FAULTS = {
    SMALL[0]: [Fault.ERROR_AFTER],
    SMALL[1]: [Fault.ERROR_AFTER] * 4,  # more often than one call is repeated
    SMALL[2]: [Fault.LOST_AFTER, Fault.LOST_BEFORE],
    SMALL[3]: [Fault.SILENT_AFTER],
    SMALL[4]: [Fault.BUSY, Fault.ERROR_BEFORE],
    REFUSED: [Fault.REFUSED],
    APPROVED: [Fault.SILENT_AFTER],
}
LIMIT = sum(guest.cents for guest in (*SMALL, APPROVED))


def test_what_fails_there_is_done_once_or_given_back(tmp_path: Path, knowledge: Path) -> None:
    left = {guest.booking_id: list(faults) for guest, faults in FAULTS.items()}

    def meddle(found: House, asked: Asked) -> tuple[Fault | None, Callable[[], None]]:
        waiting = left.get(asked.booking_id)
        return (waiting.pop(0) if waiting else None), lambda: None

    guests, names = [*SMALL, APPROVED, FORGOTTEN], ("serve", "worker-1", "worker-2")
    pack = rules(tmp_path / "pack", LIMIT, NEEDS_A_PERSON, timeout="1m")
    with house(tmp_path, knowledge, guests, pack, names, meddle) as found, ThreadPoolExecutor(8) as crowd:
        found.system["operations"]["refund"]["timeout_s"] = 6
        found.start(*names)
        assert {told["decision"] for told in crowd.map(found.ask, guests)} == {"clarify"}
        list(crowd.map(lambda guest: found.write(guest, 2, "yes"), (APPROVED, FORGOTTEN, *SMALL)))
        found.rule(APPROVED, found.told(APPROVED, 2)["run_id"], "approved")
        for guest in SMALL:
            end = found.told(guest, 2)
            assert end["decision"] == ("refuse" if guest is REFUSED else "answer")
        # What it took of the limit is free again, to the cent.
        found.write(REFUSED, 3, f"Please pay me back for {REFUSED.booking_id} now, can you refund it?")
        assert found.told(REFUSED, 3)["decision"] == "clarify"
        found.write(REFUSED, 4, "yes")
        for guest, number in ((APPROVED, 3), (REFUSED, 4)):
            assert found.told(guest, number)["decision"] == "answer"
            assert guest.money in found.told(guest, number)["text"]
        late = found.told(FORGOTTEN, 3)
        assert (late["decision"], late["reason"]) == ("handoff", APPROVAL_LATE)
        read = settled(found, guests)
        check_money(found, guests, LIMIT)

    assert not any(left.values())
    assert read[FORGOTTEN.ticket].handed_off
    for guest in guests:
        events = 4 if guest is REFUSED else 3 if guest in (APPROVED, FORGOTTEN) else 2
        assert len(found.product.inbox.of(guest.ticket)) == events, "one ending, and no more"
