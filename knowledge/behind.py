"""Uses things behind: the last one while the next one is made. Knows nothing of what they are."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def behind(use: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
    """What `use` returns for each item, in their order. It runs in a thread of its own while the next item is made here.

    Made here, so that an interrupt reaches what takes long. If an item can't be made or used, no further one is; what is
    being used is waited for. Close it (`contextlib.closing`) if it may be left before its end.
    """
    with ThreadPoolExecutor(1, "behind") as user:
        using: Future[R] | None = None
        for item in items:
            last = [] if using is None else [using.result()]
            using = user.submit(use, item)
            yield from last
        if using is not None:
            yield using.result()
