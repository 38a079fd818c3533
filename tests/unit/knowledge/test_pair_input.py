from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from knowledge.pair_input import MOST, MOST_CLAIM, Mark, Marked, PairInput, pair_input
from knowledge.pair_reader import folder


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(Path(folder()) / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


def marks(text: str, flag: int) -> tuple[Mark, ...]:
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        found.append(Mark(at, at + len(word), flag))
        at += len(word)
    return tuple(found)


def given(tokenizer: Tokenizer, claim: str, evidence: str, same: tuple[tuple[int, int], ...] = ()) -> PairInput:
    return pair_input(tokenizer, Marked(claim, evidence, marks(claim, 3), marks(evidence, 5), same, ()))


def test_every_piece_of_a_word_carries_its_mark(tokenizer: Tokenizer) -> None:
    found = given(tokenizer, "Zwiebelkuchen", "no such place")
    pieces = int((found.words == 0).sum())
    assert pieces > 1
    assert found.flags.tolist() == [0, *[3] * pieces, 0, 5, 5, 5, 0]
    assert found.segments.tolist() == [0] * (pieces + 2) + [1] * 4


def test_paired_words_see_each_other_both_ways(tokenizer: Tokenizer) -> None:
    alike = given(tokenizer, "a fee", "the fee", ((1, 1),)).likeness()
    assert np.argwhere(alike[0]).tolist() == [[2, 5], [5, 2]]
    assert not alike[1].any()


def test_long_texts_are_cut_and_so_are_their_pairs(tokenizer: Tokenizer) -> None:
    found = given(tokenizer, "fee " * 200, "cost " * 200, ((0, 0), (199, 199)))
    assert len(found.ids) == MOST
    assert int((found.words >= 0).sum()) == MOST_CLAIM
    assert found.same.tolist() == [[1, MOST_CLAIM + 2]]
