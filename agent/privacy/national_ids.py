"""Numbers that states give to persons: social security, tax, health. Pure.

A number that only its check digit tells from any other (one in eleven passes) counts where the words before it say what it is;
one whose form is its own counts everywhere.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from stdnum.fr import nir
from stdnum.nl import bsn
from stdnum.pt import nif

from agent.privacy.presidio import recogniser

_WORDS_BEFORE = 60
_GENERAL = (
    r"social security|national (?:id|insurance)|tax(?:payer)? (?:id|number|no|identification)|identity (?:card|number|no)"
    r"|\bid (?:number|no|card)|personal (?:id|number)|citizen"
)

_Find = Callable[[str], Iterator[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class _Form:
    """One kind of number. `words` say that it is meant; None if its form says enough."""

    find: _Find
    words: re.Pattern[str] | None = None


def national_ids(text: str) -> Iterator[tuple[int, int]]:
    """Where such numbers stand.

    US SSN, UK NINO and NHS, German tax id, Spanish NIF and NIE, French NIR, Italian codice fiscale, Dutch BSN, Portuguese NIF,
    Polish PESEL.
    """
    for form in _forms():
        for start, end in form.find(text):
            if form.words is None or form.words.search(text[max(0, start - _WORDS_BEFORE) : start]):
                yield start, end


def _words(own: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{own}|{_GENERAL})[^\d]{{0,40}}$", re.IGNORECASE)


def _by_presidio(
    place: str, name: str, of_form: str | None = None, *, unproved: bool = False
) -> Callable[[str], Iterator[tuple[int, int]]]:
    """What a recogniser of Presidio's for a country finds.

    Args:
        place: its module under `country_specific`.
        name: of its class.
        of_form: only what looks like this.
        unproved: such numbers have no check digits.
    """
    shape = re.compile(of_form) if of_form else None

    def find(text: str) -> Iterator[tuple[int, int]]:
        own = recogniser(f"country_specific.{place}", name)
        for start, end in own.find(text):
            if (shape is None or shape.fullmatch(text, start, end)) and (unproved or own.is_proved(text[start:end])):
                yield start, end

    return find


def _by_check(pattern: str, is_valid: Callable[[str], bool]) -> _Find:
    """What has the form and passes python-stdnum's check."""
    form = re.compile(pattern, re.IGNORECASE)

    def find(text: str) -> Iterator[tuple[int, int]]:
        for found in form.finditer(text):
            if is_valid(found.group()):
                yield found.span()

    return find


@cache
def _forms() -> tuple[_Form, ...]:
    gap = r"[ .\-]?"
    nir_form = rf"(?<!\w)[1-478]{gap}\d\d{gap}(?:0[1-9]|1[0-2]|[2-9]\d){gap}(?:\d\d|2[AB]){gap}\d{{3}}{gap}\d{{3}}{gap}\d\d(?!\w)"
    ssn, steuer = ("us.us_ssn_recognizer", "UsSsnRecognizer"), ("germany.de_tax_id_recognizer", "DeTaxIdRecognizer")
    ssn_words = r"\bssn|\bss#|sozialversicherung"
    return (
        _Form(_by_presidio(*ssn, of_form=r"(?!9)\d{3}([- ])\d\d\1\d{4}", unproved=True)),
        _Form(_by_presidio(*ssn, unproved=True), _words(ssn_words)),
        _Form(_by_presidio("uk.uk_nino_recognizer", "UkNinoRecognizer", unproved=True)),
        _Form(_by_presidio("uk.uk_nhs_recognizer", "NhsRecognizer"), _words(r"\bnhs|health service|health number")),
        _Form(_by_presidio(*steuer), _words(r"steuer|\bid-?nr|\btin\b")),
        _Form(_by_check(r"(?<!\w)[1-9]\d \d{3} \d{3} \d{3}(?!\w)", _is_german)),
        _Form(_by_presidio("spain.es_nif_recognizer", "EsNifRecognizer", of_form=r"\d{8}-?[A-Za-z]")),
        _Form(_by_presidio("spain.es_nie_recognizer", "EsNieRecognizer", of_form=r"[X-Zx-z]\d{7}-?[A-Za-z]")),
        _Form(_by_presidio("italy.it_fiscal_code_recognizer", "ItFiscalCodeRecognizer")),
        _Form(_by_check(nir_form, lambda text: nir.is_valid(re.sub(r"[ .\-]", "", text)))),
        _Form(_by_check(r"(?<!\w)\d{4}[ .]?\d\d[ .]?\d{3}(?!\w)", bsn.is_valid), _words(r"\bbsn|burgerservice|sofi-?n")),
        _Form(_by_check(rf"(?<!\w)[1-3]\d\d{gap}\d{{3}}{gap}\d{{3}}(?!\w)", nif.is_valid), _words(r"\bnif\b|contribuinte")),
        _Form(_by_presidio("poland.pl_pesel_recognizer", "PlPeselRecognizer"), _words(r"\bpesel")),
    )


def _is_german(text: str) -> bool:
    check = recogniser("country_specific.germany.de_tax_id_recognizer", "DeTaxIdRecognizer")
    return check.is_valid(text.replace(" ", ""))
