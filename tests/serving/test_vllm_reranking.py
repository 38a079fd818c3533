"""Reranking with the arguments of its profile, by a tiny model of the same architecture."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from knowledge.errors import RerankerUnavailable
from knowledge.rerank_vllm import INSTRUCTION, RerankerServer, VllmReranker
from tests.serving.vllm_server import TOKENIZER, VllmServer, serving

TEXTS = ["Check-in starts at three.", "The garage costs 8 EUR a day."]


@pytest.fixture(scope="module")
def reranker(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    with serving("qwen3-reranker-0.6b", checkpoint, tmp_path_factory.mktemp("rerank")) as server:
        yield server


def test_the_reranker_is_shown_what_its_card_says(reranker: VllmServer):
    """As many tokens as the text with the template around it has: without it there would be some seventy fewer."""
    with reranker.http() as client:
        body = {"model": "innkeeper-rerank", "query": "When?", "documents": TEXTS[:1], "instruction": INSTRUCTION}
        answer = client.post("/v1/rerank", json=body).json()
    (result,) = answer["results"]
    assert 0 < result["relevance_score"] < 1
    text = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. "
        f'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n<Instruct>: {INSTRUCTION}\n'
        f"<Query>: When?\n<Document>: {TEXTS[0]}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )
    tokens = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json")).encode(text).ids
    assert answer["usage"]["total_tokens"] == len(tokens)


def test_a_reranker_that_knows_nothing_is_found_out_by_our_client(reranker: VllmServer):
    client = VllmReranker(RerankerServer(f"{reranker.url}/v1", "innkeeper-rerank", timeout_s=120))
    try:
        with pytest.raises(RerankerUnavailable, match="wrong scores"):
            client.score("When can I check in?", TEXTS)
    finally:
        client.close()
