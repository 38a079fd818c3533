"""Replies with the passages they were written from: which sentences does the verifier find supported?"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from agent.errors import AgentError
from agent.evaluation.curves import Bin, Point, auroc, calibration_error, recall_at, reliability, risk_coverage
from agent.grounding.claims import is_courtesy, is_unknowing
from agent.grounding.types import Judgement, ReplyVerifier, Verifier
from knowledge.sentences import split_sentences
from knowledge.types import Audience, DocumentId, Passage, PassageId

OnChecked = Callable[[int, int, str], None]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
PRECISION = 0.95


class PassageBody(BaseModel):
    """A passage of a file. The title is what its sentences take for granted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Text
    title: str = ""


class Case(BaseModel):
    """One line of a file.

    Attributes:
        id: whatever names it; the number of its line if not given.
        reply: what was or would be sent.
        passages: texts, or objects with `title` and `text`.
        question: what the customer asked.
        supported: whether a person found all of it supported; without it there is no figure, only verdicts.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = ""
    reply: Text
    passages: tuple[Text | PassageBody, ...]
    question: str = ""
    supported: bool | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A case with a judgement for each sentence that needs a source."""

    case: Case
    sentences: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    whole: float | None = None
    """The probability that all of the reply is supported, from a verifier that weighs its claims together."""

    @property
    def probability(self) -> float:
        """Of the whole; without that of the weakest sentence, and 1 for a reply that claims nothing."""
        if self.whole is not None:
            return self.whole
        return min((one.probability for one in self.judgements), default=1.0)

    @property
    def passes(self) -> bool:
        """True if every sentence is supported."""
        return all(one.supported for one in self.judgements)


@dataclass(frozen=True, slots=True)
class Figures:
    """Over the replies that a person has judged; None where none was, or all alike."""

    replies: int
    judged: int
    passed: int
    passed_unsupported: int
    """Replies that a person found unsupported and that would be sent."""
    stopped_supported: int
    auroc: float | None
    recall_at_95: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]
    curve: tuple[Point, ...]


def load(path: Path) -> list[Case]:
    """Read a file of cases, JSON Lines.

    Raises:
        AgentError: the file can't be read, or a line is none; says which and why.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"{path} can't be read: {error}") from error
    cases = [_case(path, n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not cases:
        raise AgentError(f"{path} is empty: it needs a line of JSON with `reply` and `passages` for each reply")
    return cases


def _case(path: Path, n: int, line: str) -> Case:
    try:
        case = Case.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise AgentError(f"{path}, line {n}: `{place}`: {first['msg']}; a line needs `reply` and `passages`") from error
    except ValueError as error:
        raise AgentError(f"{path}, line {n}: not JSON: {error}") from error
    return case if case.id else case.model_copy(update={"id": str(n)})


def check(
    verifier: Verifier, cases: Sequence[Case], on_checked: Callable[[int, int, str], None] | None = None
) -> Iterator[Checked]:
    """Judge each case. Blocking.

    Raises:
        KnowledgeError: the embedding model can't be used.
    """
    for n, case in enumerate(cases, 1):
        yield _checked(verifier, case)
        if on_checked is not None:
            on_checked(n, len(cases), case.id)


def _checked(verifier: Verifier, case: Case) -> Checked:
    said = split_sentences(case.reply, "en")
    sentences = claiming(said)
    passages = [_passage(at, body) for at, body in enumerate(case.passages)]
    if not isinstance(verifier, ReplyVerifier):
        return Checked(case, sentences, tuple(verifier.verify(case.question, sentences, passages) if sentences else ()))
    # A reply that claims nothing passes; how likely a person finds it supported is another matter, so its words are weighed.
    found = verifier.verify_reply(case.question, case.reply, sentences or said, passages)
    return Checked(case, sentences, found.judgements if sentences else (), found.probability)


def claiming(sentences: Sequence[str]) -> tuple[str, ...]:
    """Those that need a source: no greeting, and no "I don't know"."""
    return tuple(s for s in sentences if not is_courtesy(s) and not is_unknowing(s))


def figures(checked: Sequence[Checked]) -> Figures:
    """Sum up."""
    known = [(one, one.case.supported) for one in checked if one.case.supported is not None]
    truth, scores = [label for _, label in known], [one.probability for one, _ in known]
    bins = tuple(reliability(truth, scores))
    return Figures(
        replies=len(checked),
        judged=len(known),
        passed=sum(one.passes for one in checked),
        passed_unsupported=sum(one.passes and not label for one, label in known),
        stopped_supported=sum(label and not one.passes for one, label in known),
        auroc=auroc(truth, scores),
        recall_at_95=recall_at(truth, scores, PRECISION) if any(truth) else None,
        calibration_error=calibration_error(bins) if known else None,
        bins=bins,
        curve=tuple(risk_coverage(truth, scores)) if known else (),
    )


def _passage(at: int, body: str | PassageBody) -> Passage:
    text, title = (body, "") if isinstance(body, str) else (body.text, body.title)
    name = str(at + 1)
    return Passage(PassageId(name), DocumentId(name), "", at, title, (), text, Audience.PUBLIC)
