"""The shape of a condition, and the small shapes that every policy file is made of. Pure."""

import re
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from policies.patterns import check_pattern

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
LOCALE = r"^[a-z]{2,3}$"
Locale = Annotated[str, StringConstraints(pattern=LOCALE)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Example = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


class Strict(BaseModel):
    """Refuses unknown keys, and can't be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Strict):
    """Either a pattern or examples.

    Attributes:
        pattern: regular expression, searched in the normalised message (`policies.patterns`).
        examples: messages that mean this; compared by embedding.
        threshold: cosine similarity to the nearest example from which the condition holds.
        but_not: look-alikes that mean something else. A message nearer to one of these than to every
            example doesn't match.
        languages: of the messages that examples are compared with; all if not given.
    """

    pattern: str | None = None
    examples: tuple[Example, ...] = ()
    threshold: float | None = Field(None, ge=-1, le=1)
    but_not: tuple[Example, ...] = ()
    languages: tuple[Locale, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _usable(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            check_pattern(pattern)
        return pattern

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        if (self.pattern is None) == (not self.examples):
            raise ValueError("a condition has either `pattern` or `examples`; give one of them")
        self._check_examples()
        return self

    def _check_examples(self) -> None:
        if bool(self.examples) != (self.threshold is not None):
            raise ValueError("`threshold` belongs to `examples`; give both, e.g. threshold: 0.6")
        if (self.but_not or self.languages) and not self.examples:
            raise ValueError("`but_not` and `languages` belong to `examples`; for a pattern use a look-ahead")


_Condition = TypeVar("_Condition", bound=Condition)


def one_examples(conditions: tuple[_Condition, ...]) -> tuple[_Condition, ...]:
    """Refuse a second list of examples: a rule has one nearness in `Facts.similarity`."""
    if sum(bool(c.examples) for c in conditions) > 1:
        raise ValueError("at most one condition of a rule may have `examples`; join the lists")
    return conditions


def only_company(text: str) -> str:
    """Refuse placeholders that nothing fills.

    Raises:
        ValueError: there is another than `{company}`.
    """
    for found in _PLACEHOLDER.findall(text):
        if found != "{company}":
            raise ValueError(f"unknown placeholder {found}; only {{company}} can be used")
    return text
