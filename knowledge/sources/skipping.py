"""What an export holds and is not for readers, such as drafts: it is no failure, and it is not kept silent either."""

from collections.abc import Callable

OnSkip = Callable[[str, str], None]
"""Called with the name of what was left out, and why."""


def unheard(name: str, reason: str) -> None:
    """An `OnSkip` for callers that don't ask."""
