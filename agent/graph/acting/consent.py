"""Is it a plain yes, or a plain no? Pure. What is neither counts as neither: a call is made on a plain yes alone."""

import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from policies.patterns import normalise


class Consent(StrEnum):
    """What a message says to the question whether to go on."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """It begins like a yes, and goes on with what isn't understood: worth to ask once more."""
    NEITHER = "neither"


MOST_WORDS = 12
"""A longer message says more than yes or no."""
MOST_CHARS = 120
"""The same where words aren't told apart by spaces."""

# As `normalise` writes them: small letters without accents.
_YES: Mapping[str, str] = {
    "en": "yes|yep|yeah|yup|sure|ok|okay|confirm|confirmed|agreed|correct|absolutely|definitely|please do|go ahead|"
    "please go ahead|do it|i confirm|i agree|of course|alright|all right|sounds good|go for it|proceed|please proceed|👍|👌|✅",
    "de": "ja|jawohl|jep|klar|gerne|einverstanden|ok|okay|bestatige|ich bestatige|genau|passt|bitte machen|naturlich|"
    "selbstverstandlich",
    "es": "si|claro|claro que si|vale|ok|de acuerdo|confirmo|adelante|por supuesto|correcto",
    "fr": "oui|d'accord|ok|bien sur|je confirme|allez-y|exactement|volontiers|avec plaisir",
    "it": "si|certo|ok|va bene|d'accordo|confermo|procedi|esatto|procedete",
    "nl": "ja|zeker|ok|oke|akkoord|ga je gang|graag|ik bevestig|prima|klopt",
    "pt": "sim|claro|ok|pode ser|de acordo|confirmo|com certeza|certo|avance",
    "ar": "نعم|اجل|موافق|موافقة|اوكي|بالتاكيد|اوكد",
    "id": "ya|iya|oke|ok|setuju|benar|silakan|lanjutkan|tentu|saya setuju",
    "zh": "是|是的|好|好的|可以|确认|同意|没问题|行|对",
}
PLAIN: Mapping[str, tuple[str, str]] = {
    "en": ("Yes", "No"),
    "de": ("Ja", "Nein"),
    "es": ("Sí", "No"),
    "fr": ("Oui", "Non"),
    "it": ("Sì", "No"),
    "nl": ("Ja", "Nee"),
    "pt": ("Sim", "Não"),
    "ar": ("نعم", "لا"),
    "id": ("Ya", "Tidak"),
    "zh": ("是", "不"),
}
"""A yes and a no in the languages in which they are understood, for who would rather press a button."""

# What may stand beside a yes and changes nothing about it.
_BESIDE: Mapping[str, str] = {
    "en": "please|pls|thanks|thank you|thx|very much|so much|a lot|many thanks|for your help|in advance|it|this|that|the|my|now|"
    "then|thing|fine|good|great|perfect|right|indeed|that's fine|that is fine|that's ok|that's right|that is right|"
    "that is correct|that's correct|by all means|do that|go on|with it|with that|i am sure|i'm sure|"
    "that works|that works for me|works for me|fine by me|fine with me|🙏|😊|🙂",
    "de": "bitte|danke|danke schon|dankeschon|vielen dank|sehr|gern|machen sie das|mach das|das passt|in ordnung|alles klar|"
    "richtig|korrekt|stimmt|das stimmt|das ist richtig|das ist korrekt|perfekt|super|gut|ich bin|auf jeden fall",
    "es": "por favor|gracias|muchas gracias|perfecto|esta bien|muy bien|hagalo|hazlo|proceda|bueno|estoy|asi es",
    "fr": "s'il vous plait|s'il te plait|svp|stp|merci|beaucoup|parfait|tres bien|c'est bon|c'est correct|faites-le|procedez|"
    "je suis|tout a fait",
    "it": "per favore|per piacere|grazie|mille|perfetto|bene|faccia pure|pure|proceda|esattamente|sono",
    "nl": "alstublieft|alsjeblieft|aub|dank u|dank u wel|dank je|dank je wel|bedankt|doe maar|perfect|goed|dat|is goed|heel",
    "pt": "por favor|obrigado|obrigada|muito|perfeito|esta bem|tudo bem|prossiga|correto|estou",
    "ar": "شكرا|شكرا لك|جزيلا|من فضلك|لو سمحت|تفضل|حسنا",
    "id": "terima kasih|terimakasih|makasih|tolong|mohon|baik|betul|saja|pak|bu",
    "zh": "的|吧|啊|呀|谢谢|谢谢你|谢谢您|请|麻烦了|麻烦你|麻烦您|没错|请继续|嗯",
}
_NO: Mapping[str, str] = {
    "en": "no|nope|nah|don't|do not|stop|cancel that|never mind|nevermind|forget it|not now|rather not|please don't",
    "de": "nein|ne|nicht|lieber nicht|stopp|stop|doch nicht|lass mal|vergessen sie es",
    "es": "no|mejor no|para|dejalo|olvidalo",
    "fr": "non|pas maintenant|surtout pas|laissez tomber|stop",
    "it": "no|meglio di no|lascia stare|lasci stare|fermo|stop",
    "nl": "nee|liever niet|niet doen|laat maar|stop",
    "pt": "nao|melhor nao|deixe|para|pare",
    "ar": "لا|كلا|لا شكرا|توقف",
    "id": "tidak|jangan|batal|tidak jadi|nggak",
    "zh": "不|不要|不用|不行|算了|别|不是",
}
# What begins like a no and is none: "no problem", "no rush", "excuse me". "Para" and "ne" are a no by themselves alone.
_NOT_NO = re.compile(
    r"no (?:problem|problems|worries|doubt|prob|rush|hurry|pressure|stress|hay|pasa|te preocupes|se preocupe)\b|"
    r"(?:don't|do not) (?:worry|mind|rush|hurry|forget)\b|nicht (?:schlimm|eilig|dringend)\b|"
    r"nao (?:tem|ha|faz mal|se preocupe)\b|"
    r"tidak (?:apa|masalah)|jangan khawatir|(?:para|ne) \w|لا (?:باس|مشكلة|داعي|تقلق)|"
    r"不(?:好意思|急|客气|错|知道|清楚|明白|过|但|仅|同(?!意))|别(?:的|人|担心|急)"
)
_DOUBT = re.compile(
    r"\?|？|؟|\d|\b(?:but|except|unless|if|instead|however|only|wait|not|no|don't|never|without|also|other|another|auch|tambien|aussi|anche|ook|tambem|juga|aber|nicht|nur|wenn|statt|nein|"
    r"pero|solo|si no|salvo|mais|sauf|pas|seulement|ma|solo|tranne|non|maar|niet|alleen|behalve|mas|apenas|exceto|nao|"
    r"tapi|hanya|kecuali|tidak|bukan)\b|但|不|也|另外|如果|除了|只|لكن|ليس|اذا|فقط"
)
_CLOSING = re.compile(
    r"(?:(?:many |best |kind |warm )?(?:thanks|thank you|regards|wishes|cheers|greetings)|sincerely|mit freundlichen grussen|"
    r"viele grusse|danke|gracias|saludos|merci|cordialement|grazie|saluti|bedankt|groeten|obrigad[oa]|cumprimentos)\b|--+$"
)
_SENT_BY = re.compile(
    r"(?:sent (?:from|via)|get outlook for|gesendet (?:von|mit)|von mein(?:em|er)|envoye (?:de|depuis|a partir de)|"
    r"enviado (?:desde|do|da|de)|inviato da|verzonden (?:vanaf|met)|verstuurd vanaf|dikirim dari|发自)"
    r"[\w ]{0,20}\b(?:iphone|ipad|android\w*|samsung|galaxy|"
    r"huawei|xiaomi|pixel|handy|smartphone|outlook|ios|yahoo|gmail|mobile|phone|telefon\w*|telephone|movil|ponsel)\b[\w ]{0,20}|"
    r"发自我的\S{0,12}"
)
"""A whole last line by which a phone's mail program says what it is."""
_BETWEEN = re.compile(r"[\s.,!;:…~()。！，、；：،؛-]*")
_WORD = re.compile(r"[\w'-]+")
_NAMES = frozenset({"von", "van", "der", "den", "de", "da", "di", "du", "la", "und", "and", "bin", "al"})
"""Small words within a name."""


def read_consent(text: str, action_words: Collection[str] = ()) -> Consent:
    """What the latest message says.

    A yes that goes on to a condition, a number or a question is neither. Whatever else stands beside a yes must be known to
    change nothing about it; words that may be good or bad news ("ok, let me think") make it unclear.

    Args:
        text: the message.
        action_words: small words that name what was asked, such as `cancel`: who repeats them says yes to it.
    """
    written = [line for line in text.splitlines() if normalise(line)]
    lines = [normalise(line) for line in written]
    while len(lines) > 1 and _SENT_BY.fullmatch(lines[-1].strip(" .")):
        del lines[-1], written[-1]
    if not lines:
        return Consent.NEITHER
    said = lines[0] if _is_signed_off(lines[1:], written[1:]) else " ".join(lines)
    said = said.strip(" .!,;:。！，、")
    if len(said.split()) > MOST_WORDS or len(said) > MOST_CHARS:
        return Consent.NEITHER
    if _NO_AT.match(said):
        return Consent.NEITHER if _NOT_NO.match(said) else Consent.NO
    if not _YES_AT.match(said) or _DOUBT.search(said) or _NO_WITHIN.search(said):
        return Consent.NEITHER
    return Consent.UNCLEAR if _left_over(said, frozenset(action_words)) else Consent.YES


def _left_over(said: str, action_words: frozenset[str] = frozenset()) -> list[str]:
    """The words that are neither a yes nor may stand beside one."""
    left: list[str] = []
    at = _after(_BETWEEN, said, 0)
    while at < len(said):
        known = _KNOWN.match(said, at)
        if known:
            at = known.end()
        else:
            word = _WORD.match(said, at)
            at = word.end() if word else at + 1
            if word is None or word[0] not in action_words:
                left.append(word[0] if word else said[at - 1])
        at = _after(_BETWEEN, said, at)
    return left


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _is_signed_off(lines: list[str], written: list[str]) -> bool:
    """True for a mail's closing words and a name under them, and nothing else: "Thanks, but wait" says more."""
    closing = _CLOSING.match(lines[0].strip(" .!,")) if lines and len(lines) <= 4 else None
    if closing is None or any(_DOUBT.search(re.sub(r"\d", "", line)) or _NO_WITHIN.search(line) for line in lines):
        return False
    rest = _left_over(lines[0].strip(" .!,")[closing.end() :])
    names = [normalise(word) for word in _WORD.findall(written[0]) if not word[0].islower()]
    return all(word in names for word in rest) and all(_is_name(line) for line in written[1:])


def _is_name(line: str) -> bool:
    """A name, an address or a telephone number: no word begins small but those within a name."""
    words = _WORD.findall(line)
    return len(words) <= 8 and all(not word[0].islower() or word in _NAMES or "@" in line for word in words)


def _any_of(*lists: Mapping[str, str]) -> str:
    """One of these phrases as whole words, the longest first. Chinese has no spaces between words."""
    spaced = {one for words in lists for language, known in words.items() if language != "zh" for one in known.split("|")}
    unspaced = {one for words in lists for one in words["zh"].split("|")}
    return f"(?:(?:{_longest_first(spaced)})(?![\\w'])|(?:{_longest_first(unspaced)}))"


def _longest_first(phrases: Iterable[str]) -> str:
    return "|".join(re.escape(one) for one in sorted(phrases, key=lambda one: (-len(one), one)))


_YES_AT = re.compile(_any_of(_YES))
_KNOWN = re.compile(_any_of(_YES, _BESIDE))
_NO_AT = re.compile(_any_of(_NO))
_NO_WITHIN = re.compile(r"(?<![\w'])" + _any_of(_NO))
