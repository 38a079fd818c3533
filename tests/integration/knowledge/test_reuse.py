"""What is embedded when a document changes, and that the index is the same as if all of it had been embedded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.types import Audience, Embedder, Query, Vectors
from tests.embedders import Wrapped
from tests.integration.knowledge.help_centre import put
from tests.integration.knowledge.stored import assert_same, stored_in

pytestmark = pytest.mark.slow
HEAD = "---\nid: house\ntitle: The house\nlanguage: en\nasked:\n  - may I sleep in number 3\n  - who has the key\n---\n"
SECTIONS = [
    f"## Room {n}\n\nRoom {n} has {n} windows, {n} doors and a lamp on each of its tables, and it costs {90 + n} euros a night."
    for n in range(12)
]
WORDS = ("room", "windows", "attic")


class Recorder(Wrapped):
    """Embeds with a real model and keeps what it was asked for."""

    def __init__(self, model: Embedder) -> None:
        super().__init__(model)
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return self._model.embed(texts)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        self.texts += [text for _, text in passages]
        return self._model.embed_passages(passages)


@pytest.fixture
def recorder(embedder: Embedder) -> Recorder:
    return Recorder(embedder)


@pytest.fixture
def base(data: Path, docs: Path, recorder: Recorder) -> Iterator[KnowledgeBase]:
    """Holds a long article, and has forgotten what it embedded."""
    base = KnowledgeBase(KnowledgeSettings(data), recorder)
    put(docs, "house", article(SECTIONS))
    base.sync([docs])
    recorder.texts.clear()
    yield base
    base.close()


def article(sections: Sequence[str], head: str = HEAD) -> str:
    return head + "\n\n".join(sections) + "\n"


def assert_as_if_new(base: KnowledgeBase, docs: Path, data: Path, embedder: Embedder) -> None:
    """The index holds what one holds that was built of these files at once."""
    base.close()
    fresh = KnowledgeBase(KnowledgeSettings(data.with_name("fresh")), embedder)
    fresh.sync([docs])
    fresh.close()
    assert_same(stored_in(data, WORDS), stored_in(data.with_name("fresh"), WORDS))


def test_of_a_changed_article_only_changed_passages_are_embedded(
    base: KnowledgeBase, docs: Path, data: Path, embedder: Embedder, recorder: Recorder
):
    changed = [*SECTIONS[:4], SECTIONS[4].replace("euros", "dollars"), *SECTIONS[6:], "## Attic\n\n" + "The attic is cold. " * 8]
    put(docs, "house", article(changed))
    assert base.sync([docs]).updated == ("house",)
    embedded = [text for text in recorder.texts if text not in {"may I sleep in number 3", "who has the key"}]
    assert [text.split("\n")[1] for text in embedded] == ["Room 4", "Attic"]
    texts = [hit.passage.text for hit in base.search(Query("what does a room cost a night", k=50))]
    assert sum("94 dollars" in text for text in texts) == 1
    assert not any("94 euros" in text or "95 euros" in text for text in texts)
    assert_as_if_new(base, docs, data, embedder)


@pytest.mark.parametrize("line", ["audience: internal", "url: https://example.com/house", "language: de"])
def test_a_document_that_says_the_same_keeps_its_vectors(
    base: KnowledgeBase, docs: Path, data: Path, embedder: Embedder, recorder: Recorder, line: str
):
    head = HEAD.replace("language: en", line)
    put(docs, "house", article(SECTIONS, head))
    assert base.sync([docs]).updated == ("house",)
    assert not any("Room" in text or "house" in text for text in recorder.texts)
    hits = base.search(Query("What does room 7 cost?", frozenset({Audience.INTERNAL, Audience.PUBLIC})))
    assert hits[0].passage.heading_path == ("Room 7",)
    assert_as_if_new(base, docs, data, embedder)


def test_another_title_makes_every_vector_anew(
    base: KnowledgeBase, docs: Path, data: Path, embedder: Embedder, recorder: Recorder
):
    put(docs, "house", article(SECTIONS, HEAD.replace("The house", "The castle")))
    base.sync([docs])
    assert sum(text.startswith("The castle\nRoom") for text in recorder.texts) == len(SECTIONS)
    assert_as_if_new(base, docs, data, embedder)


def test_an_unchanged_folder_embeds_nothing(base: KnowledgeBase, docs: Path, recorder: Recorder):
    base.sync([docs])
    assert recorder.texts == []
