"""Rows of claims as the reader of pairs takes them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer
from tqdm import tqdm

from agent.grounding import claims
from agent.grounding.second_look import pair_of
from agent.grounding.wording import read
from knowledge.pair_input import Marked, PairInput, pair_input
from tests.bench.grounding.corruptions import changed_words
from tests.bench.grounding.rows import Row
from tests.bench.grounding.table import UNMARKED


@dataclass(frozen=True)
class Example:
    """A row and its input. `wrong` tells of each piece of the claim whether it is wrong: 1, 0, or -1 if that isn't known."""

    row: Row
    input: PairInput
    wrong: np.ndarray


def marked_row(row: Row) -> Marked:
    text = claims.bare(row.claim)
    return pair_of(text, row.question, row.source, row.source.region(read(text)), row.contexts)


def examples(rows: Sequence[Row], tokenizer: Tokenizer) -> list[Example]:
    found = []
    for row in tqdm(rows, "pairs", file=sys.stderr):
        pair = marked_row(row)
        given = pair_input(tokenizer, pair)
        if pair.claim_marks and pair.evidence_marks:
            found.append(Example(row, given, _wrong(row, pair.claim, given)))
    return found


def _wrong(row: Row, text: str, given: PairInput) -> np.ndarray:
    is_word = given.words >= 0
    if row.supported:
        return np.where(is_word, 0, -1)
    if row.kind in UNMARKED or not row.original:
        return np.full(len(is_word), -1)
    bad = np.array(sorted(changed_words(claims.bare(row.original), text)), np.int64)
    return np.where(is_word, np.isin(given.words, bad).astype(np.int64), -1)
