"""Vectors of the same texts are made once for all processes of a data folder, and never taken from a file that is not sound."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from knowledge.kept_vectors import FOLDER, MOST_FILES, KeptVectors
from knowledge.types import Vectors

TEXTS = ("a refund, please", "I want my money back", "Ünïcode – 退款")


class Counting:
    """Embeds by length and first letter, and counts."""

    def __init__(self, name: str = "model:1") -> None:
        self.name = name
        self.calls: list[tuple[str, ...]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(tuple(texts))
        rows = [(len(text), ord(text[0]), len(self.name), 1 / 3) for text in texts]
        return np.array(rows, np.float32) if rows else np.zeros((0, 0), np.float32)

    embed_queries = embed

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        raise AssertionError("passages are kept in the index")


def test_a_second_process_reads_what_the_first_has_made(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    made = KeptVectors(first, tmp_path).embed(TEXTS)
    read = KeptVectors(second, tmp_path).embed(TEXTS)
    assert (first.calls, second.calls) == ([TEXTS], [])
    assert read.dtype == np.float32
    assert np.array_equal(made, read)
    assert np.array_equal(read, Counting().embed(TEXTS))


@pytest.mark.parametrize("texts", [TEXTS[:2], TEXTS[::-1], (*TEXTS, "more"), ("".join(TEXTS),), (TEXTS[0], "".join(TEXTS[1:]))])
def test_other_texts_are_made_anew(tmp_path: Path, texts: tuple[str, ...]) -> None:
    KeptVectors(Counting(), tmp_path).embed(TEXTS)
    other = Counting()
    assert np.array_equal(KeptVectors(other, tmp_path).embed(texts), Counting().embed(texts))
    assert other.calls == [texts]


def test_another_model_makes_its_own(tmp_path: Path) -> None:
    KeptVectors(Counting(), tmp_path).embed(TEXTS)
    other = Counting("model:12")
    assert KeptVectors(other, tmp_path).embed(TEXTS)[0, 2] == len("model:12")
    assert other.calls == [TEXTS]


@pytest.mark.parametrize("what", ["empty", "cut", "flipped", "shorter", "wider", "folder"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, what: str) -> None:
    sound = KeptVectors(Counting(), tmp_path).embed(TEXTS)
    [path] = (tmp_path / FOLDER).iterdir()
    whole = path.read_bytes()
    if what == "empty":
        path.write_bytes(b"")
    elif what == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif what == "flipped":
        place = whole.index(sound.tobytes()) + 1
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    elif what == "shorter":
        with path.open("wb") as file:
            np.savez(file, vectors=sound[:2])
    elif what == "wider":
        with path.open("wb") as file:
            np.savez(file, vectors=sound.astype(np.float64))
    else:
        path.unlink()
        path.mkdir()
    again = Counting()
    assert np.array_equal(KeptVectors(again, tmp_path).embed(TEXTS), sound)
    assert again.calls == [TEXTS]
    if what != "folder":
        assert path.read_bytes() == whole


def test_a_flipped_bit_anywhere_gives_no_other_vectors(tmp_path: Path) -> None:
    sound = KeptVectors(Counting(), tmp_path).embed(TEXTS)
    [path] = (tmp_path / FOLDER).iterdir()
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 128):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            assert np.array_equal(KeptVectors(Counting(), tmp_path).embed(TEXTS), sound), (place, bit)


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    model = Counting()
    for _ in range(2):
        assert np.array_equal(KeptVectors(model, tmp_path).embed(TEXTS), Counting().embed(TEXTS))
    assert model.calls == [TEXTS, TEXTS]


def test_no_texts_have_no_file(tmp_path: Path) -> None:
    assert KeptVectors(Counting(), tmp_path).embed(()).shape == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_only_the_files_used_last_stay(tmp_path: Path) -> None:
    model = Counting()
    kept = KeptVectors(model, tmp_path)
    kept.embed(TEXTS)
    for number in range(2 * MOST_FILES):
        for path in (tmp_path / FOLDER).iterdir():
            os.utime(path, (number, number))
        kept.embed(TEXTS)  # in use all the time
        kept.embed((f"pack {number}",))
    assert len(list((tmp_path / FOLDER).iterdir())) == MOST_FILES
    assert model.calls.count(TEXTS) == 1


def test_many_at_once_get_the_same(tmp_path: Path) -> None:
    def one(_: int) -> Vectors:
        return KeptVectors(Counting(), tmp_path).embed(TEXTS)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(64)))
    assert all(np.array_equal(vectors, Counting().embed(TEXTS)) for vectors in found)
    assert [path.suffix for path in (tmp_path / FOLDER).iterdir()] == [".npz"]
