"""The shape of a policy folder's files. Every model refuses unknown keys and can't be changed.

What spans several files (locales, `say` keys, duplicate ids) is checked by `policies.load`.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from policies.actions import Action
from policies.cases import PlacedCase
from policies.condition import Identifier, Line, Locale, Strict, only_company
from policies.guidelines import GuidelineRule
from policies.hours import ALWAYS, HoursFile
from policies.knowledge import ANY_ARTICLE, KnowledgeFile
from policies.privacy import PrivacyFile
from policies.tone import PLAIN, ToneFile
from policies.topics import ONE_DIAL, TopicsFile
from policies.triggers import Trigger
from policies.types import Mode

REQUIRED_TEXTS = ("handoff", "dont_know", "clarify", "refuse", "technical", "safety", "quoted", "closest", "which", "missing")
"""What the agent may have to say whatever the triggers are."""


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
        return {locale: only_company(line) for locale, line in text.items()}


class EscalationFile(Strict):
    """`escalation.yaml`: the hard rules, and the texts that are sent without a model."""

    triggers: tuple[Trigger, ...]
    texts: dict[Identifier, dict[Locale, Line]]

    @field_validator("texts")
    @classmethod
    def _placeholders(cls, texts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for by_locale in texts.values():
            for line in by_locale.values():
                only_company(line)
        return texts


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
    knowledge: KnowledgeFile = ANY_ARTICLE
    actions: tuple[Action, ...] = ()
    canned: dict[Identifier, dict[Locale, Line]] = Field(default_factory=dict)
    cases: tuple[PlacedCase, ...] = ()
    sha256: str
