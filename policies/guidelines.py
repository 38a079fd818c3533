"""The shape of `guidelines/*.yaml`: soft rules, which reach the prompt only where they match. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from policies.condition import Condition, Identifier, Line, Locale, Strict, only_company

NEAR = 0.3
"""Cosine similarity to an example from which a guideline may match that names no threshold of its own.

It only keeps out what has nothing to do with any guideline; which of those that are left fit best is told by rank.
Source: `python -m tests.bench.bench_guidelines`.
"""

ENOUGH = 10
"""So many examples find a guideline for nine in ten of the messages that are meant for it.

Of 100 messages by which no example was chosen, with 100 guidelines, the right one was among the first three for 77% with four
examples each, 79% with six, 88% with eight, 92% with ten and 93% with thirteen.
Source: `python -m tests.bench.bench_guidelines --examples 4 6 8 10`.
"""

NOUNS = {"excludes": "guideline", "requires": "guideline", "only_if": "topic", "say": "text"}
"""What the names under a key stand for."""


class SoftCondition(Condition):
    """A condition of a guideline: examples need no threshold here."""

    @model_validator(mode="before")
    @classmethod
    def _near(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("examples") and value.get("threshold") is None:
            return {**value, "threshold": NEAR}
        return value


class Turns(Strict):
    """Which turns of a conversation, counted from 1."""

    at_least: int = Field(1, ge=1)
    at_most: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _some(self) -> "Turns":
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError("no turn is both; `at_most` must not be less than `at_least`")
        return self

    def hold(self, turn: int) -> bool:
        """Whether it is one of them."""
        return self.at_least <= turn and (self.at_most is None or turn <= self.at_most)


class OnlyIf(Strict):
    """What must be so beside the message's meaning. All that is given must hold.

    Attributes:
        topics: the message is claimed by one of these topics.
        languages: of the message.
        identity: how surely the channel knows who writes.
        first_message: whether nothing has been replied yet.
        turns: how many replies the conversation has had, and one.
    """

    topics: tuple[Identifier, ...] = Field((), min_length=1)
    languages: tuple[Locale, ...] = Field((), min_length=1)
    identity: tuple[Literal["anonymous", "claimed", "verified"], ...] = Field((), min_length=1)
    first_message: bool | None = None
    turns: Turns | None = None

    @model_validator(mode="after")
    def _something(self) -> "OnlyIf":
        if not self.model_fields_set:
            raise ValueError(f"is empty; give one of {', '.join(type(self).model_fields)}, or remove it")
        return self


class GuidelineRule(Strict):
    """A soft rule: text for the prompt, always or where it matches.

    Attributes:
        about: the condition in words. It counts as one of the examples, or is the only one if there is no `when`.
        when: one of them must hold.
        only_if: all of it must hold.
        then: what the model is asked to heed.
        say: an approved text that is said behind the answer, as it stands.
        priority: who comes first where too many match; 0 if not given.
        excludes: guidelines that don't apply where this one does, unless their priority is higher.
        requires: guidelines without which this one doesn't apply.
        once: `conversation` if it applies to one reply of a conversation at most.
    """

    id: Identifier
    about: Line | None = None
    when: tuple[SoftCondition, ...] = ()
    only_if: OnlyIf | None = None
    then: Line | None = None
    say: Identifier | None = None
    priority: int = Field(0, ge=-100, le=100)
    excludes: tuple[Identifier, ...] = ()
    requires: tuple[Identifier, ...] = ()
    once: Literal["conversation"] | None = None

    @field_validator("when")
    @classmethod
    def _examples_once(cls, when: tuple[SoftCondition, ...]) -> tuple[SoftCondition, ...]:
        if sum(bool(c.examples) for c in when) > 1:
            raise ValueError("at most one condition of a rule may have `examples`; join the lists")
        return when

    @field_validator("when", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @field_validator("then")
    @classmethod
    def _placeholders(cls, then: str | None) -> str | None:
        return None if then is None else only_company(then)

    @model_validator(mode="after")
    def _does_something(self) -> "GuidelineRule":
        if self.then is None and self.say is None:
            raise ValueError("does nothing; give it `then`, `say` or both")
        if self.id in (*self.excludes, *self.requires):
            raise ValueError("names itself in `excludes` or `requires`; remove that")
        if both := sorted(set(self.excludes) & set(self.requires)):
            raise ValueError(f"can never apply: it excludes `{both[0]}` and requires it; remove one")
        return self

    @property
    def conditions(self) -> tuple[SoftCondition, ...]:
        """What it is matched by: `when`, with `about` among the examples."""
        if self.about is None:
            return self.when
        if not self.when:
            return (SoftCondition.model_validate({"examples": (self.about,)}),)
        joined = (c.model_copy(update={"examples": (*c.examples, self.about)}) if c.examples else c for c in self.when)
        return tuple(joined)


class GuidelinesFile(Strict):
    """`guidelines/*.yaml`: soft rules."""

    guidelines: tuple[GuidelineRule, ...]


def short_of_examples(rules: Iterable[GuidelineRule]) -> tuple[tuple[str, int], ...]:
    """Ids of those that are found by meaning alone and have fewer than `ENOUGH` examples, and how many they have.

    One that gives a pattern or a threshold is left out: its author has said when it holds.
    """
    counted = ((rule, sum(len(one.examples) for one in rule.when)) for rule in rules)
    return tuple((rule.id, count) for rule, count in counted if _by_meaning(rule) and count < ENOUGH)


def _by_meaning(rule: GuidelineRule) -> bool:
    return bool(rule.conditions) and all(one.threshold == NEAR for one in rule.conditions)


def unknown_names(
    rule: GuidelineRule, guidelines: Collection[str], topics: Collection[str], texts: Mapping[str, object]
) -> Iterator[tuple[tuple[str, *tuple[int | str, ...]], str, Collection[str]]]:
    """Of each name in the rule that stands for nothing: where it is, the name, and what is known."""
    for key, names in (("excludes", rule.excludes), ("requires", rule.requires)):
        yield from (((key, n), name, guidelines) for n, name in enumerate(names) if name not in guidelines)
    if rule.only_if is not None:
        named = enumerate(rule.only_if.topics)
        yield from ((("only_if", "topics", n), name, topics) for n, name in named if name not in topics)
    if rule.say is not None and rule.say not in texts:
        yield ("say",), rule.say, texts
