"""Is it a plain yes, or a plain no? Pure. What is neither counts as neither: a call is made on a plain yes alone."""

import re
from collections.abc import Mapping
from enum import StrEnum

from policies.patterns import normalise


class Consent(StrEnum):
    """What a message says to the question whether to go on."""

    YES = "yes"
    NO = "no"
    NEITHER = "neither"


MOST_WORDS = 12
"""A longer message says more than yes or no."""

# As `normalise` writes them: small letters without accents.
_YES: Mapping[str, str] = {
    "en": r"yes|yep|yeah|yup|sure|ok|okay|confirm|confirmed|agreed|correct|absolutely|definitely|please do|"
    r"(?:please )?go ahead|do it|i confirm|i agree|of course",
    "de": r"ja|jawohl|jep|klar|gerne|einverstanden|ok|okay|bestatige|ich bestatige|genau|passt|bitte machen",
    "es": r"si|claro|vale|ok|de acuerdo|confirmo|adelante|por supuesto|correcto",
    "fr": r"oui|d'accord|ok|bien sur|je confirme|allez-y|exactement|volontiers",
    "it": r"si|certo|ok|va bene|d'accordo|confermo|procedi|esatto|procedete",
    "nl": r"ja|zeker|ok|oke|akkoord|ga je gang|graag|ik bevestig|prima|klopt",
    "pt": r"sim|claro|ok|pode ser|de acordo|confirmo|com certeza|certo|avance",
    "ar": r"نعم|اجل|موافق|موافقة|اوكي|بالتاكيد|اوكد",
    "id": r"ya|iya|oke|ok|setuju|benar|silakan|lanjutkan|tentu|saya setuju",
    "zh": r"是|是的|好|好的|可以|确认|同意|没问题|行|对",
}
_NO: Mapping[str, str] = {
    "en": r"no|nope|nah|don't|do not|stop|cancel that|never mind|nevermind|not now|rather not|please don't",
    "de": r"nein|ne|nicht|lieber nicht|stopp|stop|doch nicht",
    "es": r"no|mejor no|para|dejalo",
    "fr": r"non|pas maintenant|surtout pas|laissez tomber|stop",
    "it": r"no|meglio di no|lascia stare|fermo|stop",
    "nl": r"nee|liever niet|niet doen|laat maar|stop",
    "pt": r"nao|melhor nao|deixe|para|pare",
    "ar": r"لا|كلا|لا شكرا|توقف",
    "id": r"tidak|jangan|batal|tidak jadi|nggak",
    "zh": r"不|不要|不用|不行|算了|别|不是",
}
_DOUBT = re.compile(
    r"\?|？|؟|\d|\b(?:but|except|unless|if|instead|however|only|wait|not|no|don't|never|without|also|other|another|auch|tambien|aussi|anche|ook|tambem|juga|aber|nicht|nur|wenn|statt|nein|"
    r"pero|solo|si no|salvo|mais|sauf|pas|seulement|ma|solo|tranne|non|maar|niet|alleen|behalve|mas|apenas|exceto|nao|"
    r"tapi|hanya|kecuali|tidak|bukan)\b|但|不|也|另外|如果|除了|只|لكن|ليس|اذا|فقط|لا "
)
_CLOSING = re.compile(
    r"(?:(?:many |best |kind |warm )?(?:thanks|thank you|regards|wishes|cheers|greetings)|sincerely|mit freundlichen grussen|"
    r"viele grusse|danke|gracias|saludos|merci|cordialement|grazie|saluti|bedankt|groeten|obrigad[oa]|cumprimentos)\b.*"
)


def read_consent(text: str) -> Consent:
    """What the latest message says.

    A yes that goes on to a condition, a number or a question is neither.
    """
    lines = [line for line in (normalise(one).strip() for one in text.splitlines()) if line]
    if not lines:
        return Consent.NEITHER
    said = lines[0] if _is_signed_off(lines[1:]) else " ".join(lines)
    said = said.strip(" .!,;:。！，、")
    if len(said.split()) > MOST_WORDS:
        return Consent.NEITHER
    if _begins(said, _NO):
        return Consent.NO
    if _begins(said, _YES):
        rest = said[_length(said, _YES) :]
        return Consent.NEITHER if _DOUBT.search(rest) else Consent.YES
    return Consent.NEITHER


def _is_signed_off(lines: list[str]) -> bool:
    """True for a mail's closing words and a name under them."""
    return bool(lines) and len(lines) <= 4 and _CLOSING.fullmatch(lines[0].strip(" .!,")) is not None


def _begins(said: str, words: Mapping[str, str]) -> bool:
    return _length(said, words) > 0


def _length(said: str, words: Mapping[str, str]) -> int:
    """Of the longest that the message begins with, as whole words."""
    found = 0
    for language, pattern in words.items():
        end = "" if language == "zh" else r"(?![\w'])"
        match = re.match(rf"(?:{pattern}){end}", said)
        found = max(found, match.end() if match else 0)
    return found
