"""Telephone numbers: international ones, national ones of some countries, and whatever a label calls one. Pure.

Digits alone are no telephone number: an order has as many. So a number counts if it is written with its country, if it is
grouped as its country groups it, or if the words before or after it say so.
"""

import re
from collections.abc import Iterator, Sequence

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from agent.privacy.references import REFERENCE_BEFORE

REGIONS = {
    "cs": ("CZ",),
    "da": ("DK",),
    "de": ("DE", "AT", "CH"),
    "en": ("GB", "US", "IE", "AU"),
    "es": ("ES", "MX"),
    "fi": ("FI",),
    "fr": ("FR", "BE", "CH"),
    "id": ("ID",),
    "it": ("IT",),
    "nb": ("NO",),
    "nl": ("NL", "BE"),
    "no": ("NO",),
    "pl": ("PL",),
    "pt": ("PT", "BR"),
    "sv": ("SE",),
}
"""Where people who write in a language mostly call from. Numbers of other countries are found with their +, or by a label."""
_BODY = r"\(?\d(?:(?:[ \-./\u00a0\u2011]|\)[ \-/]?|[ \-/]?\()?\d){5,14}"
_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
_INTERNATIONAL = re.compile(rf"(?<![\w+])(?:\+ ?|(?<!\d[ -])00(?=[1-9])){_BODY}{_EXTENSION}(?!\w)", re.IGNORECASE)
_NUMBER = re.compile(rf"(?<![\w+])\+?{_BODY}{_EXTENSION}(?!\w)", re.IGNORECASE)
_LABEL = (
    r"(?<![^\W\d_])(?:tele(?:phone|fon|foon|fono|fone|fax)\w*|téléphone|teléfono|phone(?:s|d| ?number)?|tel|tél|tlf|tfno|"
    r"mobile?|móvil|portable|portátil|cellulare|cell(?:phone)?|celular|telemóvel|handy(?:nummer)?|rückruf|fax|whats ?app|sms|hp|"
    r"call(?:s|ing|ed)?|ring|dial|text|reach|anrufen|erreichbar|erreichen|appeler|appelez|joindre|llamar|llámame|"
    r"chiamare|chiamami|ligar|bellen|telepon|komórka|nr\.? tel)(?![^\W\d_])"
)
_ON_A_CARD = r"(?<![^\W\d_])(?:office|home|work|desk|direct|büro|privat|bureau)\W{0,2}[:=]"
_CALLED = re.compile(rf"(?:{_LABEL}[^\d+(\n]{{0,24}}\n?|{_ON_A_CARD})[^\d+(\n]{{0,4}}$", re.IGNORECASE)
_BEHIND = re.compile(
    r"[^\w\n]{0,3}(?:office|home|work|fax|mobile|cell|desk|phone|tel|büro|privat|mobil|bureau)(?![^\W\d_])", re.IGNORECASE
)
_DAY, _MONTH, _APART = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"[-./ ]"
_DATE = re.compile(
    rf"(?:(?:19|20)\d\d{_APART}{_MONTH}{_APART}{_DAY}|(?:{_DAY}{_APART}{_MONTH}|{_MONTH}{_APART}{_DAY}){_APART}(?:(?:19|20)\d\d|\d\d))"
    r"(?:[ T]\d{1,2})?"
)
_GROUP = re.compile(r"\d+")
_BEFORE = 64
_MOST = 200
"""So many numbers of a text are compared with the forms of countries, which takes a while: nobody writes more in a message."""


def phones(text: str, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where telephone numbers stand.

    Args:
        text: any.
        regions: ISO 3166 codes of countries whose national form counts without a label.
    """
    for found in _INTERNATIONAL.finditer(text):
        if _is_possible(found.group()):
            yield found.span()
    compared = 0
    for found in _NUMBER.finditer(text):
        start, end = found.span()
        before = text[max(0, start - _BEFORE) : start]
        if _DATE.fullmatch(found.group()) or REFERENCE_BEFORE.search(before[-40:]):
            continue
        if _CALLED.search(before) or _BEHIND.match(text, end):
            yield start, end
        elif compared < _MOST:
            compared += 1
            if _is_national(found.group(), regions):
                yield start, end


def _is_possible(number: str) -> bool:
    international = re.sub(r"^00", "+", number)
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(international.replace("(0)", "")))
    except phonenumbers.NumberParseException:
        return False


def _is_national(number: str, regions: Sequence[str]) -> bool:
    """True if it is grouped as one of the countries groups its numbers. Digits in one piece are not."""
    groups = len(_GROUP.findall(number))
    if groups < 2 or (groups < 3 and number[0] not in "0("):
        return False
    return any(_is_grouped(number, region) for region in regions)


def _is_grouped(number: str, region: str) -> bool:
    try:
        if not phonenumbers.is_valid_number_for_region(phonenumbers.parse(number, region), region):
            return False
    except phonenumbers.NumberParseException:
        return False
    matches = PhoneNumberMatcher(number, region, leniency=Leniency.STRICT_GROUPING)
    return any(match.end - match.start == len(number) for match in matches)
