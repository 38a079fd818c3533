"""Ask a model which action a customer asks for: at most one call a turn, and a turn never fails or waits long for it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from agent.completions import IN_TIME, Completion
from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.graph.acting.picking import Picked, pick_prompt, read_pick
from agent.graph.acting.reading import Desk, is_able
from agent.graph.examples import likeness
from agent.graph.state import TurnContext, TurnState
from agent.telemetry import ACTION_READINGS
from agent.types import Usage
from policies.judging import Judge
from policies.wishes import may_be_named, near_actions

log = structlog.get_logger()

PICK_S = 5.0
"""Most that a turn waits for a model's opinion, a free place at the server included."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What came of asking. `picked` is None if there is nothing usable."""

    picked: Picked | None
    usage: Usage
    spent_ms: float


def nameable(desk: Desk, state: TurnState, context: TurnContext) -> tuple[Judge, ...]:
    """The actions that a model may say this customer asks for; none if no model is asked here."""
    if not context.profile.picks_actions:
        return ()
    customer = state["customer"]
    judges = (judge for judge in context.policies.actions.values() if is_able(desk, judge.action))
    return tuple(one for one in judges if may_be_named(one, customer.identity.value, customer.customer_id))


async def near(judges: Sequence[Judge], state: TurnState, context: TurnContext) -> tuple[Judge, ...]:
    """Those that the message may ask for, nearest first. No model that writes is asked."""
    if not judges:
        return ()
    text = state["facts"].text
    return near_actions(judges, text, await context.in_thread(likeness, context.embedder, context.wishes, text))


async def ask(judges: Sequence[Judge], desk: Desk, state: TurnState, context: TurnContext, timeout_s: float = PICK_S) -> Opinion:
    """Ask which of these actions the latest messages ask for. A failure is logged and counted, and no more.

    Args:
        judges: nearest first.
        desk: its clock counts.
        state: the conversation.
        context: of the turn.
        timeout_s: most to wait; the call is given up then.
    """
    start = time.perf_counter()
    clock = desk.now()
    today = clock.now.astimezone(clock.zone).date()
    actions = [judge.action for judge in judges]
    shown, prompt = pick_prompt(context.profile, actions, context.shown(state["messages"]), today)
    completion = None
    try:
        async with asyncio.timeout(timeout_s):
            completion = await context.chat.complete(replace(prompt, timeout_s=IN_TIME * timeout_s))
    except (ModelUnavailable, ModelOutputInvalid, TimeoutError) as error:
        log.warning("action_reading_failed", error=type(error).__name__)
    usage = Usage(llm_calls=1) if completion is None else completion.usage  # of a call that fails nobody knows the tokens
    picked = None if completion is None else _usable(completion, shown)
    ACTION_READINGS.labels(_result(completion, picked)).inc()
    return Opinion(picked, usage, round((time.perf_counter() - start) * 1000, 2))


def _usable(completion: Completion, shown: Sequence[str]) -> Picked | None:
    return None if completion.finish_reason == "length" else read_pick(completion.text, shown)


def _result(completion: Completion | None, picked: Picked | None) -> str:
    if completion is None:
        return "failed"
    if picked is None:
        return "ignored"
    return "none" if picked.action is None else "named"
