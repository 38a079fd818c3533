import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from knowledge.ahead import ahead


def test_all_items_come_in_their_order() -> None:
    assert list(ahead(iter(range(50)))) == list(range(50))
    assert list(ahead(iter(()))) == []


def test_the_next_item_is_made_while_one_is_used() -> None:
    made = [threading.Event(), threading.Event()]

    def items() -> Iterator[int]:
        for n, event in enumerate(made):
            event.set()
            yield n

    coming = ahead(items())
    assert next(coming) == 0
    assert made[1].wait(10)
    assert list(coming) == [1]


def test_an_item_that_cannot_be_made_raises_after_those_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second one")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="no second one"):
        next(coming)


def test_closed_early_it_makes_no_more_and_leaves_no_thread() -> None:
    made = []

    def items() -> Iterator[int]:
        for n in range(10):
            made.append(n)
            yield n

    with closing(ahead(items())) as coming:
        next(coming)
    assert len(made) == 2
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())
