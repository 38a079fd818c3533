"""The shape of a policy folder's files. Every model refuses unknown keys and can't be changed.

What spans several files (locales, `say` keys, duplicate ids) is checked by `policies.load`.
"""

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from knowledge.types import Audience
from policies.actions import Action
from policies.cases import PlacedCase
from policies.condition import Condition, Identifier, Line, Locale, Strict, one_examples
from policies.hours import ALWAYS, HoursFile
from policies.tone import PLAIN, ToneFile
from policies.topics import ONE_DIAL, TopicsFile
from policies.types import Action as Demand
from policies.types import Mode

REQUIRED_TEXTS = ("handoff", "dont_know", "clarify", "refuse", "technical", "safety", "quoted", "closest", "which", "missing")
"""What the agent may have to say whatever the triggers are."""

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def _only_company(text: str) -> str:
    for found in _PLACEHOLDER.findall(text):
        if found != "{company}":
            raise ValueError(f"unknown placeholder {found}; only {{company}} can be used")
    return text


Days = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}d$")]


class PolicyFile(Strict):
    """`policy.yaml`: whose policies these are.

    Attributes:
        version: semantic version, stamped on every decision.
        scope: what the company does, for the prompt.
        locales: languages that every text exists in; the first is the fallback for all others.
        mode: how far an answer may go at most, whatever the dials of `topics.yaml` allow.
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


class DisclosureFile(Strict):
    """`disclosure.yaml`: how the customer learns that a machine writes."""

    show: Literal["first_message"]
    text: dict[Locale, Line]

    @field_validator("text")
    @classmethod
    def _placeholders(cls, text: dict[str, str]) -> dict[str, str]:
        return {locale: _only_company(line) for locale, line in text.items()}


class Trigger(Strict):
    """A hard rule: when one of `any` holds, `action` happens, whatever a model would say."""

    id: Identifier
    any: tuple[Condition, ...] = Field(min_length=1)
    action: Literal[Demand.HANDOFF, Demand.REFUSE]
    queue: Identifier | None = None
    priority: Literal["urgent", "high", "normal"] = "normal"
    say: Identifier

    _examples_once = field_validator("any")(one_examples)


class EscalationFile(Strict):
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


class GuidelineRule(Strict):
    """A soft rule: text for the prompt, always or when `when` holds."""

    id: Identifier
    when: tuple[Condition, ...] = ()
    then: Line

    _examples_once = field_validator("when")(one_examples)

    @field_validator("when", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @field_validator("then")
    @classmethod
    def _placeholders(cls, then: str) -> str:
        return _only_company(then)


class GuidelinesFile(Strict):
    """`guidelines/*.yaml`: soft rules."""

    guidelines: tuple[GuidelineRule, ...]


class AudiencesByIdentity(Strict):
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


class Retention(Strict):
    """How long things are kept, e.g. `90d`."""

    messages: Days
    audit: Days
    logs: Days


class PrivacyFile(Strict):
    """`privacy.yaml`: who may see what, and for how long it is kept."""

    audiences: AudiencesByIdentity
    retention: Retention


class Pack(Strict):
    """A whole policy folder, checked. `sha256` covers every file in it."""

    policy: PolicyFile
    disclosure: DisclosureFile
    escalation: EscalationFile
    guidelines: tuple[GuidelineRule, ...]
    privacy: PrivacyFile
    topics: TopicsFile = ONE_DIAL
    tone: ToneFile = PLAIN
    hours: HoursFile = ALWAYS
    actions: tuple[Action, ...] = ()
    canned: dict[Identifier, dict[Locale, Line]] = Field(default_factory=dict)
    cases: tuple[PlacedCase, ...] = ()
    sha256: str
