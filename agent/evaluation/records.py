"""What became of a case, as it stands in a run file; and whether that is right. Pure."""

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from agent.evaluation.cases import Expected, Said
from agent.types import Decision

SPOKEN = (Decision.ANSWER, Decision.DRAFT)
"""Decisions whose text rests on passages."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Sentence(_Row):
    """A sentence that is sent, or proposed to a person, beside the span of the passage that it rests on.

    Attributes:
        place: title and headings of the passage.
        support: probability that the span supports it (0 to 1).
        is_quote: it is the passage's own words.
    """

    text: str
    span: str
    doc_id: str
    passage_id: str
    place: str
    url: str | None = None
    support: float = 0.0
    is_quote: bool = False


class Cited(_Row):
    """A citation; see `agent.types.Citation`."""

    n: int
    doc_id: str
    passage_id: str
    title: str
    url: str | None = None
    quote: str = ""


class Spent(_Row):
    """What it cost at the model server."""

    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Made(_Row):
    """How a turn ended.

    Attributes:
        decision: None where an old record doesn't tell it.
        answer: what the customer reads.
        sentences: every sentence of it that needs a source.
        untraced: lines of the answer that are neither one of `sentences` nor a heading nor an approved text.
        named: False if the question names something that nothing found speaks of; then no dial lets the answer be told plainly.
        topics: ids of the policies' topics that claim it.
        seconds: from the question to the outcome.
    """

    decision: Decision | None
    answer: str
    citations: tuple[Cited, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    untraced: tuple[str, ...] = ()
    confidence: float = 0.0
    named: bool = True
    reason: str = ""
    language: str = ""
    topics: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    usage: Spent = Spent()
    timings_ms: dict[str, float] = {}
    seconds: float = 0.0
    run_id: str = ""

    @property
    def is_sent(self) -> bool:
        """True if an answer went to the customer without a person."""
        return self.decision is Decision.ANSWER

    @property
    def speaks(self) -> bool:
        """True if it has an answer, sent or proposed."""
        return self.decision in SPOKEN


class Verdict(StrEnum):
    """Whether a turn ended as expected. `NONE`: nothing was expected, or the turn failed."""

    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"


class Judgement(_Row):
    """`why` says what is wrong: the decision, the article, a fact."""

    verdict: Verdict = Verdict.NONE
    why: tuple[str, ...] = ()


class Record(_Row):
    """A case and how it ended. Either `made` is there, or `failed` says why not."""

    id: str
    said: tuple[Said, ...]
    kind: str = ""
    language: str = ""
    expected: Expected = Expected()
    made: Made | None = None
    failed: str = ""
    judgement: Judgement = Judgement()

    @property
    def question(self) -> str:
        """The last message."""
        return self.said[-1].text if self.said else ""

    @property
    def is_right(self) -> bool:
        """True if it is judged right."""
        return self.judgement.verdict is Verdict.RIGHT

    @property
    def is_wrong(self) -> bool:
        """True if it is judged wrong."""
        return self.judgement.verdict is Verdict.WRONG


def judge(expected: Expected, made: Made | None) -> Judgement:
    """Is this what was expected?

    An answer is right if it cites one of the expected articles and has all facts. One that is proposed to a person is
    judged by its text where an answer is expected: which of the two it is is the dial's matter. Whatever is said where
    no answer is expected is wrong.
    """
    if expected.outcome is None or made is None or made.decision is None:
        return Judgement()
    proposed = made.decision is Decision.DRAFT and expected.outcome is Decision.ANSWER
    if made.decision is not expected.outcome and not proposed:
        return Judgement(verdict=Verdict.WRONG, why=(f"wrong decision: {expected.outcome} expected, {made.decision} made",))
    why = []
    if made.speaks:
        if not cites(expected, made):
            why.append(f"wrong article: {' or '.join(expected.doc_ids)} expected, {cited(made) or 'none'} cited")
        why += [f"missing fact: {fact}" for fact in missing_facts(expected, made)]
    return Judgement(verdict=Verdict.WRONG if why else Verdict.RIGHT, why=tuple(why))


def cites(expected: Expected, made: Made) -> bool:
    """True if one of the expected articles is cited, or none is expected."""
    return not expected.doc_ids or any(one.doc_id in expected.doc_ids for one in made.citations)


def cited(made: Made) -> str:
    """The cited articles, in words."""
    return ", ".join(dict.fromkeys(one.doc_id for one in made.citations))


def missing_facts(expected: Expected, made: Made) -> list[str]:
    """The facts that the answer lacks."""
    said = squeezed(made.answer)
    return [fact for fact in expected.facts if squeezed(fact) not in said]


def squeezed(text: str) -> str:
    """Text without what doesn't change a fact: case, white space, emphasis."""
    return re.sub(r"[\s*_]+", "", text.lower())
