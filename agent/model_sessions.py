"""Which calls of a model belong together, told to whatever stands before its replicas. No I/O.

A conversation's second turn begins with what its first one said. A replica that has seen it has it in its prefix cache; so a
router sends what has one session to one replica. It learns no more of the conversation than that: a session is a hash.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SESSION_HEADER = "X-Session-Id"
"""Of every model call. Source: the router of vLLM reads this one first (docs/load_balancing of vllm-project/router); the one of
the production stack reads what its `--session-key` names."""

_session: ContextVar[str | None] = ContextVar("model_session", default=None)


def session_of(conversation_id: str) -> str:
    """32 hexadecimal digits, the same for all turns of a conversation in every process."""
    told = f"innkeeper-session\x1f{conversation_id}"
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32]


@contextmanager
def model_session(conversation_id: str) -> Iterator[None]:
    """All model calls in here are of that conversation."""
    token = _session.set(session_of(conversation_id))
    try:
        yield
    finally:
        _session.reset(token)


def current_session() -> str:
    """The session of the conversation that is being answered.

    Outside of one it is another each time: without any, the router takes all calls for those of one session, and sends them to
    one replica.
    """
    return _session.get() or secrets.token_hex(16)
