"""What every embedder promises, over the real models."""

import threading

import numpy as np
import pytest

from knowledge.embed import SentenceTransformerEmbedder
from knowledge.embed_both import BothEmbedder
from knowledge.embed_e5 import E5Embedder
from knowledge.types import Embedder

pytestmark = pytest.mark.slow

ODD = [
    "",
    " \n\t",
    "\0",
    "before\0after",
    "\ud800 lone surrogate",
    "e\u0301 ﬁ ① ｆｕｌｌ",
    "\u202eright to left\u202c",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\ufdfa" * 5_000,
    "a\u0301" * 5_000,
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "\U0010ffff",
    "取消预订",
    "word " * 100_000,
    "x" * 200_000,
]


@pytest.fixture(scope="module", params=["minilm", "e5", "both"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    english, multilingual = SentenceTransformerEmbedder(threads=1), E5Embedder(threads=1)
    made: dict[str, Embedder] = {"minilm": english, "e5": multilingual, "both": BothEmbedder(english, multilingual)}
    return made[request.param]


def test_rows_are_float32_of_length_one(embedder: Embedder) -> None:
    for found in (embedder.embed(["dogs", "keys", "refunds"]), embedder.embed_queries(["dogs", "keys", "refunds"])):
        assert found.dtype == np.float32
        assert found.shape == (3, embedder.embed(["another"]).shape[1])
        assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_no_texts_are_no_rows(embedder: Embedder) -> None:
    assert len(embedder.embed([])) == len(embedder.embed_queries([])) == 0


def test_rows_stand_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = ["a very long sentence about a refund that takes two weeks", "dogs", "keys", "dogs"]
    together = embedder.embed(texts)
    alone = np.stack([embedder.embed([text])[0] for text in texts])
    assert (together * alone).sum(axis=1) == pytest.approx(np.ones(4), abs=1e-3)
    assert (together[1] == together[3]).all()


def test_the_same_text_has_the_same_vector_in_another_instance() -> None:
    text = "Kann ich vor der Anreise stornieren?"
    assert (E5Embedder(threads=1).embed_queries([text]) == E5Embedder(threads=1).embed_queries([text])).all()


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:12]))
def test_odd_texts_have_vectors(embedder: Embedder, text: str) -> None:
    for found in (embedder.embed([text]), embedder.embed_queries([text])):
        assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-5)


def test_question_is_nearest_to_its_passage(embedder: Embedder) -> None:
    passages = embedder.embed(["Each dog costs 4 euros per night.", "A lost key costs 35 euros.", "The password is on a card."])
    asked = embedder.embed_queries(["How much is it to bring my dog?"])[0]
    assert int(np.argmax(passages @ asked)) == 0


def test_threads_may_share_one(embedder: Embedder) -> None:
    texts = [f"question number {n} about dogs" for n in range(8)]
    found: dict[str, np.ndarray] = {}
    threads = [threading.Thread(target=lambda t=text: found.update({t: embedder.embed_queries([t])[0]})) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (np.stack([found[text] for text in texts]) == embedder.embed_queries(texts)).all()


def test_names_differ() -> None:
    english, multilingual = SentenceTransformerEmbedder(), E5Embedder()
    names = {english.name, multilingual.name, BothEmbedder(english, multilingual).name}
    assert len(names) == 3
