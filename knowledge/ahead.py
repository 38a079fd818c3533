"""Makes things ahead: the next one while the last one is used. Knows nothing of what they are."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")


class _End:
    """What can't be an item."""


_END: Final = _End()


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items in the same order, each made in a thread of its own while the one before it is used.

    One that can't be made raises when its turn comes. Close it (`contextlib.closing`) if it may be left before its end:
    that waits for the item that is being made.
    """
    with ThreadPoolExecutor(1, "ahead") as maker:
        coming = maker.submit(next, items, _END)
        while not isinstance(item := coming.result(), _End):
            coming = maker.submit(next, items, _END)
            yield item
