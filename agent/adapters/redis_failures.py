"""What Redis refuses or can't do, as an error of ours that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.adapters.redis_clients import FAILURES
from agent.errors import EgressRefused, QueueUnavailable


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn an error of Redis into `QueueUnavailable`."""
    try:
        yield
    except FAILURES as error:
        if refused := _refusal(error):
            raise QueueUnavailable(
                f"Redis was not reached while trying to {what}: {refused}. Nothing is lost. If it is a node of your cluster, or "
                "a server that your sentinels have named, add it to INNKEEPER_REDIS_NODES and start again."
            ) from error
        raise QueueUnavailable(
            f"Redis failed while trying to {what}: {error or type(error).__name__}. "
            "Nothing is lost; check that the server at INNKEEPER_REDIS_URL runs and takes writes."
        ) from error


def _refusal(error: BaseException | None) -> str:
    """What the egress guard has said, if it was the guard: the library makes its refusal an error of a connection."""
    while error is not None:
        if isinstance(error, EgressRefused):
            return str(error).partition(": only ")[0]
        error = error.__cause__ or error.__context__
    return ""
