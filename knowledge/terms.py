"""Content words: what is left of a text when the words that carry no topic are gone. Pure.

Stems are Snowball's (Porter, "Snowball: a language for stemming algorithms", 2001).
"""

import re
import threading
from functools import lru_cache

import snowballstemmer

KEPT_CHARS = 5_000
"""The terms of a longer text, which no passage is, are not remembered: a customer may send a megabyte."""
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

# Function words and the courtesy and question words of people who ask. English: the product's articles are
# matched word by word in their own language only; across languages the embeddings carry the match.
FUNCTION_WORDS = frozenset(
    """
    a about above after again all also although am an and another any anyone anything are aren't as at be
    because been before being below both but by bye can can't cannot cant could couldn't couldnt did didn't
    didnt do does doesn't doesnt doing don't done dont down during each either else etc even ever every few
    for from further get gets getting give go goes going gonna good got gotta had has have haven't havent
    having he hello help her here hers hey hi him his how how's however i i'd i'll i'm i've id if ill im in
    into is isn't isnt it it's its itself ive just know let like ll lot make may maybe me might mine more most
    much must my myself need needs no nor not now of off oh ok okay on once one only or other our ours out
    over own per please pls plz possible really same say says see she should so some somehow someone something
    such sure take tell than thank thanks thanx that that's thats the their them then there there's these they
    they're thing things think this those though through thx till to too trying u under until up upon ur us
    use very wanna want wants was wasn't we we'd we'll we're we've well were what what's whats when whenever
    where which while who who's whom whose why will wish with without won't wont would wouldn't x y ya yeah
    yes yet you you'd you'll you're you've your youre yours
    """.split()  # noqa: SIM905
)

_local = threading.local()


def words(text: str) -> list[str]:
    """The words of a text, lower case, in order; digits count as words."""
    return [w.replace("’", "'") for w in WORD.findall(text.lower())]


def content_terms(text: str) -> list[str]:
    """Stems of the content words, in order, with repeats."""
    return list((_terms_once if len(text) <= KEPT_CHARS else _terms)(text))


def _terms(text: str) -> tuple[str, ...]:
    return tuple(stem(w) for w in words(text) if w not in FUNCTION_WORDS)


# The same passages are asked for by turn after turn, several times each.
_terms_once = lru_cache(maxsize=4_000)(_terms)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The Snowball stem of one lower-case English word."""
    stemmer = getattr(_local, "stemmer", None)
    if stemmer is None:
        stemmer = _local.stemmer = snowballstemmer.stemmer("english")
    bare = word.removesuffix("'s")
    return str(stemmer.stemWord(bare))
