"""The shape of `topics.yaml`: how far answers go, topic by topic, in a support lead's words. Pure."""

import difflib
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainValidator, StringConstraints, ValidationInfo, field_validator, model_validator

from policies.condition import Condition, Identifier, Line, Strict, one_examples
from policies.patterns import matches_glob
from policies.types import Dial, Send, Unsure, Verifier

MAX_SHARE = 0.5
"""Who accepts that more answers than this are wrong doesn't want a promise."""

_AT_MOST = re.compile(r"at most ([0-9]{1,9}(?:\.[0-9]{1,9})?)% wrong")
_BY_WORD = {"person": Dial(Send.PERSON), "draft": Dial(Send.DRAFT)}
_FORMS = (
    "write `person` (always handed over), `draft` (proposed to a person first) "
    "or `{auto: at most 1% wrong}` (sent at once; more than 0% and at most 50%)"
)

ArticleIds = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


def read_dial(value: object) -> Dial:
    """A dial from what stands in the file.

    Raises:
        ValueError: it has none of the three forms, which the message shows.
    """
    if isinstance(value, Dial):
        return value
    if isinstance(value, str) and value in _BY_WORD:
        return _BY_WORD[value]
    if isinstance(value, dict) and list(value) == ["auto"]:
        found = _AT_MOST.fullmatch(str(value["auto"]).strip())
        # Decimal, since 0.7 / 100 is not the float 0.007.
        share = float(Decimal(found[1]) / 100) if found else 0.0
        if 0 < share <= MAX_SHARE:
            return Dial(Send.AUTO, share)
    shown = f"{{{', '.join(f'{k}: {v}' for k, v in value.items())}}}" if isinstance(value, dict) else str(value)
    near = difflib.get_close_matches(value, _BY_WORD, n=1) if isinstance(value, str) else []
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(("the dial is empty" if value is None else f"`{shown:.60}` is no dial{hint}") + f"; {_FORMS}")


class Dialled(Strict):
    """How far answers go, and what checks them.

    Attributes:
        dial: see `read_dial`.
        unsure: what becomes of an answer that is less sure than `auto` asks for.
        queue: where `person` sends a question; the helpdesk's usual place if not given.
        verifiers: what checks an answer before it may leave.
    """

    dial: Annotated[Dial, PlainValidator(read_dial)]
    unsure: Unsure = Unsure.DRAFT
    queue: Identifier | None = None
    verifiers: tuple[Verifier, ...] = (Verifier.BUILT_IN,)

    @field_validator("verifiers")
    @classmethod
    def _in_order(cls, verifiers: tuple[Verifier, ...]) -> tuple[Verifier, ...]:
        usable = tuple(v for v in Verifier if v is Verifier.BUILT_IN or v in verifiers)
        if verifiers != usable:
            line = ", ".join(usable)
            raise ValueError(f"`built_in` must be there, and each stands once, in the order of their work; write [{line}]")
        return verifiers

    @field_validator("queue")
    @classmethod
    def _of_a_person(cls, queue: str | None, info: ValidationInfo) -> str | None:
        dial = info.data.get("dial")  # None if it could not be read
        people = dial is not None and (dial.kind is Send.PERSON or info.data.get("unsure") is Unsure.PERSON)
        if queue is not None and dial is not None and not people:
            raise ValueError("this says where `person` sends a question; remove it, or write `dial: person`")
        return queue


class Topic(Dialled):
    """One topic. It claims a turn by the message, or by an article that the answer cites.

    Attributes:
        about: for people; shown in reports.
        any: as in `escalation.yaml`: the topic claims a message for which one of them holds.
        articles: ids of the articles it is answered from; `*` stands for anything, also for nothing.
    """

    id: Identifier
    about: Line
    any: tuple[Condition, ...] = Field((), min_length=1)
    articles: tuple[ArticleIds, ...] = Field((), min_length=1)

    _examples_once = field_validator("any")(one_examples)

    @field_validator("id")
    @classmethod
    def _not_the_rest(cls, topic_id: str) -> str:
        if topic_id == "otherwise":
            raise ValueError("`otherwise` stands for every question that no topic claims; give the topic another id")
        return topic_id

    @model_validator(mode="after")
    def _can_claim(self) -> "Topic":
        if not self.any and not self.articles:
            raise ValueError("the topic can claim nothing; give it `any`, `articles` or both")
        return self

    def is_cited(self, articles: Sequence[str]) -> bool:
        """Whether one of these ids is of an article that this topic is answered from."""
        return any(matches_glob(glob, article) for glob in self.articles for article in articles)


class TopicsFile(Strict):
    """`topics.yaml`: the topics, and `otherwise` for every question that none of them claims."""

    otherwise: Dialled
    topics: tuple[Topic, ...] = ()


ONE_DIAL = TopicsFile(otherwise=Dialled(dial=Dial(Send.AUTO), unsure=Unsure.CLOSEST))
"""What holds without the file: every allowed answer goes as far as the pack's `mode` lets it."""
