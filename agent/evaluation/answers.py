"""Figures over the records of a run: what was decided, what was sent, how sure it was, how long it took. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.evaluation.curves import Bin, Point, auroc, calibration_error, reliability, risk_coverage
from agent.evaluation.dials import is_judged_answer
from agent.evaluation.records import Made, Record, Verdict, cites, missing_facts
from agent.types import Decision

ORDER = tuple(one.value for one in Decision)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Expected decisions (rows) by made ones (columns), both in the order of `labels`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    macro_f1: float | None
    """None if no decision is expected."""

    @property
    def right(self) -> int:
        """How many are as expected."""
        return sum(self.counts[i][i] for i in range(len(self.labels)))

    @property
    def total(self) -> int:
        """How many have an expected decision."""
        return sum(map(sum, self.counts))


@dataclass(frozen=True, slots=True)
class Figures:
    """Over the cases that didn't fail; None where there is nothing to measure.

    Attributes:
        cases: asked.
        failed: of those, could not be asked to the end.
        right, wrong: by the judgement; the rest has nothing to be judged by.
        decisions: the confusion matrix.
        answerable: cases for which an answer is expected, and of those
        answered: got one at once,
        proposed: got one that is proposed to a person,
        right_article: got one, either way, that cites an expected article,
        all_facts: got one, either way, that has every expected fact,
        answered_right: got a right one at once.
        sent: judged answers that were sent at once, whatever was expected; `sent_wrong` of those.
        sentences: that were sent or proposed, each beside its source.
        untraced: lines of answers that have no source and are no approved text; each is a fault of Innkeeper.
        auroc: of the confidence, over the judged answers, sent or proposed; so are
        bins, calibration_error, curve: see `agent.evaluation.curves`.
        p50_s, p95_s: from a question to its outcome, one at a time.
        llm_calls: turns by their number of model calls.
        prompt_tokens: the most of one turn.
    """

    cases: int
    failed: int
    right: int
    wrong: int
    decisions: Decisions
    answerable: int
    answered: int
    proposed: int
    right_article: int
    all_facts: int
    answered_right: int
    sent: int
    sent_wrong: int
    sentences: int
    untraced: int
    auroc: float | None
    bins: tuple[Bin, ...]
    calibration_error: float | None
    curve: tuple[Point, ...]
    p50_s: float | None
    p95_s: float | None
    llm_calls: Mapping[int, int]
    prompt_tokens: int

    @property
    def coverage(self) -> float | None:
        """Share of the answerable ones that are answered at once."""
        return self.answered / self.answerable if self.answerable else None

    @property
    def precision(self) -> float | None:
        """Share of those answers that are right."""
        return self.answered_right / self.answered if self.answered else None


def figures(records: Sequence[Record]) -> Figures:
    """Sum up."""
    ended = [(one, one.made) for one in records if one.made is not None]
    answerable = [(one, made) for one, made in ended if one.expected.is_answerable]
    spoken = [(one, made) for one, made in answerable if made.speaks]
    answered = [(one, made) for one, made in answerable if made.is_sent]
    judged = [(one, made) for one, made in ended if is_judged_answer(one)]
    sent = [one for one, made in judged if made.is_sent]
    truth, scores = [one.is_right for one, _ in judged], [made.confidence for _, made in judged]
    bins = tuple(reliability(truth, scores))
    seconds = [made.seconds for _, made in ended]
    return Figures(
        cases=len(records),
        failed=len(records) - len(ended),
        right=sum(one.is_right for one, _ in ended),
        wrong=sum(one.is_wrong for one, _ in ended),
        decisions=decisions([(one.expected.outcome, made.decision) for one, made in ended]),
        answerable=len(answerable),
        answered=len(answered),
        proposed=len(spoken) - len(answered),
        right_article=sum(cites(one.expected, made) for one, made in spoken),
        all_facts=sum(not missing_facts(one.expected, made) for one, made in spoken),
        answered_right=sum(one.is_right for one, _ in answered),
        sent=len(sent),
        sent_wrong=sum(one.is_wrong for one in sent),
        sentences=sum(len(made.sentences) for _, made in ended),
        untraced=sum(len(made.untraced) for _, made in ended),
        auroc=auroc(truth, scores),
        bins=bins,
        calibration_error=calibration_error(bins) if judged else None,
        curve=tuple(risk_coverage(truth, scores)) if judged else (),
        p50_s=percentile(seconds, 0.50),
        p95_s=percentile(seconds, 0.95),
        llm_calls=dict(sorted(Counter(made.usage.llm_calls for _, made in ended).items())),
        prompt_tokens=max((made.usage.prompt_tokens for _, made in ended), default=0),
    )


def decisions(pairs: Sequence[tuple[Decision | None, Decision | None]]) -> Decisions:
    """The confusion matrix of (expected, made), and the mean F1 of all decisions that occur in either.

    Pairs of which one is not known are left out.
    """
    known = [(expected.value, made.value) for expected, made in pairs if expected and made]
    seen = {label for pair in known for label in pair}
    labels = tuple(label for label in ORDER if label in seen)
    counted = Counter(known)
    counts = tuple(tuple(counted[row, column] for column in labels) for row in labels)
    scores = []
    for i in range(len(labels)):
        hits, expected, made = counts[i][i], sum(counts[i]), sum(row[i] for row in counts)
        scores.append(2 * hits / (expected + made))
    return Decisions(labels, counts, sum(scores) / len(scores) if scores else None)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of all is at or under (nearest rank); None if there is none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 100) * len(ordered) // 100) - 1)]


def worst_first(records: Sequence[Record]) -> list[Record]:
    """What a person should look at, in this order.

    First what has lines without a source; then wrong answers that were sent, the surest first; wrong ones that were
    proposed; failures; then other wrong decisions. What is right or can't be judged is left out.
    """

    def place(one: Record) -> tuple[int, float, str]:
        made = one.made or Made(decision=None, answer="")
        kind = 0 if made.untraced else 1 if made.is_sent else 2 if made.speaks else 3 if one.failed else 4
        return kind, -made.confidence, one.id

    look = [one for one in records if one.is_wrong or one.failed or (one.made and one.made.untraced)]
    return sorted(look, key=place)


def slowest_first(records: Sequence[Record]) -> list[Record]:
    """Those that took longest."""
    return sorted((one for one in records if one.made), key=lambda one: (-one.made.seconds if one.made else 0.0, one.id))


def unjudged(records: Sequence[Record]) -> int:
    """How many ended, but have nothing to be judged by."""
    return sum(one.made is not None and one.judgement.verdict is Verdict.NONE for one in records)
