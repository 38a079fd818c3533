"""A knowledge base with the real model, and child processes on the same folder."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from tests.integration.knowledge.help_centre import ARTICLES, put
from tests.integration.knowledge.web_site import WebSite, serving
from tests.integration.knowledge.word_reranker import word_reranker

REPOSITORY = Path(__file__).parents[3]
CHILD = Path(__file__).with_name("child.py")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name, text in ARTICLES.items():
        put(tmp_path / "docs", name, text)
    return tmp_path / "docs"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="session")
def word_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cross-encoder that likes texts with the query's words."""
    return word_reranker(tmp_path_factory.mktemp("rerankers") / "words")


@pytest.fixture
def base(data: Path, embedder: SentenceTransformerEmbedder) -> Iterator[KnowledgeBase]:
    base = KnowledgeBase(KnowledgeSettings(data), embedder)
    yield base
    base.close()


@pytest.fixture
def child() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts child.py with these arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, str(CHILD), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def web() -> Iterator[WebSite]:
    with serving() as site:
        yield site


@pytest.fixture
def other() -> Iterator[WebSite]:
    """A second web server."""
    with serving() as site:
        yield site
