"""One claim against its source in figures, for the forest that tells supported from not. Pure."""

from agent.grounding.alignment import Alignment
from agent.grounding.source import Source, pairs_of, triples_of
from agent.grounding.wording import Kind, Word

FEATURES = (
    *("words_known", "pairs_known", "triples_known", "run_density", "in_order", "order_kept"),
    *("facts_known", "facts_in_region", "region_told"),
    *("negations_differ", "negations_left_out", "negations_added", "bounds_cut_off"),
    *("unknown_words", "unknown_facts", "unknown_names", "unknown_numbers", "unknown_function"),
    *("before_first", "after_last", "is_question", "of_itself", "is_yes_no", "words", "in_question"),
)
YES_NO = frozenset({"yes", "no", "yeah", "yep", "nope", "sure", "absolutely", "right", "exactly", "indeed", "oh", "well", "true"})
_TAIL = 12


def claim_row(text: str, aligned: Alignment) -> list[float]:
    """The row of `FEATURES` for one claim.

    Args:
        text: the claim.
        aligned: the claim over the region that it most likely rests on.
    """
    claim, source = aligned.claim, aligned.source
    return [
        *_known(claim, source),
        _density(aligned),
        aligned.same / max(1, len(claim)),
        aligned.same / max(1, sum(word.stem in aligned.region.stems for word in claim)),
        _weight_known(claim, source.stems),
        _weight_known(claim, aligned.region.stems | source.headings[aligned.region.passage]),
        _told(aligned),
        *_turned(aligned),
        *_unknown(claim, source),
        *_ends(claim, source),
        float("?" in text),
        float(sum(word.kind is Kind.SELF for word in claim)),
        float(bool(claim) and claim[0].text in YES_NO),
        float(len(claim)),
        sum(word.is_fact and word.stem in aligned.question for word in claim) / max(1, sum(word.is_fact for word in claim)),
    ]


def _known(claim: tuple[Word, ...], source: Source) -> list[float]:
    pairs, triples = pairs_of(claim), triples_of(claim)
    words = sum(word.stem in source.stems for word in claim) / max(1, len(claim))
    two = sum(pair in source.pairs for pair in pairs) / len(pairs) if pairs else words
    return [words, two, sum(t in source.triples for t in triples) / len(triples) if triples else two]


def _density(aligned: Alignment) -> float:
    """Mean of the squared lengths of what is the same (Grusky et al., "Newsroom", 2018: extractive fragment density)."""
    return sum(edit.equal**2 for edit in aligned.edits) / max(1, len(aligned.claim))


def _weight_known(claim: tuple[Word, ...], stems: frozenset[str]) -> float:
    facts = [word for word in claim if word.is_fact]
    whole = sum(word.weight for word in facts)
    return sum(word.weight for word in facts if word.stem in stems) / whole if facts else 1.0


def _told(aligned: Alignment) -> float:
    """Share of the region that the claim tells."""
    told = {word.stem for word in aligned.claim}
    return sum(word.stem in told for word in aligned.region.words) / max(1, len(aligned.region.words))


def _turned(aligned: Alignment) -> list[float]:
    """Negations: the difference, those left out, those added; bounds just outside of what the claim shares."""
    there = sorted(aligned.matched.values())
    added = sum(word.kind is Kind.NEGATION for n, word in enumerate(aligned.claim) if n not in aligned.matched)
    if not there:
        return [float(added), 0.0, float(added), 0.0]
    words, told = aligned.region.words, {word.stem for word in aligned.claim}
    inside = sum(word.kind is Kind.NEGATION for word in words[there[0] : there[-1] + 1])
    here = sum(word.kind is Kind.NEGATION for word in aligned.claim)
    left_out = sum(word.kind is Kind.NEGATION for word in aligned.left_out())
    outside = (*words[max(0, there[0] - _TAIL) : there[0]], *words[there[-1] + 1 : there[-1] + 1 + _TAIL])
    cut = sum(word.kind is Kind.BOUND and word.stem not in told for word in outside)
    return [float(abs(here - inside)), float(left_out), float(added), float(cut)]


def _unknown(claim: tuple[Word, ...], source: Source) -> list[float]:
    unknown = [word for word in claim if word.stem not in source.stems]
    kinds = (Kind.CONTENT, Kind.NAME, Kind.NUMBER)
    return [
        float(len(unknown)),
        *(float(sum(word.kind is kind for word in unknown)) for kind in kinds),
        float(sum(not word.is_fact for word in unknown)),
    ]


def _ends(claim: tuple[Word, ...], source: Source) -> list[float]:
    """Words before the first and after the last fact that the source knows."""
    known = [n for n, word in enumerate(claim) if word.is_fact and word.stem in source.stems]
    return [float(known[0]), float(len(claim) - 1 - known[-1])] if known else [float(len(claim))] * 2
