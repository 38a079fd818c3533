"""Which dial a topic can bear, by what was judged. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.evaluation.records import Record, Verdict
from policies.types import Dial, Send

LEAST_JUDGED = 10
"""Fewer judged answers say nothing of a topic."""
LEAST_TOLD = 10
"""A promise that fewer answers would be told under says nothing: none of one is easily wrong."""
SURE = 0.95
MOST_PERCENT = 50
"""Dials promise no more than this; see `policies.topics`."""


@dataclass(frozen=True, slots=True)
class Borne:
    """A dial `auto: at most percent% wrong` and what it does to the judged answers of a topic.

    Attributes:
        percent: of the dial.
        told: answers that are sure enough for it.
        wrong: of those.
        upper: the share of wrong ones is at most this, with 95% certainty (one-sided).
        needed: so many answers with none wrong would make the promise certain.
    """

    percent: int
    told: int
    wrong: int
    upper: float
    needed: int

    @property
    def is_certain(self) -> bool:
        """True if the promise holds with 95% certainty, and not only for these answers."""
        return self.upper <= self.percent / 100


@dataclass(frozen=True, slots=True)
class TopicFigures:
    """What the judged answers say of one topic.

    Attributes:
        topic: its id, or `otherwise`.
        about: what it is about.
        dial: the dial that it has now, in the words of `topics.yaml`.
        judged: answers, sent or proposed, that could be judged.
        wrong: of those.
        borne: the strictest dial that the observed share of wrong ones allows; None if none does or too few are judged.
        certain: the strictest dial that holds with 95% certainty.
    """

    topic: str
    about: str
    dial: str
    judged: int
    wrong: int
    borne: Borne | None
    certain: Borne | None

    @property
    def is_too_few(self) -> bool:
        """True if there are too few judged answers to say anything."""
        return self.judged < LEAST_JUDGED

    @property
    def advice(self) -> str:
        """The dial that it can bear, in the words of `topics.yaml`; or why there is none to name."""
        if self.is_too_few:
            return f"too few examples: {self.judged}"
        return f"auto: at most {self.borne.percent}% wrong" if self.borne else "draft"


def topic_figures(records: Sequence[Record], about: Mapping[str, str], dials: Mapping[str, Dial]) -> list[TopicFigures]:
    """A row for each topic, in the order of the file, and `otherwise` at the end.

    An answer counts for every topic that claims it, and for `otherwise` if none does.

    Args:
        records: of a run.
        about: what each topic is about, by id.
        dials: the dial of each topic and of `otherwise`.
    """
    rows = []
    for topic, dial in dials.items():
        mine = [one for one in records if is_judged_answer(one) and topic in _topics(one)]
        pairs = [(_sureness(one), one.is_right) for one in mine]
        enough = len(mine) >= LEAST_JUDGED
        rows.append(
            TopicFigures(
                topic=topic,
                about=about.get(topic, "Every question that no topic claims"),
                dial=dial_words(dial),
                judged=len(mine),
                wrong=sum(one.is_wrong for one in mine),
                borne=strictest(pairs) if enough else None,
                certain=strictest(pairs, certain=True) if enough else None,
            )
        )
    return rows


def strictest(answers: Sequence[tuple[float, bool]], *, certain: bool = False) -> Borne | None:
    """The smallest N for which `auto: at most N% wrong` keeps its word, and tells enough; None if no N does.

    Args:
        answers: confidence and whether it is right.
        certain: asks the upper bound to keep it too, and not only the observed share.
    """
    for percent in range(1, MOST_PERCENT + 1):
        told = [right for confidence, right in answers if confidence >= 1 - percent / 100]
        wrong = len(told) - sum(told)
        if len(told) < LEAST_TOLD or wrong / len(told) > percent / 100:
            continue
        needed = math.ceil(math.log(1 - SURE) / math.log(1 - percent / 100))
        borne = Borne(percent, len(told), wrong, upper_bound(wrong, len(told)), needed)
        if borne.is_certain or not certain:
            return borne
    return None


def upper_bound(wrong: int, count: int, sure: float = SURE) -> float:
    """The largest share of wrong ones with which so few of `count` would be seen in more than `1 - sure` of all tries.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 1934; one-sided.
    """
    if wrong >= count:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, count, middle) > 1 - sure else (low, middle)
    return high


def dial_words(dial: Dial) -> str:
    """A dial as it is written in `topics.yaml`."""
    if dial.kind is not Send.AUTO:
        return dial.kind.value
    return "auto" if dial.most_wrong is None else f"auto: at most {100 * dial.most_wrong:g}% wrong"


def is_judged_answer(record: Record) -> bool:
    """True for an answer, sent or proposed, that was judged."""
    return record.made is not None and record.made.speaks and record.judgement.verdict is not Verdict.NONE


def _topics(record: Record) -> tuple[str, ...]:
    assert record.made is not None
    return record.made.topics or ("otherwise",)


def _sureness(record: Record) -> float:
    """Its confidence; below every dial for what no dial lets be told plainly."""
    assert record.made is not None
    return record.made.confidence if record.made.named else -1.0


def _at_most(wrong: int, count: int, share: float) -> float:
    """Chance of at most so many wrong ones if each is wrong with this probability."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return float(wrong >= count)
    log = [_log_choose(count, k) + k * math.log(share) + (count - k) * math.log1p(-share) for k in range(wrong + 1)]
    return min(1.0, math.fsum(map(math.exp, log)))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
