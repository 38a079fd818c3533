"""Answer, answer in part, say that we don't know, or ask back? Four probabilities, before any model that writes is asked.

A multinomial logistic model over a few features of the request, of what was said before it and of what was found. Its
weights stand in `answerability.json`, made by `python -m tests.bench.train_answerability`, which says on what. Pure but
for the embedder. The features know nothing of titles, which collections have or have not, or of how long the talk was.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

import numpy as np

from agent.graph.evidence import Evidence, weigh
from agent.graph.followup import asked_before, latest_request, said_before
from agent.graph.pointing import has_pronoun, names_nothing, references, sentences, unresolved
from agent.grounding.names import unknown_names
from agent.grounding.passages import passage_text
from agent.ports import Embedder
from agent.types import Message
from knowledge.terms import content_terms
from knowledge.types import Hit

FEATURES = (
    *("near_alone", "near_history", "history_gain", "margin", "covered", "sentence", "unknown", "documents"),
    *("repeats", "unresolved", "pointing", "pronoun", "yes_no", "question", "length"),
)
"""What each one is stands in `features`."""
READ = 5
"""So many of the hits are read word by word."""
BEFORE = 4
"""So many requests, the latest, may be what this one repeats."""
LONG = 8
"""More content words than that count as that many: the requests that the weights were learned on had few."""
EVIDENT = 0.75
"""From this probability of the evidence for the request itself on, it is answered, whatever the weights say.

They were learned from requests that repeat the passages' words and lean on a long talk; customers of one company put
things in words of their own, and speak of "the booking" in their first message. Source: tests.bench.train_answerability,
which prints what this changes on the data that the weights are of, and on the sample questions.
"""

UNKNOWN = 0.45
"""From this probability on that no passage answers, none is quoted as the closest.

Of 225 sample requests this concerns 3 that have evidence enough to answer from; for none the right article comes first.
"""

_LEAD = (
    r"^(\W*(so|and|but|then|ok|okay|hi|hello|thanks|thank you|i see|got it|nice|wow|sorry|also|well|by the way|btw)[,.!]?\s+)*"
)
_YES_NO = re.compile(
    _LEAD
    + r"(is|are|was|were|do|does|did|can|could|will|would|should|has|have|am|may|isn't|aren't|don't|doesn't|didn't|can't)\b",
    re.IGNORECASE,
)
_WH = re.compile(r"\b(what|which|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)


class Choice(StrEnum):
    """What to do with a request."""

    ANSWER = "answer"
    PART = "part"  # the passages answer a part of it
    UNKNOWN = "unknown"  # no passage answers it
    ASK_BACK = "ask_back"  # nobody can say what it asks for


@dataclass(frozen=True, slots=True)
class Answerability:
    """The probability of each choice (together 1). `evident` if the evidence is good enough to answer anyhow."""

    answer: float
    part: float
    unknown: float
    ask_back: float
    evident: bool = False

    @property
    def choice(self) -> Choice:
        """To answer if that is evident, or else what is most probable."""
        return Choice.ANSWER if self.evident else max(Choice, key=self.probability)

    def probability(self, choice: Choice) -> float:
        """Of one of the choices, 0 to 1."""
        return {
            Choice.ANSWER: self.answer,
            Choice.PART: self.part,
            Choice.UNKNOWN: self.unknown,
            Choice.ASK_BACK: self.ask_back,
        }[choice]


NOTHING_FOUND = Answerability(0.0, 0.0, 1.0, 0.0)
NOTHING_NAMED = Answerability(0.0, 0.0, 0.0, 1.0)
"""The weights know no such requests: none of those that they were learned on is like "how much is it?" as a first message."""


def is_unknown(found: Answerability, evidence: Evidence) -> bool:
    """True if the evidence doesn't make it sure, and that no passage answers is by far the likeliest."""
    return not evidence.sure and found.choice is Choice.UNKNOWN and found.unknown >= UNKNOWN


def judge(embedder: Embedder, messages: Sequence[Message], alone: Sequence[Hit], in_context: Sequence[Hit]) -> Answerability:
    """Judge a request by what was found for it.

    Args:
        embedder: of the knowledge base. It is asked for a few short texts, never for passages.
        messages: the conversation, up to the request.
        alone: what the request by itself has brought, best first.
        in_context: what it has brought in the light of what was said before; the same for a first message.
    """
    if is_nameless(messages):
        return NOTHING_NAMED
    if not in_context:
        return NOTHING_FOUND
    answer, part, unknown, ask_back = probabilities(features(embedder, messages, alone, in_context))
    evident = evidence_of_request(embedder, messages, in_context) >= EVIDENT
    return Answerability(answer, part, unknown, ask_back, evident)


def evidence_of_request(embedder: Embedder, messages: Sequence[Message], in_context: Sequence[Hit]) -> float:
    """The probability that the best hit answers the latest request itself.

    Not what was said before it as well, however good the evidence for that: the question before may have been answered.
    """
    return weigh(embedder, latest_request(messages), in_context).probability


def is_nameless(messages: Sequence[Message]) -> bool:
    """True if nothing was said before the request, and the request names nothing."""
    return not said_before(messages) and names_nothing(latest_request(messages))


def features(
    embedder: Embedder, messages: Sequence[Message], alone: Sequence[Hit], in_context: Sequence[Hit]
) -> tuple[float, ...]:
    """The row of `FEATURES`. "Near" is a cosine similarity; what a first message can't have is NaN.

    near_alone, near_history: the nearest passage, for the request alone and in the light of the talk. history_gain: how
    much nearer by the talk. margin: how far the best hit is above that of another document. covered: share of the request's
    content terms that the best hit has; sentence: that one sentence of the hits that are read has. unknown: names that
    none of those has. documents: how many those are of. repeats: how near the request is to an earlier one. unresolved: how
    far what it points at is from all that was said. pointing: it says "this X" or "those X". pronoun, yes_no, question:
    its form. length: its content terms.
    """
    request, earlier = latest_request(messages), said_before(messages)
    near_alone, near_history = (max((hit.nearest for hit in hits), default=0.0) for hits in (alone, in_context))
    best, read = in_context[0], [hit.passage for hit in in_context[:READ]]
    others = [hit.nearest for hit in in_context if hit.passage.doc_id != best.passage.doc_id]
    texts = [passage_text(passage) for passage in read]
    terms = content_terms(request)
    yes_no = bool(_YES_NO.search(request))
    return (
        near_alone,
        near_history,
        near_history - near_alone if earlier else math.nan,
        best.nearest - max(others, default=0.0),
        _share(terms, texts[0]),
        max(_share(terms, sentence) for passage in read for sentence in sentences(passage.text) or [passage.text]),
        float(len(unknown_names(request, texts))),
        float(len({passage.doc_id for passage in read})),
        _repeats(embedder, request, asked_before(messages)[-BEFORE:]),
        unresolved(embedder, request, earlier),
        float(any(reference.demonstrative for reference in references(request))),
        float(has_pronoun(request)),
        float(yes_no),
        float(yes_no or "?" in request or bool(_WH.search(request))),
        float(min(LONG, len(terms))),
    )


def probabilities(row: Sequence[float]) -> tuple[float, ...]:
    """One for each `Choice`, in their order, of one row of features. A NaN counts as what is usual."""
    weights = _weights()
    known = [usual if math.isnan(x) else x for x, usual in zip(row, weights.usual, strict=True)]
    scores = [
        bias + sum(w * x for w, x in zip(of, known, strict=True)) for bias, of in zip(weights.bias, weights.of, strict=True)
    ]
    powers = [math.exp(score - max(scores)) for score in scores]
    return tuple(power / sum(powers) for power in powers)


def _share(terms: Sequence[str], text: str) -> float:
    """Share of the terms that the text has; 0 if there are no terms.

    Weighed by how rare each is among all passages or among the hits, it tells no more (macro-F1 .621 and .623, so .629).
    """
    asked = set(terms)
    return len(asked.intersection(content_terms(text))) / len(asked) if asked else 0.0


def _repeats(embedder: Embedder, request: str, before: Sequence[str]) -> float:
    """How near the request is to the nearest earlier one; NaN if there was none."""
    if not before:
        return math.nan
    vectors = embedder.embed([request, *before])
    return float(np.max(vectors[1:] @ vectors[0]))


@dataclass(frozen=True, slots=True)
class _Weights:
    """The numbers in `answerability.json`: for each choice a bias and a weight of each feature; for each feature its median."""

    bias: tuple[float, ...]
    of: tuple[tuple[float, ...], ...]
    usual: tuple[float, ...]


@cache
def _weights() -> _Weights:
    data = json.loads(resources.files("agent.graph").joinpath("answerability.json").read_text(encoding="utf-8"))
    return _Weights(
        tuple(float(data["bias"][choice]) for choice in Choice),
        tuple(tuple(float(data["weights"][choice][name]) for name in FEATURES) for choice in Choice),
        tuple(float(data["median"][name]) for name in FEATURES),
    )
