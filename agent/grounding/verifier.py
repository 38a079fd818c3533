"""The built-in verifier: which passage supports a claim, how surely, and if none, why not.

It needs no model that writes. What its rules find supported word for word is; for everything freer two
forests of small trees judge by words, order, what limits and turns round, and likeness. They are trained and measured by
`python -m tests.bench.train_grounding`, which says on what. Given a reader, it looks twice at what neither rules nor words
settle (`agent.grounding.second_look`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np

from agent.grounding import claims
from agent.grounding.alignment import Alignment, align, word_rows
from agent.grounding.features import claim_row
from agent.grounding.forest import Forest
from agent.grounding.leaning import leaning, speaks_of_question
from agent.grounding.passages import heading, title_of
from agent.grounding.pieces import Nearness, nearness
from agent.grounding.reply import ClaimFigures, reply_models
from agent.grounding.second_look import SecondLook
from agent.grounding.source import Region, Source, source_of
from agent.grounding.told import Told
from agent.grounding.types import WORD_FOR_WORD, Judgement, ReplyJudgement
from agent.grounding.vetoes import forbidden
from agent.grounding.wording import read
from agent.ports import Embedder, PairReader
from knowledge.types import Passage, TokenReader, Vectors

NOT_READ = "read beside the passages, they do not say it"


class BuiltInVerifier:
    """Rules first, then the forests, then a second look if there is a reader.

    `threshold`: from which probability a claim counts as supported.
    """

    def __init__(self, embedder: Embedder, threshold: float | None = None, reader: PairReader | None = None) -> None:
        self._embedder = embedder
        self._second_look = SecondLook(reader) if reader is not None else None
        self._weights = weights()
        self._threshold = self._weights.threshold if threshold is None else threshold

    def verify(self, question: str, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        """See `Verifier`.

        Raises:
            EmbeddingUnavailable: the model is missing or broken.
        """
        return self.judge(question, sentences, source_of(passages), [heading(p) for p in passages])

    def verify_reply(self, question: str, reply: str, sentences: Sequence[str], passages: Sequence[Passage]) -> ReplyJudgement:
        """See `ReplyVerifier`; of no sentences, or none that can be compared with a passage, the probability is 0.

        Raises:
            EmbeddingUnavailable: the model is missing or broken.
        """
        source, headings = source_of(passages), [heading(p) for p in passages]
        laid = self._laid(question, sentences, source, reads_pieces=True)
        chance = reply_models().chance(Told(reply, question, "\n".join((*headings, source.text))), laid.figures)
        return ReplyJudgement(tuple(self._judgements(question, laid, source, headings)), chance)

    def judge(self, question: str, sentences: Sequence[str], source: Source, contexts: Sequence[str]) -> list[Judgement]:
        """The same as `verify` for passages that are read already. `contexts` are their titles and headings."""
        return self._judgements(question, self._laid(question, sentences, source), source, contexts)

    def _laid(self, question: str, sentences: Sequence[str], source: Source, *, reads_pieces: bool = False) -> "_Laid":
        texts = [claims.bare(sentence) for sentence in sentences]
        regions = [source.region(read(text)) for text in texts]
        # Before their vectors are asked for, which come out of the same run of the model.
        pieces = self._pieces(texts, regions, source) if reads_pieces else [None] * len(texts)
        near = Likeness(self._embedder, question, texts, source, regions)
        aligned = [aligned_claim(text, question, source, region, near) for text, region in zip(texts, regions, strict=True)]
        found = self._weights.figures(texts, aligned, [near.to_question(text) for text in texts])
        figures = [replace(one, pieces=own) if one else None for one, own in zip(found, pieces, strict=True)]
        return _Laid(texts, regions, aligned, figures, near)

    def _pieces(self, texts: Sequence[str], regions: Sequence[Region | None], source: Source) -> list[Nearness | None]:
        """None for each claim if the embedder is not the one whose pieces the model of replies knows."""
        reader = self._embedder
        if isinstance(reader, TokenReader) and reader.token_model() == reply_models().token_model:
            return claim_pieces(reader, texts, regions, source)
        return [None] * len(texts)

    def _judgements(self, question: str, laid: "_Laid", source: Source, contexts: Sequence[str]) -> list[Judgement]:
        judged = [
            self._judged(text, one, found.chance if found else 0.0, contexts, laid.near)
            for text, one, found in zip(laid.texts, laid.aligned, laid.figures, strict=True)
        ]
        asked = [
            (text, region) for text, region, one in zip(laid.texts, laid.regions, judged, strict=True) if one.is_open and region
        ]
        if self._second_look is not None and asked:
            first = [one.probability for one in judged if one.is_open]
            again = iter(self._second_look.chances(question, asked, source, contexts, first))
            judged = [self._looked_again(one, next(again)) if one.is_open else one for one in judged]
        titles = [title_of(context) for context in contexts]
        return leaning(laid.texts, judged, titles, bool(laid.aligned) and speaks_of_question(laid.aligned[0]))

    def _looked_again(self, first: Judgement, chance: float) -> Judgement:
        supported = chance >= self._threshold
        return replace(first, supported=supported, probability=chance, reason="" if supported else first.reason or NOT_READ)

    def _judged(
        self, text: str, aligned: Alignment | None, chance: float, contexts: Sequence[str], near: "Likeness"
    ) -> Judgement:
        if aligned is None:
            return Judgement(False, 0.0, reason=claims.NO_CLAIM)
        region, source = aligned.region, aligned.source
        context = contexts[region.passage]
        article = source.article(contexts, region.passage)
        if not claims.is_claim(text, article):
            return Judgement(False, 0.0, reason=claims.NO_CLAIM)
        passage = [(n, s.text) for n, s in enumerate(source.sentences) if s.passage == region.passage]
        sentences = [sentence for _, sentence in passage]
        likeness = near.within(text, region, passage)
        strict = claims.check(text, context, sentences, likeness)
        if strict.supported:
            return Judgement(True, max(chance, WORD_FOR_WORD), region.passage, sentences[strict.sentence])
        if reason := forbidden(text, region, context, " ".join(sentences), article):
            return Judgement(False, min(chance, 1 - WORD_FOR_WORD), region.passage, region.text, reason)
        supported = chance >= self._threshold
        reason = "" if supported else strict.reason
        is_open = supported or strict.reason in (claims.FREER, claims.FARTHER)
        return Judgement(supported, chance, region.passage, region.text, reason, is_open)


@dataclass(frozen=True)
class _Laid:
    """The claims of a reply over their regions, and in figures; None where there is nothing to lay one over."""

    texts: list[str]
    regions: list[Region | None]
    aligned: list[Alignment | None]
    figures: list[ClaimFigures | None]
    near: "Likeness"


class Likeness:
    """Cosine similarities among question, claims and the sentences of their regions; each text is embedded once."""

    def __init__(
        self, embedder: Embedder, question: str, texts: Sequence[str], source: Source, regions: Sequence[Region | None]
    ) -> None:
        found = [s.text for r in regions if r is not None for s in source.sentences[r.first : r.end]]
        wanted = [t for t in dict.fromkeys([*([question] if question.strip() else []), *texts, *found]) if t.strip()]
        self._question = question
        self._vectors = dict(zip(wanted, embedder.embed(wanted), strict=True))

    def to_question(self, text: str) -> float:
        """Of a claim to the question; 0 without one."""
        known = self._question in self._vectors and text in self._vectors
        return float(self._vectors[text] @ self._vectors[self._question]) if known else 0.0

    def to_each(self, text: str, sentences: Sequence[str]) -> Vectors:
        """Of a claim to each sentence of its region, float32 [n]."""
        return np.array([self._vectors[s] @ self._vectors[text] for s in sentences], np.float32)

    def within(self, text: str, region: Region, passage: Sequence[tuple[int, str]]) -> Vectors:
        """The same over a whole passage, float32 [n]; a sentence outside of the region is like nothing (-1)."""
        own = self._vectors[text]
        return np.array([self._vectors[s] @ own if region.first <= n < region.end else -1.0 for n, s in passage], np.float32)


def claim_pieces(
    reader: TokenReader, texts: Sequence[str], regions: Sequence[Region | None], source: Source
) -> list[Nearness | None]:
    """Of each claim its pieces beside those of its region, each text read once; None where there is nothing to compare."""
    beside = [
        [s.text for s in source.sentences[r.first : r.end]] if r and t.strip() else []
        for t, r in zip(texts, regions, strict=True)
    ]
    wanted = list(dict.fromkeys(one for text, there in zip(texts, beside, strict=True) if there for one in (text, *there)))
    states = dict(zip(wanted, reader.token_states(wanted), strict=True))
    return [
        nearness((text, states[text]), [(one, states[one]) for one in there]) if there else None
        for text, there in zip(texts, beside, strict=True)
    ]


def aligned_claim(text: str, question: str, source: Source, region: Region | None, near: Likeness) -> Alignment | None:
    """A claim over its region; None if there is nothing to lay it over."""
    if region is None or not read(text):
        return None
    likeness = float(near.to_each(text, [s.text for s in source.sentences[region.first : region.end]]).max())
    return align(read(text), source, region, frozenset(word.stem for word in read(question)), likeness)


@dataclass(frozen=True)
class Weights:
    """What has been trained: a forest for words, one for claims that also reads what the first says of their words."""

    words: Forest
    claims: Forest
    threshold: float

    def figures(
        self, texts: Sequence[str], aligned: Sequence[Alignment | None], to_question: Sequence[float]
    ) -> list[ClaimFigures | None]:
        """Each claim in figures, with the probability that it is supported; None where there was nothing to compare it with."""
        at = [n for n, one in enumerate(aligned) if one is not None]
        kept = [one for one in aligned if one is not None]
        told = [word_rows(one)[0] for one in kept]
        wrong = iter(self.words.chances([row for rows in told for row in rows]))
        doubts = [word_doubts([float(next(wrong)) for _ in rows]) for rows in told]
        rows = [claim_row(texts[n], one, to_question[n]) for n, one in zip(at, kept, strict=True)]
        chances = self.claims.chances([[*row, *d] for row, d in zip(rows, doubts, strict=True)])
        found = {n: ClaimFigures(row, float(chance)) for n, row, chance in zip(at, rows, chances, strict=True)}
        return [found.get(n) for n in range(len(texts))]


def word_doubts(wrong: Sequence[float]) -> list[float]:
    """What the words of a claim say together: the worst, the second, the three worst, the mean of their chances to be wrong."""
    worst = sorted(wrong, reverse=True)
    if not worst:
        return [0.0] * 4
    return [worst[0], worst[1] if len(worst) > 1 else 0.0, sum(worst[:3]), sum(worst) / len(worst)]


@cache
def weights() -> Weights:
    """What ships, in `weights.npz` and `weights.json`."""
    folder = resources.files("agent.grounding")
    with resources.as_file(folder / "weights.npz") as path, np.load(path, allow_pickle=False) as stored:
        told = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
        return Weights(Forest.read(stored, "words"), Forest.read(stored, "claims"), float(told["threshold"]))
