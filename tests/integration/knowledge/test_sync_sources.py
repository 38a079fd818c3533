import os
import shutil
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase
from knowledge.errors import IndexUnavailable, KnowledgeError, ListingInvalid
from knowledge.refresh import FILE, due
from knowledge.sources.opening import load_sources
from knowledge.sync import SyncOptions, SyncStopped
from knowledge.types import Audience, Query, SourceResult, Trust
from tests.integration.knowledge.help_centre import ARTICLES, put

pytestmark = pytest.mark.slow
MORE = "name: more, kind: files, paths: [more/tax.md]"
BOTH = frozenset(Audience)


class Listing:
    """A sources.yaml that tests rewrite."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *entries: str) -> None:
        self.path.write_text("sources:\n" + "".join(f"- {{{entry}}}\n" for entry in entries))

    def load(self):
        return load_sources(self.path)


@pytest.fixture
def listing(tmp_path: Path, docs: Path) -> Listing:
    listing = Listing(tmp_path / "sources.yaml")
    put(tmp_path / "more", "tax", "---\nid: tax\n---\nThe city tax is 3 euros for each night.\n")
    listing.write("name: help, kind: folder, path: docs, owner: Desk, language: en", MORE)
    return listing


def sync(base: KnowledgeBase, listing: Listing, **options: object):
    return base.sync_sources(listing.load(), SyncOptions(**options), are_all=True)  # type: ignore[arg-type]


def test_sources_are_told_apart_and_their_labels_are_found(base: KnowledgeBase, listing: Listing):
    report = sync(base, listing)
    assert report.sources == (SourceResult("help", added=5), SourceResult("more", added=1))
    passage = base.search(Query("two dogs"))[0].passage
    assert (passage.owner, passage.language, passage.trust) == ("Desk", "en", Trust.NORMAL)
    assert {copy.origin for copy in base.documents()} == {"help", "more"}
    again = sync(base, listing)
    assert again.sources == (SourceResult("help", unchanged=5), SourceResult("more", unchanged=1))


class Counting:
    """An embedder that counts its texts."""

    def __init__(self, inner) -> None:
        self.inner, self.name, self.texts = inner, inner.name, 0

    def embed(self, texts):
        self.texts += len(texts)
        return self.inner.embed(texts)


def test_another_owner_is_shown_and_nothing_is_embedded_again(base: KnowledgeBase, listing: Listing):
    sync(base, listing)
    ids = {copy.passage_ids for copy in base.documents()}
    base._syncer._embedder = counting = Counting(base.embedder)
    listing.write(
        "name: help, kind: folder, path: docs, owner: Night desk, language: en, trust: high",
        MORE,
    )
    assert sync(base, listing).sources[0] == SourceResult("help", updated=5)
    passage = base.search(Query("two dogs"))[0].passage
    assert (passage.owner, passage.trust) == ("Night desk", Trust.HIGH)
    listing.write("name: help, kind: folder, path: docs, language: en", MORE)
    sync(base, listing)
    passage = base.search(Query("two dogs"))[0].passage
    assert (passage.owner, passage.trust) == (None, Trust.NORMAL)
    assert sync(base, listing).updated == ()
    assert counting.texts == 0
    assert {copy.passage_ids for copy in base.documents()} == ids
    assert base.search(Query("router"))[0].lexical > 0


def test_a_moved_folder_is_not_embedded_again(base: KnowledgeBase, listing: Listing, docs: Path):
    sync(base, listing)
    base._syncer._embedder = counting = Counting(base.embedder)
    docs.rename(docs.with_name("moved"))
    listing.write("name: help, kind: folder, path: moved, owner: Desk, language: en", MORE)
    report = sync(base, listing)
    assert (len(report.updated), report.removed, report.failed, counting.texts) == (5, (), (), 0)


def test_what_was_ingested_by_path_is_taken_over_by_its_source(base: KnowledgeBase, listing: Listing, docs: Path):
    base.sync([docs])
    report = sync(base, listing)
    assert report.sources == (SourceResult("help", updated=5), SourceResult("more", added=1))
    assert sorted(copy.doc_id for copy in base.documents()) == sorted([*ARTICLES, "tax"])


def test_what_keeps_failing_is_told_with_the_day_since_when(base: KnowledgeBase, listing: Listing, docs: Path):
    (docs / "broken.md").write_bytes(b"\xff\xfe no text")
    first, second = sync(base, listing).sources[0], sync(base, listing).sources[0]
    assert "failing since" not in first.failed[0].reason
    assert second.failed[0].reason.startswith(f"{first.failed[0].reason} (failing since 20")
    (docs / "broken.md").write_text("Bread is baked on Sundays.\n")
    assert sync(base, listing).sources[0].failed == ()
    assert base.source_states()["help"].failing == {}


def test_a_source_that_is_away_keeps_its_documents_and_the_others_go_on(base: KnowledgeBase, listing: Listing, docs: Path):
    sync(base, listing)
    docs.rename(docs.with_name("unmounted"))
    put(docs.with_name("more"), "tax", "---\nid: tax\n---\nThe city tax is 4 euros for each night.\n")
    report = sync(base, listing)
    help_centre, more = report.sources
    assert (help_centre.is_broken, help_centre.removed, more.updated) == (True, 0, 1)
    assert [(f.source, f.origin) for f in help_centre.failed] == [("help", "help")]
    assert "is not mounted" in help_centre.failed[0].reason
    assert base.search(Query("two dogs"))[0].passage.doc_id == "pets"
    states = base.source_states()
    assert (states["help"].failures, states["more"].failures) == (1, 0)
    assert states["help"].succeeded is not None


def test_one_file_of_several_that_is_missing_keeps_its_document(base: KnowledgeBase, listing: Listing, tmp_path: Path):
    sync(base, listing)
    (tmp_path / "more" / "tax.md").unlink()
    report = sync(base, listing)
    assert (report.removed, report.failed[0].reason) == ((), "no such file")


def test_an_empty_folder_does_not_empty_the_knowledge_base(base: KnowledgeBase, listing: Listing, docs: Path):
    for n in range(30):
        put(docs, f"n{n}", f"---\nid: n{n}\n---\nThe number {n}.\n")
    sync(base, listing)
    shutil.rmtree(docs)
    docs.mkdir()
    report = sync(base, listing)
    assert (report.removed, len(base.documents())) == ((), 36)
    assert "35 of its 35 documents are gone" in report.sources[0].failed[0].reason
    assert len(sync(base, listing, allow_mass_removal=True).removed) == 35


def test_a_source_that_left_the_list_is_removed_and_one_by_path_stays(base: KnowledgeBase, listing: Listing, tmp_path: Path):
    put(tmp_path / "hand", "sauna", "---\nid: sauna\n---\nThe sauna is heated on Fridays.\n")
    base.sync([tmp_path / "hand"])
    sync(base, listing)
    listing.write("name: help, kind: folder, path: docs, owner: Desk, language: en")
    report = sync(base, listing)
    assert report.removed == ("tax",)
    assert SourceResult("more", removed=1) in report.sources
    assert "sauna" in {copy.doc_id for copy in base.documents()}
    assert set(base.source_states()) == {"help"}


def test_one_source_alone_removes_nothing_of_the_others(base: KnowledgeBase, listing: Listing):
    sync(base, listing)
    report = base.sync_sources(listing.load()[1:])
    assert (report.removed, [result.name for result in report.sources]) == ((), ["more"])


def test_a_forgotten_source_is_gone(base: KnowledgeBase, listing: Listing):
    sync(base, listing)
    assert sorted(base.forget("help").removed) == sorted(ARTICLES)
    assert [copy.doc_id for copy in base.documents()] == ["tax"]


@pytest.mark.parametrize("text", ["", "sources: []", "sources: [", "sources:\n- {name: help}"])
def test_a_broken_list_changes_nothing(base: KnowledgeBase, listing: Listing, text: str):
    sync(base, listing)
    listing.path.write_text(text)
    with pytest.raises(ListingInvalid, match="nothing was changed"):
        sync(base, listing)
    assert len(base.documents()) == 6


def test_ids_that_meet_are_told_and_a_prefix_parts_them(base: KnowledgeBase, listing: Listing, docs: Path, tmp_path: Path):
    put(tmp_path / "other", "pets", ARTICLES["pets"])
    both = ("name: help, kind: folder, path: docs", "name: other, kind: folder, path: other")
    listing.write(*both)
    (failure,) = sync(base, listing).failed
    assert (failure.origin, "id_prefix" in failure.reason) == ("other", True)
    listing.write(both[0], both[1] + ", id_prefix: other/")
    report = sync(base, listing)
    assert (report.added, report.failed) == (("other/pets",), ())


def test_a_stopped_sync_is_mended_by_the_next(base: KnowledgeBase, listing: Listing):
    with pytest.raises(SyncStopped):
        sync(base, listing, is_stopped=lambda: True)
    assert FILE not in os.listdir(listing.path.parent)
    assert base.source_states() == {}
    assert len(sync(base, listing).added) == 6


def test_an_index_that_is_away_is_a_failure_of_the_source(base: KnowledgeBase, listing: Listing, data: Path):
    (data / "chroma").mkdir(parents=True)
    (data / "chroma" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    with pytest.raises(KnowledgeError) as refused:
        sync(base, listing)
    assert isinstance(refused.value, IndexUnavailable)
    assert {name: state.failures for name, state in base.source_states().items()} == {"help": 1, "more": 1}


def test_a_damaged_state_means_that_everything_is_due(base: KnowledgeBase, listing: Listing, data: Path):
    from datetime import UTC, datetime

    sync(base, listing)
    assert due(listing.load(), base.source_states(), datetime.now(UTC)) == []
    (data / FILE).write_text('{"help": {"tried": "2026-01-01T00:00:00"}}')
    assert base.source_states() == {}
    assert len(due(listing.load(), base.source_states(), datetime.now(UTC))) == 2
