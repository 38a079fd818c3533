"""Embedding with the arguments of its profile, by a tiny model of the same architecture."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.vllm_server import VllmServer, serving

TEXTS = ["Check-in starts at three.", "The garage costs 8 EUR a day."]


@pytest.fixture(scope="module")
def embedder(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    with serving("qwen3-embedding-0.6b", checkpoint, tmp_path_factory.mktemp("embed")) as server:
        yield server


def test_embeddings_are_of_length_one_also_when_fewer_dimensions_are_asked_for(embedder: VllmServer):
    with embedder.http() as client:
        for size, more in ((64, {}), (32, {"dimensions": 32})):
            response = client.post("/v1/embeddings", json={"model": "innkeeper-embed", "input": TEXTS, **more})
            assert response.status_code == 200, response.text
            rows = [row["embedding"] for row in response.json()["data"]]
            assert [len(row) for row in rows] == [size, size]
            assert all(math.isclose(math.hypot(*row), 1, abs_tol=1e-2) for row in rows)
