import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from knowledge.behind import behind


def test_all_items_are_used_in_their_order() -> None:
    used: list[int] = []
    assert list(behind(lambda n: used.append(n) or 2 * n, range(50))) == list(range(0, 100, 2))
    assert used == list(range(50))
    assert list(behind(abs, ())) == []


def test_an_item_is_made_while_the_one_before_it_is_used() -> None:
    second_is_made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        second_is_made.set()
        yield 2

    def use(n: int) -> bool:
        return second_is_made.wait(10)

    assert list(behind(use, items())) == [True, True]


def test_items_are_made_in_the_thread_of_the_caller() -> None:
    makers = []

    def items() -> Iterator[int]:
        makers.append(threading.current_thread())
        yield 1

    (user,) = behind(lambda _: threading.current_thread(), items())
    assert makers == [threading.current_thread()] != [user]


def test_after_an_item_that_cannot_be_used_none_is() -> None:
    used: list[int] = []

    def use(n: int) -> int:
        used.append(n)
        if n == 1:
            raise ValueError("not this one")
        return n

    results = behind(use, range(5))
    assert next(results) == 0
    with pytest.raises(ValueError, match="not this one"):
        next(results)
    assert used == [0, 1]


def test_an_item_that_cannot_be_made_raises_and_the_one_before_it_is_used_to_its_end() -> None:
    used: list[int] = []

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second one")

    with pytest.raises(ValueError, match="no second one"):
        list(behind(used.append, items()))
    assert used == [1]


def test_closed_early_it_uses_no_more_and_leaves_no_thread() -> None:
    used: list[int] = []
    with closing(behind(used.append, range(10))) as results:
        next(results)
    assert used == [0, 1]
    assert not any(thread.name.startswith("behind") for thread in threading.enumerate())
