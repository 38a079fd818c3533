"""Does a customer ask the same again? Told by words alone, and only of what stands by itself. Pure.

A false alarm is worse than a miss: a question about another detail differs in one word ("three days", "five days"), and an
embedding model finds the two more alike (0.94 with the packaged one) than most rewordings of one question. So two messages ask
the same if they have the same words, but for courtesy, emphasis and what only says that one asks. A message that names nothing,
or points at what was said before ("how much is it?"), asks nothing that could be told again.
"""

import re
from collections.abc import Sequence

from policies.patterns import normalise
from policies.triggers import MOST, looked_back

_WORD = re.compile(r"[^\W_]+(?:[-'./@][^\W_]+)*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
_LONG_ENOUGH = 4
"""Signs of a script without spaces that are no less than two words of another."""
_LONGEST = 1_000
"""Characters. Who writes more tells a story, and a long talk of megabytes must not cost a turn its time."""

# What only says that one asks, or asks again.
_LEAD = re.compile(
    r"^(?:no|nope|nein|non|nee|nao|tidak|bukan|لا)\b|"
    r"\b(?:i (?:have |'ve )?(?:already |just )?(?:asked|said|told you|repeat)|i'm asking|i am asking|as i said|"
    r"(?:i )?(?:want|need|would like|'d like|wanna) to know|do you know|tell me|my question (?:is|was)|the question (?:is|was)|"
    r"i(?: still)? (?:don't|do not) know|for the (?:second|third|last) time|once (?:more|again)|(?:second|third) time|"
    r"(?:is|are) there|there (?:is|are)|there's|it (?=cost|take)|with (?:me|us)|gibt es|il y a|hay|er (?:is|zijn)|c'e|"
    r"noch ?mal|ich frage|meine frage ist|ich mochte wissen|otra vez|repito|mi pregunta es|quiero saber|encore une fois|"
    r"je repete|ma question est|je veux savoir|di nuovo|ripeto|la mia domanda e|vorrei sapere|nogmaals|mijn vraag is|"
    r"ik wil weten|de novo|a minha pergunta e|quero saber|saya ulangi|saya bertanya)\b"
)
_OPENS = re.compile(
    r"\W*(?:is|are|do|does|did|can|could|may|will|must|should|ist|sind|kann|konnen|darf|gibt|es|son|puedo|hay|est-ce|est|puis-je|"
    r"y a-t-il|posso|sono|c'e|zijn|kan|mag|ha|podem|apakah|bolehkah|هل)\b"
)
"""How a question begins that has no question word. Of a message that names one thing alone, it must be one or the other."""
_UNSPACED_FILLER = re.compile(r"请问|您好|你好|谢谢|麻烦|请|好的|没有?问题|知道了|明白了|吗|呢|啊|吧|了|再问一次|我问的是")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FILLER = _set(
    # courtesy, emphasis, agreement; articles, first person, auxiliary verbs
    """
    please pls plz hello hi hey dear good morning afternoon evening night day thanks thank thx ok okay yes yeah yep
    so but and if well just again still really actually ever ugh hmm um oh look listen seriously honestly simply sorry excuse
    great fine perfect nice cool works sounds got see sure right exactly correct alright understood awesome wonderful lovely
    brilliant amazing excellent glad bye goodbye cheers course idea thats that's
    a an the i i'm i've i'd me my mine we we're our us to for of is are am be do does did can could may might will would shall
    bitte danke hallo guten tag ja okay aber und also noch immer denn doch mal eigentlich wirklich nun gut super prima klar
    der die das ein eine einen einem einer ich mir mich mein meine meinen meiner wir uns unser unsere ist sind kann konnen
    por favor gracias hola buenos buenas dias tardes si pero y pues todavia aun ya bien vale claro el la los las un una yo mi mis
    me nos nuestro nuestra es son puedo podemos
    merci bonjour bonsoir salut s'il vous plait te oui mais et encore toujours donc bon bien d'accord le la les une des je
    j'ai mon ma mes nous notre nos est sont puis-je est-ce que
    favore grazie ciao buongiorno buonasera ma e ancora sempre allora bene va il lo gli i un' uno io mio mia miei mie noi
    nostro nostra posso possiamo sono
    alstublieft alsjeblieft bedankt dank u je hoi goedemorgen goedendag maar en nog steeds toch dus goed prima de het een ik
    mij mijn wij we ons onze zijn kan kunnen mag
    obrigado obrigada ola bom boa dia tarde noite sim mas ainda entao o os as um uma eu meu minha nos nosso nossa posso
    شكرا مرحبا السلام عليكم من فضلك نعم حسنا ما زلت لو سمحت
    terima kasih halo selamat pagi siang sore malam ya tolong mohon baik oke tapi dan masih saya kami
    """
)
_POINTING = _set(
    """
    it its this that these those they them their there here one ones same other another else he him she her
    es dies diese dieser dieses dazu davon dafur dort eso esto este ese esa estos esos alli ello otro otra
    ca cela ceci celui celle ceux y en autre cette ces questo questa quello quella questi quelli ne ci altro altra
    dit dat deze die er daar andere isso isto este esse essa aquele la outro outra itu ini tersebut هذا هذه ذلك تلك
    """
)
_ASKING = _set(
    """
    how what when where which who whose why much many long far often
    wie was wann wo woher wohin welche welcher welches wer warum wieso viel viele lange
    como que cuando donde cual cuales quien cuanto cuanta cuantos cuantas
    comment quoi quel quelle quels quelles quand ou qui pourquoi combien
    come cosa che quando dove quale quali chi perche quanto quanta quanti
    hoe wat wanneer waar welke wie waarom hoeveel lang
    quanto quantos quantas onde qual quais quem porque
    bagaimana apa apakah kapan mana siapa mengapa kenapa berapa كيف متي اين من لماذا كم هل ما
    """
)
_VAGUE = _set(
    """
    price prices cost costs time included available possible allowed free total help question answer problem
    preis preise kostet kosten inbegriffen moglich erlaubt frei hilfe frage problem
    precio precios cuesta cuestan incluido posible ayuda pregunta problema
    prix coute coutent inclus possible aide question probleme
    prezzo prezzi costa costano incluso possibile aiuto domanda prijs kost inbegrepen mogelijk hulp vraag probleem
    preco precos custa custam incluido possivel ajuda pergunta harga biaya bantuan pertanyaan masalah
    """
)


def asked_before(text: str, before: Sequence[str]) -> tuple[int, ...]:
    """Which of a customer's messages before ask the same.

    Args:
        text: what is asked now.
        before: what the same customer wrote before, oldest first; each is what was written in one go.

    Returns:
        How many messages ago each of them was, the latest first; 1 is the one before.
    """
    asked = _asked(text)
    if asked is None:
        return ()
    latest_first = before[: -looked_back(MOST) : -1]
    return tuple(ago for ago, one in enumerate(latest_first, 1) if _asked(one) == asked)


def _asked(text: str) -> frozenset[str] | None:
    """The words that say what is asked; None for a message that doesn't say it by itself."""
    if len(text) > _LONGEST:
        return None
    plain = normalise(text)
    unspaced = "".join(_UNSPACED.findall(_UNSPACED_FILLER.sub("", plain)))
    words = frozenset(_WORD.findall(_LEAD.sub(" ", _UNSPACED.sub(" ", plain)))) - _FILLER
    if words & _POINTING:
        return None
    named = {word for word in words - _ASKING - _VAGUE if not re.search(r"[\d@]", word)}
    is_question = bool(words & _ASKING) or _OPENS.match(plain) is not None
    enough = len(named) + (2 if len(unspaced) >= _LONG_ENOUGH else 0) + (1 if is_question else 0)
    if not (named or unspaced) or enough < 2:
        return None
    return words | ({unspaced} if unspaced else frozenset())
