"""Questions with known answers, which tell a reranker that works from one that only looks so. Pure.

A reranker that is asked in the wrong shape, or whose head was never trained, still gives numbers between 0 and 1.
vLLM serves Qwen3-Reranker without its chat template, too, with a warning in its own log and HTTP 200. Measured there
("what is the capital of Türkiye?", 8B): without it the right answer .804, apples and pears .958; with it .975 and .000.
Source: issues 55501 and 21681 of vllm-project/vllm; the capital of China and gravity are the examples of the model's card.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

RELEVANT = 0.8
IRRELEVANT = 0.2
"""Where the scores of a model that is trained for 0 to 1 must lie. With its template Qwen3-Reranker gives more than .99
and less than .01 here, without it .8 to .96 for anything; a smaller or rounded model may lose a little."""

_BEIJING = "The capital of China is Beijing."
_GRAVITY = (
    "Gravity is a force that attracts two bodies towards each other. It gives weight to physical objects and is "
    "responsible for the movement of planets around the sun."
)
_APPLES = "Apples and pears ripen in autumn."
Score = Callable[[str, Sequence[str]], list[float]]


@dataclass(frozen=True, slots=True)
class Known:
    """A question, the text that answers it, and texts that have nothing to do with it."""

    question: str
    answer: str
    others: tuple[str, ...]


KNOWN = (
    # Each answer is another question's wrong one: a model that looks at the texts alone can't pass.
    Known("What is the capital of China?", _BEIJING, (_GRAVITY, _APPLES)),
    Known("Explain gravity", _GRAVITY, (_BEIJING, _APPLES)),
)


def wrong_order(score: Score) -> str | None:
    """What a model ranks wrongly, for people; None if each answer comes before all that has nothing to do with the question.

    Args:
        score: as `Reranker.score`; what it raises passes through.
    """
    for known, right, others in _scored(score):
        if right <= max(others):
            return _told(known, right, others)
    return None


def wrong_scores(score: Score) -> str | None:
    """What a model scores wrongly, for people; None if answers are near 1 and all others near 0.

    Args:
        score: as `Reranker.score`; what it raises passes through.
    """
    for known, right, others in _scored(score):
        if right < RELEVANT or max(others) > IRRELEVANT:
            return _told(known, right, others)
    return None


def _scored(score: Score) -> list[tuple[Known, float, list[float]]]:
    found = []
    for known in KNOWN:
        # The answer in the middle: an order that is only that of the texts can't pass.
        first, *rest = score(known.question, [known.others[0], known.answer, *known.others[1:]])
        found.append((known, rest[0], [first, *rest[1:]]))
    return found


def _told(known: Known, right: float, others: Sequence[float]) -> str:
    wrong = ", ".join(f"{one:.3f}" for one in others)
    return f"to {known.question!r} it scores the right answer {right:.3f} and texts that have nothing to do with it {wrong}"
