"""The built-in verifier: which passage supports a claim, how surely, and if none, why not.

It needs no model that writes. What its rules find supported word for word is; for everything freer two
forests of small trees judge by words, order, what limits and turns round. They are trained and measured by
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
from agent.grounding.likeness import Likeness
from agent.grounding.passages import heading, title_of
from agent.grounding.pieces import Nearness, nearness
from agent.grounding.reply import ClaimFigures, reply_models
from agent.grounding.reported import only_reported
from agent.grounding.second_look import SecondLook
from agent.grounding.source import Region, Source, source_of
from agent.grounding.told import Told
from agent.grounding.types import WORD_FOR_WORD, Judgement, ReplyJudgement
from agent.grounding.vetoes import forbidden
from agent.grounding.wording import read
from agent.ports import Embedder, PairReader
from knowledge.types import Passage, TokenReader

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
        laid = self._laid(question, sentences, source, for_reply=True)
        chance = reply_models().chance(Told(reply, question, "\n".join((*headings, source.text))), laid.figures)
        return ReplyJudgement(tuple(self._judgements(question, laid, source, headings)), chance)

    def judge(self, question: str, sentences: Sequence[str], source: Source, contexts: Sequence[str]) -> list[Judgement]:
        """The same as `verify` for passages that are read already. `contexts` are their titles and headings."""
        return self._judgements(question, self._laid(question, sentences, source), source, contexts)

    def _laid(self, question: str, sentences: Sequence[str], source: Source, *, for_reply: bool = False) -> "_Laid":
        texts = [claims.bare(sentence) for sentence in sentences]
        regions = source.regions([read(text) for text in texts])
        near = Likeness(self._embedder)
        aligned = [aligned_claim(text, question, source, region) for text, region in zip(texts, regions, strict=True)]
        figures = self._weights.figures(texts, aligned)
        if for_reply:
            # Pieces before vectors, which come out of the same run of the model.
            pieces = self._pieces(texts, regions, source)
            beside = [[s.text for s in source.sentences[r.first : r.end]] if r else [] for r in regions]
            near.prepare([*texts, *(s for there in beside for s in there), question])
            figures = [
                replace(one, near=near.to_region_and_question(text, there, question), pieces=own) if one else None
                for one, text, there, own in zip(figures, texts, beside, pieces, strict=True)
            ]
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

    def _judged(self, text: str, aligned: Alignment | None, chance: float, contexts: Sequence[str], near: Likeness) -> Judgement:
        if aligned is None:
            return Judgement(False, 0.0, reason=claims.NO_CLAIM)
        region, source = aligned.region, aligned.source
        context = contexts[region.passage]
        article = source.article(contexts, region.passage)
        if not claims.is_claim(text, article):
            return Judgement(False, 0.0, reason=claims.NO_CLAIM)
        passage = [(n, s.text) for n, s in enumerate(source.sentences) if s.passage == region.passage]
        sentences = [sentence for _, sentence in passage]
        strict = claims.check(text, context, sentences, lambda: near.within(text, region, passage))
        before = passage[0][0]
        places = (strict.sentence, strict.sentence + 1) if strict.supported else (region.first - before, region.end - before)
        if reason := only_reported(text, sentences, *places):
            return Judgement(False, min(chance, 1 - WORD_FOR_WORD), region.passage, region.text, reason)
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
    near: Likeness


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


def aligned_claim(text: str, question: str, source: Source, region: Region | None) -> Alignment | None:
    """A claim over its region; None if there is nothing to lay it over."""
    if region is None or not read(text):
        return None
    return align(read(text), source, region, frozenset(word.stem for word in read(question)))


@dataclass(frozen=True)
class Weights:
    """What has been trained: a forest for words, one for claims that also reads what the first says of their words."""

    words: Forest
    claims: Forest
    threshold: float

    def figures(self, texts: Sequence[str], aligned: Sequence[Alignment | None]) -> list[ClaimFigures | None]:
        """Each claim in figures, with the probability that it is supported; None where there was nothing to compare it with."""
        at = [n for n, one in enumerate(aligned) if one is not None]
        kept = [one for one in aligned if one is not None]
        told = [word_rows(one)[0] for one in kept]
        wrong = iter(self.words.chances([row for rows in told for row in rows]))
        doubts = [word_doubts([float(next(wrong)) for _ in rows]) for rows in told]
        rows = [claim_row(texts[n], one) for n, one in zip(at, kept, strict=True)]
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
