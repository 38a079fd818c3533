"""Which keys lie together. Every conversation belongs to one of 64 shards, whose tag is in all keys that a step of it touches.

On a cluster the text between braces decides the slot of a key, and a script may only touch keys of one slot. So each
shard has its own indexes (what is unanswered, pending, waiting…), and what lists them all goes over the shards.
"""

from zlib import crc32

PREFIX = "innkeeper:"
SHARDS = 64
TAGS: tuple[str, ...] = tuple(f"{{innkeeper-{number:02}}}" for number in range(SHARDS))
"""The hash tag of each shard."""


def tag_of(conversation_id: str) -> str:
    """The hash tag of a conversation's shard, or of what else is named by a stable id."""
    return TAGS[crc32(conversation_id.encode("utf-8", "surrogatepass")) % SHARDS]


def shard_key(tag: str, name: str) -> str:
    """A key of a whole shard."""
    return f"{PREFIX}{tag}:{name}"


def tag_in(key: str) -> str:
    """The hash tag in a key.

    Raises:
        ValueError: it has none.
    """
    start = key.index("{")
    return key[start : key.index("}", start) + 1]


def literally(text: str) -> str:
    """A text as a pattern of Redis that matches it alone."""
    return "".join(f"\\{one}" if one in "*?[]^\\" else one for one in text)
