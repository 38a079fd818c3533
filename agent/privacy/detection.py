"""Where personal data stands in a text, as far as its form tells. Pure, in time that grows with the text."""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.privacy.accounts import cards, ibans
from agent.privacy.national_ids import national_ids
from agent.privacy.phones import REGIONS, phones
from agent.privacy.presidio import recogniser
from policies.privacy import PersonalData

_EMAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~\-]{1,64}@(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.){1,8}(?:xn--[a-z0-9\-]{2,59}|[^\W\d_]{2,63})(?![\w\-])",
    re.IGNORECASE,
)
_MAY_HOLD = re.compile(r"@|::|\d(?:[^\d\n]{0,3}\d){5}|[0-9a-f]:[0-9a-f]|[a-z]\d\d[a-z]\d\d", re.IGNORECASE)
"""Nothing is found without: most texts are done with after this."""
_VERSION = re.compile(r"(?:\bv|version|release|build|firmware)\W{0,3}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data: its class, and where it stands."""

    kind: PersonalData
    start: int
    end: int


def regions_of(locales: Sequence[str]) -> tuple[str, ...]:
    """The countries whose national telephone numbers are known, by the languages of a policy pack."""
    return tuple(dict.fromkeys(region for locale in locales for region in REGIONS.get(locale[:2], ())))


def detect(text: str, regions: Sequence[str] = REGIONS["en"]) -> tuple[Found, ...]:
    """Personal data in order of place; no two overlap. Where they did, the class that stands first in `PersonalData` counts.

    Args:
        text: any.
        regions: see `regions_of`.
    """
    if not _MAY_HOLD.search(text):
        return ()
    taken: list[Found] = []
    for kind, spans in (
        (PersonalData.PAYMENT_CARD, cards(text)),
        (PersonalData.IBAN, ibans(text)),
        (PersonalData.NATIONAL_ID, national_ids(text)),
        (PersonalData.EMAIL, _emails(text)),
        (PersonalData.IP_ADDRESS, _addresses(text)),
        (PersonalData.PHONE, phones(text, regions)),
    ):
        taken = _with(taken, [Found(kind, start, end) for start, end in spans])
    return tuple(taken)


def _with(taken: list[Found], more: list[Found]) -> list[Found]:
    """Both in order. Of what overlaps the former counts, and the longer of the same class."""
    merged: list[Found] = []
    for one in sorted([*taken, *more], key=lambda found: (found.start, -found.end)):
        last = merged[-1] if merged else None
        if last is None or one.start >= last.end:
            merged.append(one)
        elif last.kind is one.kind:
            merged[-1] = Found(last.kind, last.start, max(last.end, one.end))
        elif _rank(one) < _rank(last):
            merged[-1] = one
    return merged


def _rank(found: Found) -> int:
    return _ORDER[found.kind]


_ORDER = {kind: place for place, kind in enumerate(PersonalData)}


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" in text:
        for found in _EMAIL.finditer(text):
            start = found.start() + len(found.group()) - len(found.group().lstrip(".!#$%&'*/=?^`{|}~-"))
            yield start, found.end()


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Addresses of the open Internet: those of a private network are no person's."""
    if "." not in text and ":" not in text:
        return
    for start, end in recogniser("generic.ip_recognizer", "IpRecognizer").find(text):
        bare = text[start:end].partition("/")[0].partition("%")[0]
        try:
            is_open = ipaddress.ip_address(bare).is_global
        except ValueError:
            continue
        if is_open and not _VERSION.search(text[max(0, start - 12) : start]):
            yield start, end
