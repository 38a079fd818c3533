"""What differs between two runs over the same cases. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.evaluation.records import Judgement, Made, Record, Verdict, judge


class Turn(StrEnum):
    """Which way an answer changed, by the judgement."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A case that ended otherwise before. Both are judged by what is expected now."""

    id: str
    question: str
    turn: Turn
    before: Made
    after: Made
    before_judged: Judgement
    after_judged: Judgement

    @property
    def is_decision(self) -> bool:
        """True if the decision differs, and not the text alone."""
        return self.before.decision is not None and self.before.decision is not self.after.decision


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside an earlier one.

    Attributes:
        same: cases that ended alike.
        changes: the others: what got worse first, then what got better, then what can't be told.
        added, gone: ids that only this run, or only the earlier one, has an outcome for.
    """

    same: int
    changes: tuple[Change, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]

    def count(self, turn: Turn | str) -> int:
        """How many changed that way; a page names it by its value."""
        return sum(one.turn == turn for one in self.changes)


def compare(before: Sequence[Record], after: Sequence[Record]) -> Comparison:
    """Every case whose decision or text differs. Cases without an outcome in one of the two can't be compared."""
    earlier = {one.id: one.made for one in before if one.made is not None}
    now = {one.id: one for one in after if one.made is not None}
    changes = []
    for case_id, record in now.items():
        made, old = record.made, earlier.get(case_id)
        if made is None or old is None or is_same(old, made):
            continue
        judged, was = judge(record.expected, made), judge(record.expected, old)
        changes.append(Change(case_id, record.question, turned(old, was, made, judged), old, made, was, judged))
    return Comparison(
        same=sum(case_id in now for case_id in earlier) - len(changes),
        changes=tuple(sorted(changes, key=lambda one: (list(Turn).index(one.turn), not one.is_decision, one.id))),
        added=tuple(sorted(set(now) - set(earlier))),
        gone=tuple(sorted(set(earlier) - set(now))),
    )


def is_same(before: Made, after: Made) -> bool:
    """Same decision, if both are known, and same text but for white space."""
    decided = before.decision is None or before.decision is after.decision
    return decided and before.answer.split() == after.answer.split()


def turned(before: Made, was: Judgement, after: Made, judged: Judgement) -> Turn:
    """A wrong answer that is sent is worse than a wrong decision that sends none, and that is worse than what is right."""
    if Verdict.NONE in (was.verdict, judged.verdict):
        return Turn.CHANGED
    old, new = _rank(before, was), _rank(after, judged)
    return Turn.BETTER if new > old else Turn.WORSE if new < old else Turn.CHANGED


def _rank(made: Made, judged: Judgement) -> int:
    if judged.verdict is Verdict.RIGHT:
        return 2
    return 0 if made.is_sent else 1
