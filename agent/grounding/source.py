"""The passages that a reply is checked against, read once: sentences, their words, and where each word stands. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from agent.grounding.passages import heading, passage_sentences, title_of
from agent.grounding.wording import Word, read
from knowledge.types import Passage

LONGEST = 3
"""A claim may rest on so many sentences in a row."""
_MORE = 0.04
"""Each further sentence must bring more than this."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a passage. `passage` is the passage's place among those given."""

    text: str
    words: tuple[Word, ...]
    stems: frozenset[str]
    passage: int


@dataclass(frozen=True, slots=True)
class Region:
    """The sentences in a row that are most like a claim. `first` and `end` are places among the source's sentences."""

    first: int
    end: int
    words: tuple[Word, ...]
    stems: frozenset[str]
    passage: int
    text: str


@dataclass(frozen=True)
class Source:
    """What is known. `places` maps a stem to (sentence, word) pairs; `headings` are stems, by passage."""

    sentences: tuple[Sentence, ...]
    headings: tuple[frozenset[str], ...]
    stems: frozenset[str]
    places: Mapping[str, tuple[tuple[int, int], ...]]
    pairs: frozenset[tuple[str, str]]
    triples: frozenset[tuple[str, str, str]]

    @cached_property
    def text(self) -> str:
        """All sentences, a line each."""
        return "\n".join(sentence.text for sentence in self.sentences)

    def article(self, contexts: Sequence[str], passage: int) -> str:
        """The text of all passages of one passage's article, with their headings.

        Args:
            contexts: title and headings of each passage.
            passage: the place of one among them.
        """
        own = [place for place, other in enumerate(contexts) if title_of(other) == title_of(contexts[passage])]
        return ". ".join((*(contexts[n] for n in own), *(s.text for s in self.sentences if s.passage in own)))

    def region(self, claim: Sequence[Word]) -> Region | None:
        """The sentences that a claim most likely rests on; None if there are none."""
        return self.regions([claim])[0]

    def regions(self, claims: Sequence[Sequence[Word]]) -> list[Region | None]:
        """The same for each of several claims, in less time than one after the other.

        By the share of its words that they have, facts above all, and of its pairs of neighbours.
        """
        asked = [_Asked.of(claim) for claim in claims]
        best: list[Region | None] = [None] * len(asked)
        top = [-1.0] * len(asked)
        # Not kept: all runs of a few long passages take megabytes.
        for region in self._runs() if asked else ():
            pairs = set(pairs_of(region.words))
            for n, one in enumerate(asked):
                if (shared := one.shared_with(region, pairs)) > top[n]:
                    best[n], top[n] = region, shared
        return best

    def _runs(self) -> Iterator[Region]:
        for first, opening in enumerate(self.sentences):
            for end in range(first + 1, min(first + LONGEST, len(self.sentences)) + 1):
                run = self.sentences[first:end]
                if run[-1].passage != opening.passage:
                    break
                words = tuple(word for sentence in run for word in sentence.words)
                stems = frozenset(word.stem for word in words)
                yield Region(first, end, words, stems, opening.passage, " ".join(sentence.text for sentence in run))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A claim whose region is looked for."""

    facts: tuple[Word, ...]
    weight: float
    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]

    @staticmethod
    def of(claim: Sequence[Word]) -> "_Asked":
        facts = tuple(word for word in claim if word.is_fact)
        weight = sum(word.weight for word in facts) or 1.0
        return _Asked(facts, weight, frozenset(word.stem for word in claim), frozenset(pairs_of(claim)))

    def shared_with(self, region: Region, pairs: set[tuple[str, str]]) -> float:
        """How much of the claim a region has, whose pairs of neighbours are given; less for each of its sentences."""
        shared = sum(word.weight for word in self.facts if word.stem in region.stems) / self.weight
        shared += 0.3 * len(self.stems & region.stems) / max(1, len(self.stems))
        shared += 0.5 * len(self.pairs & pairs) / max(1, len(self.pairs))
        return shared - _MORE * (region.end - region.first)


def source_of(passages: Sequence[Passage]) -> Source:
    """Read passages, best first."""
    return _source(tuple((heading(passage), tuple(passage_sentences(passage))) for passage in passages))


def source_of_texts(passages: Sequence[Sequence[str]]) -> Source:
    """The same for passages without a heading, each a list of its sentences."""
    return _source(tuple(("", tuple(sentences)) for sentences in passages))


@lru_cache(maxsize=32)
def _source(passages: tuple[tuple[str, tuple[str, ...]], ...]) -> Source:
    sentences = tuple(
        Sentence(text, words, frozenset(word.stem for word in words), place)
        for place, (_, texts) in enumerate(passages)
        for text in texts
        if (words := read(text))
    )
    headings = tuple(frozenset(word.stem for word in read(above)) for above, _ in passages)
    places: dict[str, list[tuple[int, int]]] = {}
    for at, sentence in enumerate(sentences):
        for n, word in enumerate(sentence.words):
            places.setdefault(word.stem, []).append((at, n))
    return Source(
        sentences=sentences,
        headings=headings,
        stems=frozenset(places).union(*headings),
        places={stem: tuple(found) for stem, found in places.items()},
        pairs=frozenset(pair for sentence in sentences for pair in pairs_of(sentence.words)),
        triples=frozenset(triple for sentence in sentences for triple in triples_of(sentence.words)),
    )


def pairs_of(words: Sequence[Word]) -> list[tuple[str, str]]:
    """The stems of neighbours."""
    return [(a.stem, b.stem) for a, b in pairwise(words)]


def triples_of(words: Sequence[Word]) -> list[tuple[str, str, str]]:
    """The stems of three in a row."""
    return [(a.stem, b.stem, c.stem) for a, b, c in zip(words, words[1:], words[2:], strict=False)]
