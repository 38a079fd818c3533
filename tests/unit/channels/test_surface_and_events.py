import ast
import inspect
import json

import pytest

from agent.channels import demo_desk, desk_markup, desk_store
from agent.channels.health import Readiness, report
from agent.channels.outbound import event, webhook_id
from agent.completions import Task
from agent.errors import HelpdeskRefused, QueueUnavailable
from agent.ports import ModelsSeen
from agent.surface import answer_body
from agent.types import Citation, ConversationId, Decision, MessageId, OutboxEntry, OutboxId, Outcome, PolicyTrace, RunId, Usage
from knowledge.types import DocumentId, PassageId


def entry(decision: Decision = Decision.ANSWER, outbox_id: str = "out-1") -> OutboxEntry:
    outcome = Outcome(
        decision,
        "Half of it [1].",
        "grounded",
        "en",
        PolicyTrace("1.2.0", "ab" * 32, ("disclosure",)),
        (Citation(1, DocumentId("d1"), PassageId("p1"), "Cancelling", None, "You get 50% back."),),
        0.87654321,
        Usage(1, 20, 3),
        {"triage": 1.23456},
        "billing",
        "Asked about a refund.",
    )
    ids = (ConversationId("acme:T-1"), "acme", "T-1", RunId("run-1"), MessageId("M-1"))
    return OutboxEntry(OutboxId(outbox_id), *ids, outcome, "2026-01-05T09:00:00.000Z")


def test_answer_body_is_the_promised_object():
    body = answer_body(entry().outcome)
    assert json.loads(json.dumps(body)) == {
        "decision": "answer",
        "answer": "Half of it [1].",
        "citations": [
            {"n": 1, "doc_id": "d1", "passage_id": "p1", "title": "Cancelling", "url": None, "quote": "You get 50% back."}
        ],
        "confidence": 0.8765,
        "reason": "grounded",
        "language": "en",
        "policy": {"version": "1.2.0", "sha256": "ab" * 32, "rules": ["disclosure"]},
        "usage": {"llm_calls": 1, "prompt_tokens": 20, "completion_tokens": 3},
        "timings_ms": {"triage": 1.23},
    }


@pytest.mark.parametrize(
    ("decision", "kind"),
    [
        (Decision.ANSWER, "agent.reply.sent"),
        (Decision.CLARIFY, "agent.reply.sent"),
        (Decision.REFUSE, "agent.reply.sent"),
        (Decision.HANDOFF, "agent.handoff.requested"),
        (Decision.DRAFT, "agent.reply.proposed"),
    ],
)
def test_every_outcome_that_is_sent_has_its_event(decision, kind):
    sent = event(entry(decision))
    assert sent["type"] == kind
    assert sent["data"] == {
        "system": "acme",
        "ticket_id": "T-1",
        "conversation_id": "acme:T-1",
        "run_id": "run-1",
        "in_reply_to": "M-1",
        "decision": decision.value,
        "text": "Half of it [1].",
        "citations": answer_body(entry().outcome)["citations"],
        "confidence": 0.8765,
        "reason": "grounded",
        "language": "en",
        "summary": "Asked about a refund.",
        "notice": None,
        "queue": "billing",
        "generated_by": "ai",
        "policy": {"version": "1.2.0", "sha256": "ab" * 32},
    }


def test_no_reply_is_never_sent():
    with pytest.raises(HelpdeskRefused):
        event(entry(Decision.NO_REPLY))


def test_webhook_id_is_the_outbox_id_or_a_stable_stand_in():
    assert webhook_id(entry()) == "out-1"
    strange = webhook_id(entry(outbox_id="acme:T.1 é"))
    assert strange == webhook_id(entry(outbox_id="acme:T.1 é"))
    assert strange != webhook_id(entry(outbox_id="acme:T_1 é"))
    assert "." not in strange


@pytest.mark.parametrize(
    ("down", "status", "word"),
    [
        ((), 200, "ready"),
        (("model",), 200, "degraded"),
        (("redis",), 503, "unavailable"),
        (("knowledge", "model"), 503, "unavailable"),
    ],
)
def test_readiness_report(down, status, word):
    states = {name: name not in down for name in ("redis", "knowledge", "model")}
    code, body = report(states)
    assert (code, body["status"], body["degraded"]) == (status, word, bool(down))
    assert all(body[name] == ("down" if name in down else "up") for name in states)
    assert not down or any(name in str(body["message"]) for name in down)


def test_what_goes_on_without_a_model_for_a_task_is_told():
    states = {"redis": True, "knowledge": True, "model": False}
    seen = ModelsSeen({"large": True, "strict": False}, {Task.ANSWER: True, Task.REWRITE: True, Task.JUDGE: False})
    code, body = report(states, seen)
    assert (code, body["status"], body["model"]) == (200, "degraded", "down")
    assert body["models"] == {"large": "up", "strict": "down"}
    assert str(body["message"]).startswith("No model is up for: judge. Tickets are answered without that")
    _, body = report(states, ModelsSeen({"large": False}, dict.fromkeys(Task, False)))
    assert "The model server is down" in str(body["message"])


async def test_a_check_that_fails_or_hangs_is_down_and_is_asked_once_per_period():
    now, asked = 0.0, []

    async def failing() -> bool:
        asked.append("failing")
        raise QueueUnavailable("no")

    async def hanging() -> bool:
        import asyncio

        await asyncio.sleep(60)
        return True

    readiness = Readiness({"redis": failing, "model": hanging}, timeout_s=0.01, clock=lambda: now)
    assert await readiness.states() == {"redis": False, "model": False}
    await readiness.states()
    assert asked == ["failing"]
    now = 2.5
    await readiness.states()
    assert asked == ["failing"] * 2


def test_the_reference_helpdesk_knows_innkeeper_by_its_webhooks_alone():
    own = {"agent.channels.desk_store", "agent.channels.desk_markup"}
    allowed = own | {"agent.channels.standard_webhooks", "agent.errors", "agent.types"}
    for module in (demo_desk, desk_store, desk_markup):
        tree = ast.parse(inspect.getsource(module))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert {name for name in imported if name.startswith(("agent", "knowledge", "policies"))} <= allowed
