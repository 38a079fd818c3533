"""Searches within languages, documents that change theirs, and a folder of before languages had partitions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge import chroma, chunk
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.health.shelf import make_shelf
from knowledge.index import Entry
from knowledge.partitions import Partition, home_of
from knowledge.points import entry_of, key_of
from knowledge.rows import FORM, row_of
from knowledge.sources.files import existing_roots, read_sources
from knowledge.types import Audience, Document, Passage, Query
from tests.integration.knowledge.help_centre import put

pytestmark = pytest.mark.slow
BOTH = frozenset(Audience)
TEXTS = {
    "dogs-en": ("en", "public", "Dogs may stay in every room."),
    "dogs-gb": ("en-GB", "public", "Dogs may not enter the pool."),
    "dogs-de": ("de", "public", "Dogs heißen hier Hunde und sind willkommen."),
    "dogs-at": ("de_AT", "public", "Dogs brauchen in Wien einen Maulkorb."),
    "dogs-odd": ("Plattdüütsch (Kiel)", "public", "Dogs dörvt mit rin."),
    "dogs-any": (None, "public", "Dogs: 4 euros each."),
    "dogs-inside": ("de", "internal", "Dogs: Kulanz bis 80 Euro."),
}


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    for name, (language, audience, text) in TEXTS.items():
        label = f"language: {language}\n" if language else ""
        put(folder, name, f"---\nid: {name}\naudience: {audience}\n{label}asked: [about {name}]\n---\n{text}\n")
    return folder


def found(base: KnowledgeBase, *languages: str, audiences: frozenset[Audience] = frozenset({Audience.PUBLIC})) -> set[str]:
    hits = base.search(Query("dogs", audiences, k=50, languages=frozenset(languages)))
    assert all(hit.lexical > 0 for hit in hits)
    return {hit.passage.doc_id for hit in hits}


def places(base: KnowledgeBase) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for copy in base.documents():
        places.setdefault(copy.doc_id, []).append(copy.partition.name)
    return places


def right_places(shelf: Path) -> dict[str, list[str]]:
    return {document.doc_id: [home_of(document).name] for document in documents(shelf)}


def documents(shelf: Path) -> Iterator[Document]:
    for document in read_sources(existing_roots([shelf]), Audience.PUBLIC):
        assert isinstance(document, Document)
        yield document


def test_a_search_within_a_language_finds_it_and_what_names_none(base: KnowledgeBase, shelf: Path):
    base.sync([shelf])
    assert found(base, "de") == found(base, "DE-ch") == {"dogs-de", "dogs-at", "dogs-any"}
    assert found(base, "en-US") == {"dogs-en", "dogs-gb", "dogs-any"}
    assert found(base, "plattdüütsch (kiel)") == {"dogs-odd", "dogs-any"}
    assert found(base, "fr") == {"dogs-any"}
    assert found(base, "de", "en") == {"dogs-en", "dogs-gb", "dogs-de", "dogs-at", "dogs-any"}


def test_a_search_without_a_language_finds_all(base: KnowledgeBase, shelf: Path):
    base.sync([shelf])
    assert found(base) == set(TEXTS) - {"dogs-inside"}
    assert found(base, audiences=BOTH) == set(TEXTS)


def test_a_language_never_opens_another_audience(base: KnowledgeBase, shelf: Path):
    base.sync([shelf])
    assert "dogs-inside" not in found(base, "de")
    assert found(base, "de", audiences=frozenset({Audience.INTERNAL})) == {"dogs-inside"}
    inside = base.search(Query("dogs", frozenset({Audience.INTERNAL})))[0].passage
    assert base.around(inside, frozenset({Audience.PUBLIC})) == []
    assert base.around(inside, BOTH) == [inside]


def test_a_document_that_changes_its_language_moves(base: KnowledgeBase, shelf: Path):
    base.sync([shelf])
    path = shelf / "dogs-de.md"
    path.write_text(path.read_text().replace("language: de", "language: nl"))
    assert base.sync([shelf]).updated == ("dogs-de",)
    assert "dogs-de" not in found(base, "de")
    assert "dogs-de" in found(base, "nl")
    assert places(base) == right_places(shelf)
    assert base.counts() == {Audience.PUBLIC: 6, Audience.INTERNAL: 1}
    # The language that nothing is left in is no longer looked at.
    (shelf / "dogs-de.md").unlink()
    base.sync([shelf])
    base._index.refresh()
    assert Partition(Audience.PUBLIC, "nl") not in base._index.partitions()
    assert found(base, "nl") == {"dogs-any"}


def test_points_lead_to_passages_of_their_own_language(base: KnowledgeBase, shelf: Path):
    base.sync([shelf])
    hits = base.search(Query("about dogs-at", k=50, languages=frozenset({"de"})))
    assert {hit.passage.doc_id for hit in hits if hit.nearest > 0.99} == {"dogs-at"}
    hits = base.search(Query("about dogs-at", k=50, languages=frozenset({"en"})))
    assert hits
    assert all(hit.nearest < 0.99 for hit in hits)


def embedded(document: Document, passages: list[Passage], embedder: SentenceTransformerEmbedder) -> Entry:
    keys = [key_of(passage) for passage in passages]
    vectors = dict(zip(keys, embedder.embed_passages(keys), strict=True))
    return entry_of(document, passages, vectors, dict(zip(document.asked, embedder.embed(document.asked), strict=True)))


def write_as_before(data: Path, shelf: Path, embedder: SentenceTransformerEmbedder) -> None:
    """All languages of an audience in one collection, as layout 5 had them."""
    (data / "chroma").mkdir(parents=True)
    system, api = chroma.start(data / "chroma", None)
    from chromadb.api.models.Collection import Collection

    collections: dict[str, Collection] = {}
    for name in (f"{kind}-{audience}" for kind in ("passages", "points") for audience in Audience):
        state = {"embedder": embedder.name, "form": FORM} | ({"generation": "before"} if name == "passages-public" else {})
        model = api.get_or_create_collection(name=name, configuration={"hnsw": {"space": "cosine"}}, metadata=state)
        collections[name] = Collection(api, model, None)
    for document in documents(shelf):
        passages = chunk.split(document)
        entry = embedded(document, passages, embedder)
        collections[f"passages-{document.audience}"].upsert(
            ids=[passage.passage_id for passage in passages],
            embeddings=entry.vectors,
            metadatas=[row_of(document, passage, "5", len(passages)) for passage in passages],
        )
        for n, point in enumerate(entry.points):
            collections[f"points-{document.audience}"].upsert(
                ids=[f"{point.passage_id}#{n}"], embeddings=point.vector[None, :], metadatas=[{"passage_id": point.passage_id}]
            )
    chroma.stop(system)


def test_a_folder_of_before_serves_and_is_put_in_order_by_the_next_sync(
    data: Path, shelf: Path, embedder: SentenceTransformerEmbedder
):
    write_as_before(data, shelf, embedder)
    base = KnowledgeBase(KnowledgeSettings(data), embedder)
    assert found(base, audiences=BOTH) == set(TEXTS)
    assert found(base, "de") == {"dogs-de", "dogs-at", "dogs-any"}
    hit = base.search(Query("dogs", languages=frozenset({"de"})))[0].passage
    assert base.around(hit, BOTH) == [hit]
    report = base.sync([shelf])
    assert (sorted(report.updated), report.removed, report.failed) == (sorted(TEXTS), (), ())
    assert places(base) == right_places(shelf)
    assert base.counts() == {Audience.PUBLIC: 6, Audience.INTERNAL: 1}
    assert found(base, "de") == {"dogs-de", "dogs-at", "dogs-any"}
    assert sorted(base.sync([shelf]).unchanged) == sorted(TEXTS)
    base.close()
    again = KnowledgeBase(KnowledgeSettings(data), embedder)
    assert found(again, audiences=BOTH) == set(TEXTS)
    again.close()


def test_a_sync_that_was_killed_while_it_put_a_folder_in_order_is_mended(
    data: Path, shelf: Path, embedder: SentenceTransformerEmbedder
):
    write_as_before(data, shelf, embedder)
    base = KnowledgeBase(KnowledgeSettings(data), embedder)
    base._index.refresh()
    # What is there after the write and before the removal: everything twice.
    base._index.mark("unfinished-0")
    for document in documents(shelf):
        passages = chunk.split(document)
        entry = embedded(document, passages, embedder)
        base._index.write([entry], chunk.LAYOUT)
    assert len(places(base)["dogs-de"]) == 2
    shelved = make_shelf(base.everything(), {})
    assert sorted(article.doc_id for article, _ in shelved.passages()) == sorted(TEXTS)
    assert found(base, audiences=BOTH) == set(TEXTS)
    assert found(base, "de") == {"dogs-de", "dogs-at", "dogs-any"}
    base.sync([shelf])
    assert places(base) == right_places(shelf)
    assert base.counts() == {Audience.PUBLIC: 6, Audience.INTERNAL: 1}
    assert found(base, audiences=BOTH) == set(TEXTS)
    base.close()
