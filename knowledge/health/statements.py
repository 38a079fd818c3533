"""Sentences with quantities in them, made ready to be compared: numbers masked, and what the rest is about. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowledge.health.dates import dates
from knowledge.health.names import Names
from knowledge.health.shelf import Article
from knowledge.quantities import readings
from knowledge.sentences import split_sentences
from knowledge.terms import FUNCTION_WORDS, content_terms, words
from knowledge.types import Passage

MAX_WORDS = 45
"""A longer "sentence" is a list or a log, which says more than one thing."""
_EXAMPLE = re.compile(
    r"\b(?:for example|for instance|e\.g|examples?|suppose|imagine|beispiel\w*|z\. ?B|ejemplo|exemple|esempio)\b", re.IGNORECASE
)
_LABEL = re.compile(
    r"\b\w+[- ](?:step|digit|star|seater|factor|way|character)s?\b|\bone of\b|\b24/7\b|#\s?\d+"
    r"|\b(?:step|part|section|page|option|rule|version|article|level|tier|line|zone|form)\s+\d+\b",
    re.IGNORECASE,
)
"""Numbers that are part of a name or of an order."""
_TURNS = {
    "negative": r"\b(?:not|no|never|none|cannot|without|neither|nor|unable|non)\b|n['’]t\b",
    "before": r"\b(?:before|prior|ahead|until|till|latest)\b",
    "after": r"\b(?:after|following|later than|since|once|earliest)\b",
    "exception": r"\b(?:unless|except|other than|apart from|instead|otherwise)\b",
    "condition": r"\b(?:if|when|whenever|where|provided|as long as|in case)\b",
    "each": r"\b(?:per|each|every|apiece)\b",
    "first": r"\b(?:first|initial|new)\b",
    "last": r"\b(?:last|final)\b",
    "only": r"\bonly\b",
}
_TURN = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _TURNS.items()}
_EMPTY = frozenset(["within", "per", "least", "maximum", "minimum", "item", "amount", "valu", "detail"])
"""Stems that bound a number or head a column, and don't say what it is about."""
_POINTING = frozenset(["it", "this", "that", "they", "these", "those", "he", "she"])
_RANGE = re.compile(r"\s*(?:to|and|or|bis|[-–—])\s*", re.IGNORECASE)
_HOURS = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1.0, "day": 24.0, "week": 168.0, "month": 730.0, "year": 8760.0}


@dataclass(frozen=True, slots=True)
class Value:
    """A quantity to compare. `kind` is "date", "time" (in hours), "clock", "%", a currency, or what is counted."""

    kind: str
    bound: str
    amount: float

    def equals(self, other: "Value") -> bool:
        """The same to 2 %, which is as near as 30 days are to a month."""
        return abs(self.amount - other.amount) <= 0.02 * max(abs(self.amount), abs(other.amount)) * (self.kind == "time") + 1e-9


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence with quantities.

    Attributes:
        article: where it stands.
        passage: where in it.
        text: as it stands there.
        masked: with a mark in place of each number and date.
        values: what can be compared, in order.
        labels: numbers that count nothing known (a phone number, "step 2").
        turns: the kinds of words in it that turn a sentence round or limit it.
        names: of the sentence, its headings and its title.
        terms: stems of the content words that are left.
    """

    article: Article
    passage: Passage
    text: str
    masked: str
    values: tuple[Value, ...]
    labels: tuple[float, ...]
    turns: frozenset[str]
    names: frozenset[str]
    terms: frozenset[str]

    @property
    def key(self) -> tuple[object, ...]:
        """Statements that could contradict each other have the same."""
        return (tuple((v.kind, v.bound) for v in self.values), self.labels, self.turns, self.names)

    @property
    def heading(self) -> str:
        """Title and headings."""
        return " ".join((self.article.title, *self.passage.heading_path))


def statements(articles: Sequence[Article], names: Names) -> Iterator[Statement]:
    """Every sentence that says a quantity, but for examples."""
    for article in articles:
        for passage in article.passages:
            if not any(_EXAMPLE.search(heading) for heading in passage.heading_path):
                for sentence in split_sentences(passage.text, "en"):
                    if found := _statement(article, passage, sentence, names):
                        yield found


def turns(text: str) -> frozenset[str]:
    """The kinds of limiting words in a text."""
    return frozenset(name for name, pattern in _TURN.items() if pattern.search(text))


def _statement(article: Article, passage: Passage, sentence: str, names: Names) -> Statement | None:
    if len(sentence.split()) > MAX_WORDS or _EXAMPLE.search(sentence) or sentence.endswith("?"):
        return None
    masked, values, labels = _mask(sentence)
    terms = frozenset(content_terms(masked)) - _EMPTY
    if not values or not terms:
        return None
    found = names.of(sentence, article.title, *passage.heading_path)
    return Statement(article, passage, sentence, masked, values, labels, turns(masked), found, terms)


def _mask(sentence: str) -> tuple[str, tuple[Value, ...], tuple[float, ...]]:
    """The sentence with marks for its numbers, the numbers that can be compared, in order, and the others."""
    text = _LABEL.sub(" ", sentence)
    values: list[tuple[int, Value]] = []
    spans: list[tuple[int, int]] = []
    for dated in dates(text):
        values.append((dated.start, Value("date", "", float(dated.day.toordinal()))))
        spans.append((dated.start, dated.end))
    blanked = _blank(text, spans)
    read, found = readings(blanked)
    if read != blanked:  # "half an hour" became "30 minutes"; the places of dates moved with it
        text, spans = read, []
    found.sort(key=lambda reading: reading.start)
    labels: list[float] = []
    for n, reading in enumerate(found):
        unit = reading.quantity.unit
        later = found[n + 1] if n + 1 < len(found) else None
        if unit is None and later and _RANGE.fullmatch(read[reading.end : later.start]):
            unit = later.quantity.unit
        if unit is None:
            labels.append(reading.quantity.value)
        else:
            values.append((reading.start, _value(reading.quantity.value, unit, reading.quantity.bound)))
        spans.append((reading.start, reading.end))
    masked = _blank(text, spans)
    return " ".join(masked.split()), tuple(value for _, value in sorted(values, key=lambda row: row[0])), tuple(sorted(labels))


def _value(amount: float, unit: str, bound: str) -> Value:
    bound = "" if bound == "about" else bound
    if unit in _HOURS:
        return Value("time", bound, amount * _HOURS[unit])
    return Value(unit, bound, amount)


def _blank(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def is_short(statement: Statement) -> bool:
    """True if the sentence by itself hardly says what it is about: "It costs …", "We answer …", "Start date: …"."""
    if re.search(r"\w:(?: |$)", statement.masked):
        return True
    first = words(statement.text)[0]
    return first in _POINTING or (len(statement.terms) < 2 and first in FUNCTION_WORDS)
