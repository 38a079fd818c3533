"""Ask cases one after the other, each through the whole graph. Knows no file."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from agent.errors import AgentError
from agent.evaluation.records import Record, judge
from agent.evaluation.tracing import clean, made_of
from agent.graph.state import TurnState
from agent.types import Message, RunId
from knowledge.errors import KnowledgeError
from policies.engine import PolicyEngine

MOST_FAILURES = 5
"""So many in a row mean that the model or the knowledge base is away: more tries would only take time."""
Walk = Callable[[tuple[Message, ...], RunId], Awaitable[TurnState]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Question:
    """A case to be asked: what is known of it, and the messages as the graph takes them."""

    record: Record
    messages: tuple[Message, ...]


async def ask(walk: Walk, policies: PolicyEngine, questions: Iterable[Question]) -> AsyncIterator[Record]:
    """The record of each, as soon as it has ended. Stops after `MOST_FAILURES` failures in a row."""
    failures = 0
    for question in questions:
        record = await _ask_one(walk, policies, question)
        failures = failures + 1 if record.failed else 0
        yield record
        if failures == MOST_FAILURES:
            return


async def _ask_one(walk: Walk, policies: PolicyEngine, question: Question) -> Record:
    start = time.perf_counter()
    try:
        state = await walk(question.messages, RunId(question.record.id))
    except (AgentError, KnowledgeError) as error:
        log.warning("case_failed", case=question.record.id, error=type(error).__name__)
        return question.record.model_copy(update={"failed": clean(f"{type(error).__name__}: {error}")})
    made = made_of(state, policies, round(time.perf_counter() - start, 4))
    return question.record.model_copy(update={"made": made, "failed": "", "judgement": judge(question.record.expected, made)})
