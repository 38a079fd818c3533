"""Several turns split texts at the same time, and several sources are cut: each gets its own sentences."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from markdown_it import MarkdownIt

from knowledge.chunk import split
from knowledge.markdown_parser import markdown_parser
from knowledge.sentences import split_sentences
from knowledge.types import Audience, Document, DocumentId

TEXTS = [f"Guest no. {n} pays e.g. {n} euros. Is it {n}? Yes. Dr. Lee said so at {n} p.m. on day {n}." for n in range(300)]


@pytest.fixture(autouse=True)
def _many_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_do_not_mix_texts() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: split_sentences(text, "en"), TEXTS))
    wrong = [n for n, sentences in enumerate(found) if " ".join(sentences) != TEXTS[n]]
    assert wrong == []


def test_threads_that_come_first_at_the_same_time_lose_no_text() -> None:
    text = "# Fees\n\n- A *dog* costs `12`.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nMore."
    whole = [token.content for token in markdown_parser().parse(text)]
    together = threading.Barrier(4)
    for _ in range(100):
        parser = markdown_parser()

        def read(parser: MarkdownIt = parser) -> list[str]:
            together.wait(60)
            return [token.content for token in parser.parse(text)]

        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(read) for _ in range(4)]
        assert [one.result() for one in found] == [whole] * 4


def test_threads_do_not_mix_documents() -> None:
    bodies = [" ".join(TEXTS[n : n + 20]) for n in range(0, 200, 5)]
    documents = [Document(DocumentId(f"{n}"), "Fees", body, Audience.PUBLIC, "fees.md") for n, body in enumerate(bodies)]
    with ThreadPoolExecutor(8) as pool:
        cut = list(pool.map(split, documents))
    wrong = [n for n, passages in enumerate(cut) if " ".join(one.text for one in passages) != bodies[n]]
    assert wrong == []
