from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.errors import EmbeddingUnavailable, IndexMismatch, IndexUnavailable, SourceUnreadable
from knowledge.sync import SyncOptions
from knowledge.types import Audience, Query
from tests.integration.knowledge.help_centre import ARTICLES, put

pytestmark = pytest.mark.slow
BOTH = frozenset(Audience)


def found(base: KnowledgeBase, text: str, audiences: frozenset[Audience] = frozenset({Audience.PUBLIC})) -> list[str]:
    return [hit.passage.doc_id for hit in base.search(Query(text, audiences, k=20))]


def test_first_sync_adds_and_the_second_finds_nothing_to_do(base: KnowledgeBase, docs: Path):
    seen: list[tuple[int, int, str]] = []
    report = base.sync([docs], options=SyncOptions(lambda *step: seen.append(step)))
    assert sorted(report.added) == sorted(ARTICLES)
    assert report.passages == 5
    assert [step[:2] for step in seen] == [(n, 5) for n in range(1, 6)]
    generation = base._index.generation()
    again = base.sync([docs])
    assert (again.added, again.updated, again.removed) == ((), (), ())
    assert sorted(again.unchanged) == sorted(ARTICLES)
    assert base._index.generation() == generation
    assert base.counts() == {Audience.PUBLIC: 4, Audience.INTERNAL: 1}


def test_search_finds_by_meaning_and_by_words(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    hits = base.search(Query("Can I take my puppy along?"))
    assert hits[0].passage.doc_id == "pets"
    assert hits[0].lexical == 0
    hits = base.search(Query("router"))
    assert hits[0].passage.doc_id == "wifi"
    assert hits[0].lexical > 0
    assert all(-1 <= hit.dense <= 1 and 0 <= hit.score <= 1 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(base.search(Query("router", k=2))) == 2


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b"])
def test_an_empty_query_finds_nothing_or_does_no_harm(base: KnowledgeBase, docs: Path, text: str):
    base.sync([docs])
    assert base.search(Query(text)) == [] or text == "\u200b"


@pytest.mark.parametrize("text", ['title:(a OR "b', "AND NOT *", "lone \ud800 surrogate", "x\x00y", "🐕 " * 400, "dog " * 5000])
def test_any_text_can_be_searched(base: KnowledgeBase, docs: Path, text: str):
    base.sync([docs])
    assert len(base.search(Query(text))) == 4


def test_a_search_before_any_sync_finds_nothing(base: KnowledgeBase):
    assert found(base, "dogs") == []


def test_only_what_changed_is_written(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    put(docs, "pets", ARTICLES["pets"].replace("4 euros", "9 euros"))
    report = base.sync([docs])
    assert (report.updated, len(report.unchanged), report.passages) == (("pets",), 4, 5)
    texts = [hit.passage.text for hit in base.search(Query("dog price per night", k=20))]
    assert sum("9 euros" in text for text in texts) == 1
    assert not any("4 euros" in text for text in texts)


def test_what_is_gone_is_removed_under_its_own_root_only(base: KnowledgeBase, docs: Path, tmp_path: Path):
    other = tmp_path / "other"
    put(other, "tax", "---\nid: tax\n---\nThe city tax is 3 euros.\n")
    base.sync([docs, other])
    (docs / "keys.md").unlink()
    assert base.sync([docs]).removed == ("keys",)
    assert "tax" in found(base, "city tax")
    assert "keys" not in found(base, "lost key")


def test_a_document_that_becomes_internal_is_gone_for_the_public(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    put(docs, "keys", ARTICLES["keys"].replace("title: Lost keys", "title: Lost keys\naudience: internal"))
    assert base.sync([docs]).updated == ("keys",)
    assert "keys" not in found(base, "A lost key costs 35 euros")
    assert "keys" in found(base, "A lost key costs 35 euros", frozenset({Audience.INTERNAL}))
    assert base.counts() == {Audience.PUBLIC: 3, Audience.INTERNAL: 2}
    put(docs, "keys", ARTICLES["keys"])
    base.sync([docs])
    assert base.counts() == {Audience.PUBLIC: 4, Audience.INTERNAL: 1}


def test_broken_files_are_named_and_keep_their_last_good_version(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    (docs / "pets.md").write_bytes(b"---\nid: pets\n---\nDogs \xff\xfe cost")
    (docs / "wifi.md").write_text("---\nid: [\n---\nText")
    (docs / "binary.txt").write_bytes(b"PK\x00\x00")
    (docs / "huge.txt").write_bytes(b"word " * 1_100_000)
    put(docs, "twin", "---\nid: keys\n---\nAnother text.\n")
    put(docs, "fresh", "---\nid: fresh\n---\nThe pool opens at nine.\n")
    report = base.sync([docs])
    reasons = {Path(failure.source).name: failure.reason for failure in report.failed}
    assert set(reasons) == {"pets.md", "wifi.md", "binary.txt", "huge.txt", "twin.md"}
    assert "UTF-8" in reasons["pets.md"]
    assert "keys.md" in reasons["twin.md"]
    assert report.added == ("fresh",)
    assert report.removed == ()
    assert found(base, "two dogs")[0] == "pets"


def test_html_and_text_files_are_read_and_hidden_and_other_files_are_not(base: KnowledgeBase, docs: Path):
    page = "<html><head><title>Pool</title></head><body><article><p>The pool is open from nine to eight, all year, "
    (docs / "pool.html").write_text(page + "for every guest of the house.</p></article></body></html>")
    (docs / "sub").mkdir()
    (docs / "sub" / "bikes.txt").write_text("Bikes\n\nBikes can be rented for 8 euros a day.\n")
    (docs / ".hidden.md").write_text("secret")
    (docs / "photo.png").write_bytes(b"\x89PNG\x00")
    report = base.sync([docs])
    assert report.failed == ()
    assert {"pool.html", "sub/bikes.txt"} <= set(report.added)
    assert len(report.added) == 7


def test_a_missing_path_changes_nothing(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    (docs / "keys.md").unlink()
    with pytest.raises(SourceUnreadable, match="no such file"):
        base.sync([docs, docs / "missing"])
    assert len(base.documents()) == 5


def test_the_default_audience_hides_what_names_none(base: KnowledgeBase, docs: Path):
    base.sync([docs], Audience.INTERNAL)
    assert base.counts() == {Audience.PUBLIC: 0, Audience.INTERNAL: 5}
    assert found(base, "dogs") == []


def test_the_passages_around_a_hit_are_its_documents_in_reading_order(base: KnowledgeBase, docs: Path):
    parts = "\n\n".join(
        f"## Room {n}\n\nRoom {n} has {n} windows, {n} doors and a lamp on each of its tables." for n in range(20)
    )
    put(docs, "rooms", f"---\nid: rooms\ntitle: Rooms\n---\n{parts}\n")
    base.sync([docs])
    found = next(h.passage for h in base.search(Query("Room 9", k=20)) if h.passage.heading_path == ("Room 9",))
    around = base.around(found, frozenset({Audience.PUBLIC}))
    assert [p.ordinal for p in around] == list(range(3, 16))
    assert {p.doc_id for p in around} == {"rooms"}
    assert found in around
    assert base.around(around[0], frozenset({Audience.PUBLIC}))[0].ordinal == 0


def test_around_a_passage_of_another_audience_is_nothing(base: KnowledgeBase, docs: Path):
    base.sync([docs])
    inside = base.search(Query("goodwill", BOTH))[0].passage
    assert inside.audience is Audience.INTERNAL
    assert base.around(inside, frozenset({Audience.PUBLIC})) == []
    assert [p.doc_id for p in base.around(inside, BOTH)] == ["goodwill"]


def test_another_embedding_model_is_refused(base: KnowledgeBase, docs: Path, data: Path):
    class Other:
        name = "another-model:1"

        def embed(self, texts: object) -> None:
            raise AssertionError

        embed_queries = embed

    base.sync([docs])
    other = KnowledgeBase(KnowledgeSettings(data), Other())  # type: ignore[arg-type]
    with pytest.raises(IndexMismatch, match=r"another-model:1.*ingest --rebuild"):
        other.search(Query("dogs"))
    other.close()


def test_an_index_of_another_version_is_refused(
    base: KnowledgeBase, docs: Path, data: Path, embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
):
    base.sync([docs])
    monkeypatch.setattr("knowledge.store.FORM", "next")
    later = KnowledgeBase(KnowledgeSettings(data), embedder)
    for use in (lambda: later.search(Query("dogs")), lambda: later.sync([docs])):
        with pytest.raises(IndexMismatch, match=r"another version.*ingest --rebuild"):
            use()
    later.close()


def test_a_rebuild_empties_an_index_that_is_refused(
    base: KnowledgeBase, docs: Path, data: Path, embedder: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
):
    base.sync([docs])
    ids = base.sync([docs]).unchanged
    (docs / "keys.md").unlink()
    monkeypatch.setattr("knowledge.store.FORM", "next")
    later = KnowledgeBase(KnowledgeSettings(data), embedder)
    report = later.sync([docs], options=SyncOptions(rebuild=True))
    assert set(report.added) == set(ids) - {"keys"}
    assert (report.updated, report.removed, report.failed) == ((), (), ())
    assert later.search(Query("router"))[0].lexical > 0
    assert later.sync([docs]).unchanged == report.added
    # A process that was open meanwhile.
    assert base.search(Query("router"))[0].passage.doc_id == "wifi"
    assert "keys" not in found(base, "lost keys")
    later.close()


def test_a_rebuild_of_nothing_empties_nothing(base: KnowledgeBase, docs: Path, tmp_path: Path):
    base.sync([docs])
    counts = base.counts()
    (tmp_path / "empty").mkdir()
    put(tmp_path / "broken", "one", "---\nid: [\n---\n")
    for folder, words in (("empty", "no document"), ("broken", "one.md"), ("missing", "missing")):
        with pytest.raises(SourceUnreadable, match=words):
            base.sync([tmp_path / folder], options=SyncOptions(rebuild=True))
    assert base.counts() == counts
    assert base.search(Query("router"))


def test_a_rebuild_with_a_broken_model_empties_nothing(base: KnowledgeBase, docs: Path, data: Path):
    class Broken:
        name = "another-model:1"

        def embed(self, texts: object) -> None:
            raise EmbeddingUnavailable("the model is broken")

    base.sync([docs])
    counts = base.counts()
    broken = KnowledgeBase(KnowledgeSettings(data), Broken())  # type: ignore[arg-type]
    with pytest.raises(EmbeddingUnavailable):
        broken.sync([docs], options=SyncOptions(rebuild=True))
    broken.close()
    assert base.counts() == counts
    assert base.search(Query("router"))


@pytest.mark.parametrize("damage", ["missing", "pointer", "files"])
def test_a_lost_or_damaged_word_index_is_built_again(data: Path, docs: Path, embedder: SentenceTransformerEmbedder, damage: str):
    import shutil

    first = KnowledgeBase(KnowledgeSettings(data), embedder)
    first.sync([docs])
    first.close()
    if damage == "missing":
        shutil.rmtree(data / "lexical")
    elif damage == "pointer":
        (data / "lexical" / "current.json").write_text("{")
    else:
        for file in (data / "lexical").rglob("*"):
            if file.is_file() and file.name != "current.json":
                file.write_bytes(b"\x00garbage")
    second = KnowledgeBase(KnowledgeSettings(data), embedder)
    assert second.search(Query("router"))[0].lexical > 0
    assert second.sync([docs]).unchanged
    second.close()


def test_a_damaged_chroma_is_a_clear_error(data: Path, docs: Path, base: KnowledgeBase):
    (data / "chroma").mkdir(parents=True)
    (data / "chroma" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    with pytest.raises(IndexUnavailable, match="chroma"):
        base.check()
    with pytest.raises(IndexUnavailable):
        base.sync([docs])
