"""Questions and conversations with what should become of them: the lines of a file. Reads files, nothing else."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from agent.errors import AgentError
from agent.types import Author, Decision, Message, MessageId

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
NEEDS = "a line needs `question` or `conversation`, and `decision`, `doc_ids` or `facts` to be judged by"


class Said(BaseModel):
    """One message of a conversation."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    author: Author
    text: str


class Expected(BaseModel):
    """What a person expects of a turn; what is empty isn't asked for.

    Attributes:
        decision: how it ends. Where only articles or facts are given, it is an answer.
        doc_ids: articles that answer the question; one of them has to be cited.
        facts: texts that all have to be in the answer, whatever their case, white space and emphasis.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Decision | None = None
    doc_ids: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    @property
    def outcome(self) -> Decision | None:
        """The decision that is expected; None if nothing is."""
        return self.decision or (Decision.ANSWER if self.doc_ids or self.facts else None)

    @property
    def is_answerable(self) -> bool:
        """True if an answer is expected, sent at once or proposed to a person."""
        return self.outcome in (Decision.ANSWER, Decision.DRAFT)


class Case(BaseModel):
    """One line of a file. The customer has the last word.

    Attributes:
        id: whatever names it; the file's name and the line's number if not given.
        question: a message of the customer, in place of `conversation`.
        conversation: all messages, oldest first.
        language: of the last message; for people who read, since the product has to find it out by itself.
        kind: for people who read.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = ""
    question: Text | None = None
    conversation: tuple[Said, ...] = ()
    language: str = ""
    kind: str = ""
    decision: Decision | None = None
    doc_ids: tuple[Text, ...] = ()
    facts: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _asks_once(self) -> Self:
        if (self.question is None) == (not self.conversation):
            raise ValueError("give either `question` or `conversation`")
        last = self.said[-1]
        if last.author is not Author.CUSTOMER or not last.text.strip():
            raise ValueError("the last message of `conversation` has to be a customer's, with text in it")
        if self.decision is Decision.NO_REPLY:
            raise ValueError("`decision` is one of answer, draft, clarify, handoff, refuse")
        return self

    @property
    def said(self) -> tuple[Said, ...]:
        """The conversation."""
        return self.conversation or (Said(author=Author.CUSTOMER, text=self.question or ""),)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The same as the graph takes it."""
        return tuple(Message(MessageId(str(n)), one.author, one.text, "") for n, one in enumerate(self.said, 1))

    @property
    def expected(self) -> Expected:
        """What should become of it."""
        return Expected(decision=self.decision, doc_ids=self.doc_ids, facts=self.facts)


def load_cases(paths: Sequence[Path]) -> tuple[list[Case], str]:
    """Read files of cases, JSON Lines. The cases, and the SHA-256 of all files.

    Raises:
        AgentError: a file can't be read, a line is none, or an id stands twice; says which and why.
    """
    cases: dict[str, Case] = {}
    digest = hashlib.sha256()
    for path in paths:
        try:
            content = path.read_bytes()
            lines = content.decode("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise AgentError(f"{path} can't be read: {error}") from error
        digest.update(content + b"\0")
        for n, line in enumerate(lines, 1):
            if not line.strip():
                continue
            case = _case(path, n, line)
            if case.id in cases:
                raise AgentError(f"{path}, line {n}: the id {case.id!r} stands twice; ids tell the cases apart")
            cases[case.id] = case
    if not cases:
        raise AgentError(f"{', '.join(map(str, paths))}: no case in it; {NEEDS}")
    return list(cases.values()), digest.hexdigest()


def spread(cases: Sequence[Case], most: int | None) -> list[Case]:
    """So many of them, evenly over the files, since what is alike often stands together."""
    if most is None or most >= len(cases):
        return list(cases)
    return [cases[n * len(cases) // most] for n in range(most)]


def _case(path: Path, n: int, line: str) -> Case:
    try:
        case = Case.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise AgentError(f"{path}, line {n}: {f'`{place}`: ' if place else ''}{said}; {NEEDS}") from error
    except ValueError as error:
        raise AgentError(f"{path}, line {n}: not JSON: {error}") from error
    return case if case.id else case.model_copy(update={"id": f"{path.stem}:{n}"})
