"""What hard rules count of a conversation, from the messages that are kept: nothing is remembered beside them. Pure.

Only what this very customer wrote counts, and what was written in one go counts as one message.
"""

import re
from collections.abc import Collection, Sequence

from agent.graph.acting.consent import Consent, read_consent
from agent.graph.options import chosen_option
from agent.types import Author, Message
from policies.patterns import normalise

_ONLY_HEARD = re.compile(r"(?:ok|okay|oke|sure|vale|va bene|d'accord|passt|prima|certo|claro|اوكي|好|行)(?![\w'])|好的|没问题")
"""A yes to an action that was named; beside an answer it says as well that the answer was read."""
_FEW_WORDS = 6
_A_PERSON = re.compile(
    r"\b(?:persons?|humans?|colleagues?|agents?|someone|somebody|mensch(?:en)?|kolleg(?:e|en|in)|mitarbeiter(?:in)?|jemand|personas?|"
    r"colegas?|humano|alguien|personne|collegue|conseiller|quelqu'un|umano|collega|operatore|qualcuno|medewerker|mens|iemand|"
    r"pessoa|alguem|atendente|rekan|orang|petugas)\b|شخص|زميل|موظف|同事|人工|真人"
)
_REFUSES = re.compile(
    r"\?|？|؟|\b(?:no|not|don't|never|without|nein|nicht|kein(?:e|en)?|sin|non|pas|sans|senza|niet|geen|nao|sem|tidak|bukan|jangan|لا)\b|"
    r"不|别"
)


def requests(messages: Sequence[Message]) -> tuple[str, ...]:
    """What the customer who wrote last has written, oldest first; where an article was picked of a list, its title."""
    writer, found, said = messages[-1].customer, list[str](), list[str]()
    before = ""
    for message in messages:
        if message.author is Author.CUSTOMER:
            said += [message.text] if message.customer == writer else []
            continue
        found += _joined(said, before)
        said, before = [], message.text
    return (*found, *_joined(said, before))


def unanswered(messages: Sequence[Message]) -> int:
    """How many of our latest replies to this customer, in a row, were no answer. A person's words end the row."""
    count, is_anothers = 0, False
    for message in messages:
        match message.author:
            case Author.CUSTOMER:
                is_anothers = is_anothers or message.customer != messages[-1].customer
            case Author.ASSISTANT:
                count = count + 1 if message.unanswered and not is_anothers else 0
                is_anothers = False
            case Author.HUMAN_AGENT:
                count, is_anothers = 0, False
            case Author.SYSTEM:
                pass
    return count


def accepted(messages: Sequence[Message], offers: Collection[str]) -> str | None:
    """The trigger whose offer stands in our latest reply, if the customer says yes and no more, or names a person in a few words.

    Args:
        messages: the conversation.
        offers: ids of the triggers that offer something.
    """
    said: list[str] = []
    for message in reversed(messages):
        if message.author is Author.CUSTOMER:
            said.append(message.text)
            continue
        text = "\n".join(reversed(said))
        offered = [rule for rule in message.rules if rule in offers] if message.author is Author.ASSISTANT else []
        return offered[0] if offered and _takes(text) else None
    return None


def _takes(text: str) -> bool:
    plain = normalise(text)
    if len(plain.split()) <= _FEW_WORDS and _A_PERSON.search(plain) and not _REFUSES.search(plain):
        return True
    return read_consent(text) is Consent.YES and not _ONLY_HEARD.match(plain)


def _joined(said: Sequence[str], before: str) -> list[str]:
    if not said:
        return []
    return [(chosen_option(before, said[0]) if before and len(said) == 1 else None) or "\n".join(said)]
