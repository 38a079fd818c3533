from dataclasses import replace
from pathlib import Path

from knowledge import chunk
from knowledge.partitions import Partition, home_of
from knowledge.plan import make_plan
from knowledge.rows import StoredCopy
from knowledge.scopes import PathScope
from knowledge.types import Audience, Document, DocumentId, PassageId, SourceFailure

ROOT = Path("/docs")
DOC = Document(DocumentId("a"), "A", "Text.", Audience.PUBLIC, "/docs/a.md")


def stored(document: Document, **changes: object) -> StoredCopy:
    copy = StoredCopy(
        doc_id=document.doc_id,
        version=document.version,
        partition=home_of(document),
        source=document.source,
        title=document.title,
        layout=chunk.LAYOUT,
        passage_ids=(PassageId(f"{document.doc_id}:{document.version}:0"),),
        is_complete=True,
        language=document.language,
    )
    return replace(copy, **changes)  # type: ignore[arg-type]


def test_a_new_document_is_added():
    plan = make_plan([DOC], [], [PathScope(ROOT)])
    assert (plan.added, plan.write, plan.stale) == ((DOC.doc_id,), (DOC,), {})


def test_what_is_in_line_needs_nothing():
    plan = make_plan([DOC], [stored(DOC)], [PathScope(ROOT)])
    assert plan.is_empty
    assert plan.unchanged == (DOC.doc_id,)


def test_a_changed_document_is_written_and_its_old_copy_is_stale():
    old = stored(replace(DOC, text="Old."))
    plan = make_plan([DOC], [old], [PathScope(ROOT)])
    assert (plan.updated, plan.stale) == ((DOC.doc_id,), {DOC.doc_id: (old,)})


def test_another_audience_makes_the_old_copy_stale():
    old = stored(DOC)
    plan = make_plan([replace(DOC, audience=Audience.INTERNAL)], [old], [PathScope(ROOT)])
    assert plan.stale == {DOC.doc_id: (old,)}


def test_a_moved_file_and_another_way_of_cutting_are_written_again():
    assert make_plan([replace(DOC, source="/docs/b/a.md")], [stored(DOC)], [PathScope(ROOT)]).updated == (DOC.doc_id,)
    assert make_plan([DOC], [stored(DOC, layout="0")], [PathScope(ROOT)]).updated == (DOC.doc_id,)


def test_half_a_copy_left_by_a_kill_is_written_again():
    plan = make_plan([DOC], [stored(DOC, is_complete=False)], [PathScope(ROOT)])
    assert (plan.added, plan.write) == ((DOC.doc_id,), (DOC,))


def test_an_old_copy_left_by_a_kill_is_cleaned_up():
    old = stored(replace(DOC, text="Old."))
    plan = make_plan([DOC], [stored(DOC), old], [PathScope(ROOT)])
    assert (plan.unchanged, plan.write, plan.stale) == ((DOC.doc_id,), (), {DOC.doc_id: (old,)})


def test_gone_means_gone_from_these_roots_only():
    elsewhere = replace(DOC, doc_id=DocumentId("b"), source="/other/b.md")
    beside = replace(DOC, doc_id=DocumentId("c"), source="/docs2/c.md")
    plan = make_plan([], [stored(DOC), stored(elsewhere), stored(beside)], [PathScope(ROOT)])
    assert plan.removed == (DOC.doc_id,)
    assert set(plan.stale) == {DOC.doc_id}


def test_a_failed_source_keeps_its_last_good_version():
    for broken in ("/docs/a.md", "/docs"):
        plan = make_plan([SourceFailure(broken, "broken")], [stored(DOC)], [PathScope(ROOT)])
        assert (plan.removed, plan.stale) == ((), {})
        assert plan.failed == (SourceFailure(broken, "broken"),)


def test_an_id_held_by_a_file_outside_the_roots_is_a_failure(tmp_path: Path):
    (owner := tmp_path / "a.md").write_text("Text.")
    held = stored(DOC, source=str(owner))
    plan = make_plan([DOC], [held], [PathScope(ROOT)])
    assert plan.write == ()
    assert str(owner) in plan.failed[0].reason
    owner.unlink()
    assert make_plan([DOC], [held], [PathScope(ROOT)]).updated == (DOC.doc_id,)


def test_a_document_that_is_in_another_language_now_moves():
    old = stored(replace(DOC, language="en"))
    plan = make_plan([replace(DOC, language="de")], [old], [PathScope(ROOT)])
    assert (plan.updated, plan.stale) == ((DOC.doc_id,), {DOC.doc_id: (old,)})


def test_a_copy_outside_its_partition_is_written_where_it_belongs():
    german = replace(DOC, language="de-AT")
    lost = stored(german, partition=Partition(Audience.PUBLIC))
    plan = make_plan([german], [lost], [PathScope(ROOT)])
    assert (plan.write, plan.stale) == ((german,), {DOC.doc_id: (lost,)})
    assert make_plan([german], [stored(german)], [PathScope(ROOT)]).is_empty


def test_the_same_passages_in_two_partitions_are_written_once_more():
    german = replace(DOC, language="de")
    twins = (stored(german, partition=Partition(Audience.PUBLIC), layout="0"), stored(german))
    plan = make_plan([german], twins, [PathScope(ROOT)])
    assert (plan.write, plan.stale) == ((german,), {DOC.doc_id: twins})
