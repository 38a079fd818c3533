"""Payment cards and IBANs: digits that pass their checks. Pure."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.privacy.presidio import iban_forms, recogniser
from agent.privacy.references import REFERENCE_BEFORE

_GAP = r"[\s.\-‐-—−·/\u00a0\u00ad\u200b-\u200d\u2060\ufeff]"
_DIGITS = re.compile(rf"\d+(?:{_GAP}{{1,3}}\d+)*")
_GROUP = re.compile(r"\d+")
_LONGEST = 19
_SHORTEST = 12
_NAMED = re.compile(r"(?:visa|card|karte|carte|carta|tarjeta|amex|maestro|kaart|kartu|n[or°º])\W{0,2}$", re.IGNORECASE)
_ISSUERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"4", (13, 16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-59]|3[689]", (14, 15, 16, 17, 18, 19)),  # Diners Club
    (r"6011|64[4-9]|65", (16, 17, 18, 19)),  # Discover
    (r"35", (16, 17, 18, 19)),  # JCB, whose own are 3528 to 3589
    (r"2131|1800", (15,)),  # JCB, the old ones
    (r"62", (16, 17, 18, 19)),  # UnionPay
    (r"220[0-4]", (16, 17, 18, 19)),  # Mir
    (r"50|5[6-9]|6", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
)
"""Numbers that networks issue, and their lengths. Source: ISO/IEC 7812 ranges as the networks publish them."""
_LENGTHS_OF = tuple((re.compile(prefix), frozenset(lengths)) for prefix, lengths in _ISSUERS)
_SURE = frozenset({15, 16})
"""Other lengths are those of parcels and orders as well: behind such a word, or oddly grouped, they are taken for one."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2} ?\d{2}(?:[\s\-‐-–\u200b-\u200d\u2060\ufeff]?[A-Za-z0-9]){11,30}")
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]{2} ?\d{2})")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class _Groups:
    """Digits with gaps: where each group begins and ends in the text, and how many digits stand before it."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    before: tuple[int, ...]
    digits: str


def cards(text: str) -> Iterator[tuple[int, int]]:
    """Where card numbers stand, with or without gaps, also among other groups of digits (an expiry date, a code)."""
    luhn = recogniser("generic.credit_card_recognizer", "CreditCardRecognizer")
    for run in _DIGITS.finditer(text):
        if run.end() - run.start() >= _SHORTEST:
            groups = _groups(text, run)
            first = 0
            while first < len(groups.starts):
                last = _card_from(text, groups, first, luhn.own.validate_result)
                if last is not None:
                    yield groups.starts[first], groups.ends[last]
                first = first + 1 if last is None else last + 1


def _groups(text: str, run: re.Match[str]) -> _Groups:
    found = [g.span() for g in _GROUP.finditer(text, run.start(), run.end())]
    digits = "".join(str(int(c)) for start, end in found for c in text[start:end])
    before, count = [], 0
    for start, end in found:
        before.append(count)
        count += end - start
    return _Groups(tuple(s for s, _ in found), tuple(e for _, e in found), (*before, count), digits)


def _card_from(text: str, groups: _Groups, first: int, passes_luhn: Callable[[str], bool]) -> int | None:
    """The last group of the card number that begins with group `first`; the longest counts. None if none does."""
    begin = groups.before[first]
    start = groups.starts[first]
    if _glued(text[max(0, start - 1) : start]) and not _NAMED.search(text[max(0, start - 10) : start]):
        return None
    lengths = frozenset[int]().union(*(n for prefix, n in _LENGTHS_OF if prefix.match(groups.digits, begin)))
    if not lengths:
        return None
    last = bisect_left(groups.before, begin + _LONGEST + 1) - 2
    for place in range(min(last, len(groups.ends) - 1), first - 1, -1):
        count = groups.before[place + 1] - begin
        if count < _SHORTEST:
            return None
        number = groups.digits[begin : begin + count]
        if count not in lengths or _glued(text[groups.ends[place] : groups.ends[place] + 1]) or not _passes(number, passes_luhn):
            continue
        is_usual = all(groups.ends[n] - groups.starts[n] == 4 for n in range(first, place))
        if count in _SURE or (is_usual and not REFERENCE_BEFORE.search(text[max(0, start - 40) : start])):
            return place
    return None


def _glued(neighbour: str) -> bool:
    return neighbour.isalpha() or neighbour == "_"


def _passes(number: str, passes_luhn: Callable[[str], bool]) -> bool:
    """Numbers like 4444 4444 4444 4444 stand for one, or for none."""
    return len(set(number)) > 1 and passes_luhn(number)


def ibans(text: str) -> Iterator[tuple[int, int]]:
    """Where IBANs stand: of a country's form, with check digits that fit."""
    forms, check = iban_forms(), recogniser("generic.iban_recognizer", "IbanRecognizer")
    for begin in _IBAN_START.finditer(text):
        form = forms.get(text[begin.start() : begin.start() + 2].upper())
        found = _IBAN.match(text, begin.start()) if form is not None else None
        if found is None or form is None:
            continue
        bare = _SEPARATORS.sub("", found.group()).upper()
        fits = form.match(bare)
        if fits is None or not check.is_valid(bare[: fits.end()]):
            continue
        end = _end_of(text, begin.start(), fits.end())
        if not text[end : end + 1].isalnum():
            yield begin.start(), end


def _end_of(text: str, start: int, count: int) -> int:
    """Behind the `count`-th letter or digit from `start` on."""
    for place in range(start, len(text)):
        count -= text[place].isalnum()
        if count == 0:
            return place + 1
    return len(text)
