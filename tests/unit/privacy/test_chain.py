"""What was changed, taken out, put in or cut off is found."""

import hashlib
import json
from dataclasses import replace

import pytest

from agent.privacy.chain import GENESIS, Mark, Sealed, Walk, canonical, read_mark, seal

START = Mark()


def chain(length: int, before: Mark = START) -> list[Sealed]:
    made: list[Sealed] = []
    for number in range(length):
        made.append(seal({"kind": "k", "what": f"entry {number}"}, made[-1].mark if made else before))
    return made


def walked(entries: list[Sealed], head: Mark, anchor: Mark = START, expected: Mark | None = None) -> str | None:
    walk = Walk(anchor, expected)
    if wrong := walk.begin():
        return wrong
    for entry in entries:
        if wrong := walk.step(entry):
            return wrong
    return walk.end(head)


def changed(entry: Sealed, **values: object) -> Sealed:
    return replace(entry, text=canonical({**json.loads(entry.text), **values}))


def test_a_chain_that_nobody_has_touched_is_good():
    made = chain(5)
    assert walked(made, made[-1].mark) is None
    assert walked(made, made[-1].mark, expected=made[2].mark) is None
    assert walked([], Mark()) is None
    assert made[0].mark.seq == 1


def test_the_front_may_be_cut_where_the_anchor_says_so():
    made = chain(6)
    assert walked(made[3:], made[-1].mark, anchor=made[2].mark) is None
    assert walked(made[3:], made[-1].mark, anchor=made[2].mark, expected=made[2].mark) is None
    assert "entry 4 is missing" in str(walked(made[4:], made[-1].mark, anchor=made[2].mark))
    assert "has been cut off" in str(walked(made[3:], made[-1].mark, anchor=made[2].mark, expected=made[1].mark))


@pytest.mark.parametrize("at", range(5))
def test_one_that_is_changed_is_named(at: int):
    made = chain(5)
    made[at] = changed(made[at], what="another")
    assert f"entry {at + 1} is not" in str(walked(made, made[-1].mark))


@pytest.mark.parametrize("at", range(5))
def test_one_that_is_gone_is_named(at: int):
    made = chain(5)
    head = made[-1].mark
    del made[at]
    told = str(walked(made, head))
    assert f"entry {at + 1} is missing" in told or (at == 4 and "ends at entry 4" in told)


def test_one_that_was_put_in_is_found_however_it_is_numbered():
    made = chain(5)
    forged = seal({"kind": "k", "what": "never happened"}, made[1].mark)
    assert walked([*made[:2], forged, *made[2:]], made[-1].mark) is not None
    assert walked([*made[:2], replace(forged, mark=Mark(-1, forged.mark.digest)), *made[2:]], made[-1].mark) is not None
    assert walked([*made, seal({"kind": "k"}, made[-1].mark)], made[-1].mark) is not None


def test_two_that_changed_places_are_found_even_if_renumbered():
    made = chain(5)
    swapped = [*made[:1], replace(made[2], mark=made[1].mark), replace(made[1], mark=made[2].mark), *made[3:]]
    assert "entry 2" in str(walked(swapped, made[-1].mark))


def test_an_entry_tells_its_own_number():
    first = seal({"kind": "k"}, Mark())
    text = canonical({"kind": "k", "seq": 7})
    digest = hashlib.sha256(f"{GENESIS}\n{text}".encode()).hexdigest()
    assert "stands in the place of another" in str(walked([Sealed(text, Mark(1, digest))], Mark(1, digest)))
    assert walked([first], first.mark) is None


def test_a_whole_new_chain_and_a_cut_end_need_a_head_that_was_noted_down():
    made = chain(5)
    anew = [seal({"kind": "k", "what": "other"}, Mark())]
    anew += chain(4, anew[0].mark)
    assert walked(anew, anew[-1].mark) is None
    assert "written anew" in str(walked(anew, anew[-1].mark, expected=made[4].mark))
    assert "written anew" in str(walked(anew, anew[-1].mark, expected=made[0].mark))
    assert walked(made[:3], made[2].mark) is None
    assert "was there once" in str(walked(made[:3], made[2].mark, expected=made[4].mark))


def test_the_same_entry_is_written_in_one_way():
    assert canonical({"b": 1, "a": ["ü", {"z": "", "y": 2}]}) == '{"a":["ü",{"y":2,"z":""}],"b":1}'


def test_a_head_is_read_as_it_is_printed():
    mark = chain(3)[-1].mark
    assert read_mark(f" {mark}\n") == mark
    assert [read_mark(one) for one in ("", "3", "3:abc", f"-1:{GENESIS}", f"x:{GENESIS}")] == [None] * 5
