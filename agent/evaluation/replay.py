"""Turns of the past as cases, and what was said then as an earlier run. Pure."""

import datetime as dt
import re
from collections.abc import Sequence

from agent.errors import AgentError
from agent.evaluation.asking import Question
from agent.evaluation.cases import Said
from agent.evaluation.records import Cited, Made, Record, Spent
from agent.evaluation.tracing import clean
from agent.ports import RecordedTurn
from agent.surface import citation_bodies

_SPAN = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def question_of(turn: RecordedTurn) -> Question:
    """The case of a recorded turn. Nobody has said what is right, so nothing is expected."""
    said = tuple(Said(author=message.author, text=clean(message.text)) for message in turn.messages)
    return Question(Record(id=turn.run_id, said=said, kind="recorded"), turn.messages)


def as_before(turns: Sequence[RecordedTurn]) -> list[Record]:
    """What became of them, as records of an earlier run."""
    return [question_of(turn).record.model_copy(update={"made": made_then(turn)}) for turn in turns]


def made_then(turn: RecordedTurn) -> Made:
    """What was made of a turn, as far as it is on record."""
    outcome = turn.outcome
    if outcome is None:
        return Made(decision=turn.decision, answer=clean(turn.answer), run_id=turn.run_id)
    return Made(
        decision=outcome.decision,
        answer=clean(outcome.answer),
        citations=tuple(
            Cited.model_validate({**body, "quote": clean(body["quote"])}) for body in citation_bodies(outcome.citations)
        ),
        confidence=outcome.confidence,
        reason=outcome.reason,
        language=outcome.language,
        rules=outcome.policy.rules,
        usage=Spent(
            llm_calls=outcome.usage.llm_calls,
            prompt_tokens=outcome.usage.prompt_tokens,
            completion_tokens=outcome.usage.completion_tokens,
        ),
        timings_ms=dict(outcome.timings_ms),
        run_id=turn.run_id,
    )


def since(text: str, now: dt.datetime) -> dt.datetime:
    """The moment of `7d`, `12h`, `30m`, `2w` before now, or of a date such as 2026-11-24.

    Raises:
        AgentError: it is none of these.
    """
    if found := _SPAN.fullmatch(text.strip()):
        return now - dt.timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise AgentError(f"{text!r} is no time: write 7d, 12h, 30m or 2w, or a date such as 2026-11-24") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
