from dataclasses import replace
from pathlib import Path

import pytest

from knowledge.plan import FEW, make_plan
from knowledge.rows import StoredCopy, labels_of
from knowledge.scopes import OriginScope, PathScope, UnlistedScope, lies_under
from knowledge.types import Audience, Document, DocumentId, SourceFailure, SourceResult, Trust
from tests.unit.knowledge.test_sync_plan import stored as copy_of

WIKI = OriginScope("wiki", "https://wiki.local/kb")


def page(name: str, origin: str = "wiki", **changes: object) -> Document:
    document = Document(DocumentId(name), name, "Text.", Audience.PUBLIC, f"https://wiki.local/kb/{name}", origin=origin)
    return replace(document, **changes)  # type: ignore[arg-type]


def stored(document: Document, **changes: object) -> StoredCopy:
    labels = labels_of(document)
    known = {"origin": labels.origin, "language": labels.language, "owner": labels.owner, "trust": labels.trust}
    return copy_of(document, **(known | changes))


@pytest.mark.parametrize(
    ("source", "place", "lies"),
    [
        ("/docs/a.md", "/docs", True),
        ("/docs", "/docs/", True),
        ("/docs2/a.md", "/docs", False),
        ("/docs/a.md", "/", True),
        ("https://x/kb/a", "https://x/kb", True),
        ("https://x/kb", "https://x/kb/", True),
        ("https://x/kb?page=2", "https://x/kb", True),
        ("https://x/kb2", "https://x/kb", False),
        ("https://xy/a", "https://x", False),
        ("https://x/a", "/", False),
        ("/docs/a.md", "https://x", False),
        ("/docs/a.md", "", False),
    ],
)
def test_a_place_ends_at_a_boundary(source: str, place: str, lies: bool):
    assert lies_under(source, place) is lies


def test_an_origin_owns_its_own_documents_alone():
    others = [page("b", "handbook"), page("c", "")]
    plan = make_plan([], [stored(page("a")), *map(stored, others)], [WIKI])
    assert plan.removed == ("a",)
    assert set(plan.stale) == {"a"}


def test_a_path_does_not_own_what_a_source_brought():
    listed = page("a", source="/docs/a.md")
    assert make_plan([], [stored(listed)], [PathScope(Path("/docs"))]).removed == ()


@pytest.mark.parametrize(
    ("failing", "kept"),
    [
        ("https://wiki.local/kb/a", {"a", "a/sub"}),
        ("https://wiki.local/kb/a/sub", {"a/sub"}),
        ("https://wiki.local/kb", {"a", "a/sub", "moved"}),
        ("https://wiki.local/kb/", {"a", "a/sub", "moved"}),
        ("wiki", {"a", "a/sub", "moved"}),
        ("https://wiki.local/k", set()),
    ],
)
def test_a_failure_protects_what_lies_under_it(failing: str, kept: set[str]):
    pages = [page("a"), page("a/sub"), page("moved", source="https://elsewhere.local/moved")]
    plan = make_plan([SourceFailure(failing, "down", "wiki")], [stored(p) for p in pages], [WIKI])
    assert {p.doc_id for p in pages} - set(plan.removed) == kept


def test_a_broken_source_protects_no_other():
    failure = SourceFailure("wiki", "down", "wiki")
    other = page("b", "handbook", source="https://git.local/b")
    plan = make_plan([failure], [stored(page("a")), stored(other)], [WIKI, OriginScope("handbook", "https://git.local")])
    assert plan.removed == ("b",)
    assert plan.results == (
        SourceResult("wiki", failed=(failure,), is_broken=True),
        SourceResult("handbook", removed=1),
    )


def test_a_failed_page_does_not_break_its_source():
    failure = SourceFailure("https://wiki.local/kb/b", "404", "wiki")
    plan = make_plan([page("a"), failure], [], [WIKI])
    assert plan.results == (SourceResult("wiki", added=1, failed=(failure,)),)


def test_a_source_that_is_not_listed_any_more_is_removed_and_said():
    pages = [page("a"), page("b", "old"), page("c", ""), page("d", "https://intra.net/")]
    plan = make_plan([page("a")], [stored(p) for p in pages], [WIKI, UnlistedScope(frozenset({"wiki"}))])
    assert plan.removed == ("b",)
    assert plan.results == (SourceResult("wiki", unchanged=1), SourceResult("old", removed=1))


def many(count: int, origin: str = "wiki") -> list[Document]:
    return [page(f"{origin}-{n}", origin) for n in range(count)]


@pytest.mark.parametrize("scope", [WIKI, UnlistedScope(frozenset())])
def test_most_of_a_source_is_not_removed_unasked(scope: OriginScope | UnlistedScope):
    copies = [stored(p) for p in many(FEW + 1)]
    plan = make_plan([], copies, [scope])
    assert (plan.removed, plan.is_empty) == ((), True)
    (failure,) = plan.failed
    assert (failure.source, failure.origin) == ("wiki", "wiki")
    assert "21 of its 21 documents are gone" in failure.reason
    assert "--allow-mass-removal" in failure.reason
    assert len(make_plan([], copies, [scope], allow_mass_removal=True).removed) == FEW + 1


def test_the_net_is_told_as_a_broken_source():
    (result,) = make_plan([], [stored(p) for p in many(30)], [WIKI]).results
    assert (result.is_broken, result.removed) == (True, 0)


def test_a_folder_by_path_has_the_net_too():
    pages = [page(f"p{n}", "", source=f"/docs/{n}.md") for n in range(30)]
    (failure,) = make_plan([], [stored(p) for p in pages], [PathScope(Path("/docs"))]).failed
    assert failure.source == "/docs"


def test_few_or_less_than_half_may_go():
    assert len(make_plan([], [stored(p) for p in many(FEW)], [WIKI]).removed) == FEW
    pages = many(100)
    assert len(make_plan(pages[:50], [stored(p) for p in pages], [WIKI]).removed) == 50


def test_the_net_holds_for_one_source_and_not_for_the_others():
    copies = [stored(p) for p in (*many(30), *many(2, "small"))]
    plan = make_plan([], copies, [WIKI, OriginScope("small")])
    assert plan.removed == ("small-0", "small-1")


def test_documents_that_got_other_ids_are_not_lost():
    pages = many(30)
    renamed = [replace(p, doc_id=DocumentId(f"new/{p.doc_id}")) for p in pages]
    plan = make_plan(renamed, [stored(p) for p in pages], [WIKI])
    assert (len(plan.added), len(plan.removed), plan.failed) == (30, 30, ())


def test_an_id_of_another_source_is_a_failure_of_the_second():
    second = page("a", "handbook", source="https://git.local/a")
    plan = make_plan([page("a"), second], [], [WIKI, OriginScope("handbook")])
    assert plan.added == ("a",)
    (failure,) = plan.failed
    assert (failure.source, failure.origin) == ("https://git.local/a", "handbook")
    assert "'a' of https://wiki.local/kb/a (source 'wiki'); give one of them another `id`" in failure.reason


def test_an_id_of_a_source_that_is_not_synced_now_is_a_failure():
    held = stored(page("a", "handbook", source="https://git.local/a"))
    plan = make_plan([page("a")], [held], [WIKI])
    assert (plan.write, plan.stale) == ((), {})
    assert "source 'handbook'" in plan.failed[0].reason


def test_a_renamed_source_takes_its_documents_over_without_a_write():
    plan = make_plan([page("a")], [stored(page("a", "old"))], [WIKI, UnlistedScope(frozenset({"wiki"}))])
    assert (plan.write, plan.removed, plan.updated) == ((), (), ("a",))
    assert [labels.origin for _, labels in plan.relabel] == ["wiki"]


@pytest.mark.parametrize(
    "change", [{"owner": "Team B"}, {"trust": Trust.HIGH}, {"origin": "wiki2"}, {"source": "https://wiki.local/kb/z"}]
)
def test_labels_change_without_a_new_version(change: dict[str, object]):
    before, after = page("a"), page("a", **change)  # type: ignore[arg-type]
    assert before.version == after.version
    plan = make_plan([after], [stored(before)], [WIKI])
    assert (plan.write, plan.stale, plan.updated, plan.is_empty) == ((), {}, ("a",), False)
    assert plan.relabel == ((stored(before), labels_of(after)),)


def test_a_crash_among_label_changes_is_mended():
    plan = make_plan([page("a")], [stored(page("a"), is_uniform=False)], [WIKI])
    assert len(plan.relabel) == 1


def test_another_language_is_another_version_and_old_rows_get_theirs_without_a_write():
    german = page("a", language="de")
    assert german.version != page("a").version
    assert make_plan([german], [stored(german, language=None)], [WIKI]).write == ()
