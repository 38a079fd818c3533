"""What becomes of a message's words on their way in."""

from agent.channels.helpdesks.marks import is_marked, marks_in
from agent.channels.helpdesks.reading import NO_TEXT, said
from agent.channels.intake import MAX_TEXT

MARK = "IK-0123456789AB"


def test_a_long_note_of_ours_is_cut_and_still_found_by_its_reference() -> None:
    for given in ({"text": "word " * 9000 + f"\n\nRef. {MARK}"}, {"html": f"<p>{'word ' * 9000}</p><p>Ref. {MARK}</p>"}):
        told = said(**given)
        assert len(told) == MAX_TEXT
        assert marks_in(told) == {MARK}
        assert is_marked(told)


def test_what_fits_is_whole_and_nothing_is_told_as_such() -> None:
    assert said("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert said("x" * (MAX_TEXT + 1)) == "x" * (MAX_TEXT - 1) + "…"
    assert said(" \n", "<p> </p>") == NO_TEXT
