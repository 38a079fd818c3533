"""The shape of a policy folder's files. Every model refuses unknown keys and can't be changed.

What spans several files (locales, `say` keys, duplicate ids) is checked by `policies.load`.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from knowledge.types import Audience
from policies.patterns import check_pattern
from policies.types import Action, Mode

REQUIRED_TEXTS = ("handoff", "dont_know", "clarify", "refuse", "technical", "safety", "quoted", "closest")
"""What the agent may have to say whatever the triggers are."""

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _only_company(text: str) -> str:
    for found in _PLACEHOLDER.findall(text):
        if found != "{company}":
            raise ValueError(f"unknown placeholder {found}; only {{company}} can be used")
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Example = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Days = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}d$")]


class PolicyFile(_Strict):
    """`policy.yaml`: whose policies these are.

    Attributes:
        version: semantic version, stamped on every decision.
        scope: what the company does, for the prompt.
        locales: languages that every text exists in; the first is the fallback for all others.
        mode: whether an allowed answer is sent at once or proposed to a person first.
    """

    id: Identifier
    version: Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:[-+][0-9A-Za-z.+-]+)?$")]
    owner: Line
    company: Line
    scope: Line
    locales: tuple[Locale, ...] = Field(min_length=1)
    mode: Mode = Mode.AUTO

    @field_validator("locales")
    @classmethod
    def _no_locale_twice(cls, locales: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(locales)) != len(locales):
            raise ValueError("a locale is named twice; keep one")
        return locales


class DisclosureFile(_Strict):
    """`disclosure.yaml`: how the customer learns that a machine writes."""

    show: Literal["first_message"]
    text: dict[Locale, Line]

    @field_validator("text")
    @classmethod
    def _placeholders(cls, text: dict[str, str]) -> dict[str, str]:
        return {locale: _only_company(line) for locale, line in text.items()}


class Condition(_Strict):
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
        if bool(self.examples) != (self.threshold is not None):
            raise ValueError("`threshold` belongs to `examples`; give both, e.g. threshold: 0.6")
        if (self.but_not or self.languages) and not self.examples:
            raise ValueError("`but_not` and `languages` belong to `examples`; for a pattern use a look-ahead")
        return self


def _one_examples(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if sum(bool(c.examples) for c in conditions) > 1:
        raise ValueError("at most one condition of a rule may have `examples`; join the lists")
    return conditions


class Trigger(_Strict):
    """A hard rule: when one of `any` holds, `action` happens, whatever a model would say."""

    id: Identifier
    any: tuple[Condition, ...] = Field(min_length=1)
    action: Literal[Action.HANDOFF, Action.REFUSE]
    queue: Identifier | None = None
    priority: Literal["urgent", "high", "normal"] = "normal"
    say: Identifier

    _examples_once = field_validator("any")(_one_examples)


class EscalationFile(_Strict):
    """`escalation.yaml`: the hard rules, and the texts that are sent without a model."""

    triggers: tuple[Trigger, ...]
    texts: dict[Identifier, dict[Locale, Line]]

    @field_validator("texts")
    @classmethod
    def _placeholders(cls, texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for by_locale in texts.values():
            for line in by_locale.values():
                _only_company(line)
        return texts


class GuidelineRule(_Strict):
    """A soft rule: text for the prompt, always or when `when` holds."""

    id: Identifier
    when: tuple[Condition, ...] = ()
    then: Line

    _examples_once = field_validator("when")(_one_examples)

    @field_validator("when", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @field_validator("then")
    @classmethod
    def _placeholders(cls, then: str) -> str:
        return _only_company(then)


class GuidelinesFile(_Strict):
    """`guidelines/*.yaml`: soft rules."""

    guidelines: tuple[GuidelineRule, ...]


class AudiencesByIdentity(_Strict):
    """What a customer may see, by how surely the channel knows who it is."""

    anonymous: tuple[Audience, ...]
    claimed: tuple[Audience, ...]
    verified: tuple[Audience, ...]

    @field_validator("anonymous", "claimed", "verified")
    @classmethod
    def _never_internal(cls, audiences: tuple[Audience, ...]) -> tuple[Audience, ...]:
        if Audience.INTERNAL in audiences:
            raise ValueError("`internal` is for agents alone and can't be given to a customer; remove it")
        return audiences


class Retention(_Strict):
    """How long things are kept, e.g. `90d`."""

    messages: Days
    audit: Days
    logs: Days


class PrivacyFile(_Strict):
    """`privacy.yaml`: who may see what, and for how long it is kept."""

    audiences: AudiencesByIdentity
    retention: Retention


class Pack(_Strict):
    """A whole policy folder, checked. `sha256` covers every file in it."""

    policy: PolicyFile
    disclosure: DisclosureFile
    escalation: EscalationFile
    guidelines: tuple[GuidelineRule, ...]
    privacy: PrivacyFile
    sha256: str
