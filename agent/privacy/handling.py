"""What becomes of personal data in a text, by the rules of `privacy.yaml`: stored, logged, shown to a model, said. Pure."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from agent.privacy.detection import Found, detect, regions_of
from agent.privacy.phones import REGIONS
from policies.privacy import Classes, Inbound, InLogs, InReplies, PersonalData, PrivacyFile, Shown

_NAMES = {
    PersonalData.PAYMENT_CARD: "payment card",
    PersonalData.IBAN: "IBAN",
    PersonalData.NATIONAL_ID: "national id",
    PersonalData.EMAIL: "e-mail address",
    PersonalData.PHONE: "phone number",
    PersonalData.IP_ADDRESS: "IP address",
}
_KEPT_END = 4
_MOST_DIGITS = 3
"""Of a number that is cut this much shorter nobody could tell the rest."""
_SAME_END = 7
"""Two telephone numbers with as many equal digits at their ends are one, with and without its country."""


@dataclass(frozen=True, slots=True)
class PersonalRules:
    """The rules of one policy pack.

    Attributes:
        classes: what becomes of each class.
        regions: whose national telephone numbers are known.
        key: makes what `hashed` shows of a value; another one in each process, so that values can't be guessed from logs.
    """

    classes: Classes = field(default_factory=Classes)
    regions: tuple[str, ...] = REGIONS["en"]
    key: bytes = field(default_factory=partial(secrets.token_bytes, 32), repr=False)

    def at_the_door(self, text: str) -> str:
        """A message as it is stored."""
        return self._with(text, lambda kind: _INBOUND[self.classes.of(kind).inbound])

    def for_log(self, text: str) -> str:
        """A text as a log line shows it."""
        return self._with(text, lambda kind: _IN_LOGS[self.classes.of(kind).log])

    def for_model(self, text: str) -> str:
        """A customer's words as a model reads them."""
        return self._with(text, lambda kind: _SHOWN[self.classes.of(kind).model])

    def never_for_model(self, text: str) -> str:
        """Any text as a model reads it: without the classes that it never gets. Others may be the company's own."""
        return self._with(text, lambda kind: _named if self.classes.of(kind).model is Shown.NEVER else None)

    def for_index(self, text: str, said: str | None = None) -> str:
        """A text as a record keeps it that outlives the conversation. With `said` only what stands there, too, is hidden."""
        return self._with(text, lambda kind: _SHOWN[self.classes.of(kind).index], said)

    def unsayable(self, reply: str, own: Iterable[str], published: Iterable[str]) -> tuple[PersonalData, ...]:
        """The classes of which a reply holds what it may not.

        Args:
            reply: what the customer would read.
            own: what this customer has written in this conversation.
            published: what every customer may read: the cited passages, approved texts.
        """
        found = [one for one in detect(reply, self.regions) if self.classes.of(one.kind).reply is not InReplies.ALLOW]
        if not found:
            return ()
        sources = tuple((*own, *published))
        known = {(one.kind, _bare(text[one.start : one.end])) for text in sources for one in detect(text, self.regions)}
        return tuple(dict.fromkeys(one.kind for one in found if not self._may_say(one, reply, sources, known)))

    def _may_say(self, one: Found, reply: str, sources: Sequence[str], known: set[tuple[PersonalData, str]]) -> bool:
        value = reply[one.start : one.end]
        if self.classes.of(one.kind).reply is InReplies.FORBID:
            return False
        return any(value in text for text in sources) or any(kind is one.kind and _same(_bare(value), it) for kind, it in known)

    def _with(self, text: str, choose: "Callable[[PersonalData], _Write | None]", said: str | None = None) -> str:
        pieces, at = list[str](), 0
        for one in detect(text, self.regions):
            write, value = choose(one.kind), text[one.start : one.end]
            if write is not None and (said is None or value in said):
                pieces += (text[at : one.start], write(self, one.kind, value))
                at = one.end
        return "".join((*pieces, text[at:])) if pieces else text


class RulesInForce:
    """The rules of the pack that decides now, for what is built once and sees packs come and go.

    Attributes:
        now: may be replaced at any time.
    """

    def __init__(self, now: PersonalRules) -> None:
        self.now = now

    def take_over(self, privacy: PrivacyFile, locales: Sequence[str]) -> None:
        """From now on those of another pack. What `hashed` shows of a value stays the same."""
        self.now = replace(rules_of(privacy, locales), key=self.now.key)

    def at_the_door(self, text: str) -> str:
        """See `PersonalRules`."""
        return self.now.at_the_door(text)

    def never_for_model(self, text: str) -> str:
        """See `PersonalRules`."""
        return self.now.never_for_model(text)

    def for_index(self, text: str, said: str | None = None) -> str:
        """See `PersonalRules`."""
        return self.now.for_index(text, said)


_Write = Callable[[PersonalRules, PersonalData, str], str]


def rules_of(privacy: PrivacyFile, locales: Sequence[str]) -> PersonalRules:
    """The rules of a pack. `locales`: its languages."""
    return PersonalRules(privacy.classes, regions_of(locales))


def _named(rules: PersonalRules, kind: PersonalData, value: str) -> str:
    return f"[{_NAMES[kind]}]"


def _masked(rules: PersonalRules, kind: PersonalData, value: str) -> str:
    """The end of a number tells which it is, to who knows it; of an e-mail address it would tell too much."""
    bare = _bare(value)
    if kind in (PersonalData.EMAIL, PersonalData.IP_ADDRESS) or len(bare) < _KEPT_END + _MOST_DIGITS:
        return _named(rules, kind, value)
    return f"[{_NAMES[kind]} ending {bare[-_KEPT_END:].upper()}]"


def _hashed(rules: PersonalRules, kind: PersonalData, value: str) -> str:
    digest = hashlib.blake2b(_bare(value).encode(), key=rules.key, digest_size=4).hexdigest()
    return f"[{_NAMES[kind]} #{digest}]"


def _bare(value: str) -> str:
    if "@" in value:
        return value.casefold()
    return "".join(c for c in value.casefold() if c.isalnum())


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    ends = (one[-_SAME_END:], other[-_SAME_END:])
    return one.isdigit() and other.isdigit() and ends[0] == ends[1] and len(ends[0]) == _SAME_END


_INBOUND: dict[Inbound, _Write | None] = {Inbound.KEEP: None, Inbound.MASK: _masked, Inbound.REDACT: _named}
_IN_LOGS: dict[InLogs, _Write | None] = {InLogs.NEVER: _named, InLogs.MASKED: _masked, InLogs.HASHED: _hashed}
_SHOWN: dict[Shown, _Write | None] = {Shown.ALLOW: None, Shown.MASKED: _masked, Shown.NEVER: _named}
