"""What is sent to Redis: a command, or one atomic step in Lua. The clients know where it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any


class Script:
    """One atomic step in Lua. All its keys have the same hash tag."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, keys: Sequence[str], args: Sequence[Any] = ()) -> "Command":
        """The command that runs it."""
        return Command(keys[0], ("EVALSHA", self.sha, len(keys), *keys, *args), script=self)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        key: on a cluster it goes to the node that has this key.
        words: as they are sent.
        options: for redis-py's reading of the reply.
        script: what `words` name by its digest.
    """

    key: str
    words: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    script: Script | None = None

    def in_full(self) -> "Command":
        """The same for a server that doesn't know the script: after a restart or on a promoted replica."""
        if self.script is None:
            return self
        return Command(self.key, ("EVAL", self.script.source, *self.words[2:]), self.options)


def command(name: str, key: str, *words: Any, **options: Any) -> Command:
    """A command whose first word is its key."""
    return Command(key, (name, key, *words), options)
