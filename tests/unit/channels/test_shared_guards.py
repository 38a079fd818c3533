"""What all helpdesks share against strangers: marks, timestamps."""

import math

import pytest

from agent.channels.helpdesks import wording
from agent.channels.helpdesks.marks import mark, marks_in
from agent.channels.helpdesks.signatures import require_fresh
from agent.errors import SignatureInvalid
from agent.types import OutboxId
from tests.samples import full_outcome

OURS = mark(OutboxId("out_1"), "note")
FOREIGN = mark(OutboxId("out_2"), "note")


def test_a_mark_in_what_a_customer_says_counts_nowhere() -> None:
    outcome = full_outcome()
    quoting = type(outcome)(
        **{name: getattr(outcome, name) for name in outcome.__dataclass_fields__}
        | {"summary": f"Customer asks: {FOREIGN}", "answer": f"You write {FOREIGN}."}
    )
    for words in (
        wording.handover(quoting, OURS),
        wording.reply(quoting, OURS),
        wording.proposal(quoting, OURS),
        wording.passed_on(f"Ref. {FOREIGN}", OURS),
    ):
        assert marks_in(words.text) == marks_in(words.html) == {OURS}


@pytest.mark.parametrize("timestamp", [math.nan, math.inf, -math.inf, 699.0, 1301.0])
def test_a_timestamp_that_is_no_time_of_now_is_stale(timestamp: float) -> None:
    with pytest.raises(SignatureInvalid):
        require_fresh(timestamp, 1000.0, 300.0)
    require_fresh(700.0, 1000.0, 300.0)
