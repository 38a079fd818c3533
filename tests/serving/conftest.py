"""Tests against a real vLLM, which `make test-serving` sets up. Without CI_SERVING=1 nothing here is collected."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.checkpoint import build
from tests.serving.vllm_server import PYTHON, TOKENIZER, VllmServer, serving

if os.environ.get("CI_SERVING") != "1":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's folder."""
    assert PYTHON.exists(), "there is no .venv-serving; run `make test-serving`"
    return build(tmp_path_factory.mktemp("models") / "tiny-qwen3", TOKENIZER)


@pytest.fixture(scope="session")
def chat_server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """The tiny model with the arguments of Qwen3-8B-FP8, which say nothing of the weights' number format."""
    with serving("qwen3-8b-fp8", checkpoint, tmp_path_factory.mktemp("chat")) as server:
        yield server
