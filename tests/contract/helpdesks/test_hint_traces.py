"""A hint has a trace of its own; the message that it leads to has another, which names it and lasts to the reply."""

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from agent.telemetry import trace_id_of, traced
from tests.contract.helpdesks.fake_zammad import FakeZammad
from tests.contract.helpdesks.inn import SOURCE, Inn


@pytest.fixture
def desk() -> FakeZammad:
    return FakeZammad()


async def test_from_the_hint_to_the_reply_every_line_can_be_found(inn: Inn, desk: FakeZammad) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order? I am Zorblatt.")
    with capture_logs(processors=[merge_contextvars]) as lines:
        webhook = desk.webhook(desk.tickets[ticket_id], entry, "delivery-1")
        taken = await inn.post(webhook)
        repeated = await inn.post(webhook)
        await inn.work()
    hint = taken.headers["x-innkeeper-trace"]
    assert repeated.headers["x-innkeeper-trace"] == hint
    by_event = {line["event"]: line for line in lines}
    found = by_event["message_found"]
    assert by_event["webhook_taken"]["trace_id"] == hint
    assert by_event["webhook_taken"]["conversation_id"] == found["conversation_id"] == f"{SOURCE}:{ticket_id}"
    assert found["trace_id"] == trace_id_of(found["conversation_id"], found["message_id"])
    assert {by_event[event]["trace_id"] for event in ("run_started", "run_finished", "delivered")} == {found["trace_id"]}
    assert "Zorblatt" not in repr(lines)


async def test_the_message_names_the_hint_that_a_job_was_queued_for(inn: Inn, desk: FakeZammad) -> None:
    ticket_id, entry = desk.customer_writes("Where is my order?")
    taken = await inn.post(desk.webhook(desk.tickets[ticket_id], entry, "delivery-1"))
    hint = taken.headers["x-innkeeper-trace"]
    [(conversation_id, job_message_id)] = inn.queue.turns
    assert trace_id_of(conversation_id, job_message_id) == hint
    with capture_logs(processors=[merge_contextvars]) as lines, traced(hint):  # as a worker binds its job's
        await inn.sync(conversation_id)
        await inn.turns.run_turn(conversation_id)
    by_event = {line["event"]: line for line in lines}
    assert by_event["message_found"]["also_traces"] == by_event["run_started"]["also_traces"] == [hint]
