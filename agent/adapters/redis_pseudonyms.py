"""Names under which Redis keeps what must not name a customer, on plain Redis.

    innkeeper:{innkeeper-audit}:key           string  a random key; `Names` are made with it
    innkeeper:{tag}:pseudonym:<kind>:<name>   string  a random secret that stands for a customer or a conversation

A name is an HMAC of what it stands for: the same each time, and not to be guessed from outside. A secret has nothing to do with
what it stands for, so once it is deleted nothing leads from one to the other. `tag` is of the name's shard.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import PREFIX, shard_key, tag_of

_KEY = PREFIX + "{innkeeper-audit}:key"

_SECRET = Script("""
local found = redis.call('GET', KEYS[1])
if not found then
    found = ARGV[1]
    redis.call('SET', KEYS[1], found)
end
if tonumber(ARGV[2]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return found
""")


@dataclass(frozen=True, slots=True)
class Names:
    """Makes names. `key` is a secret."""

    key: bytes

    def of(self, *words: str) -> str:
        """32 hexadecimal digits."""
        return hmac.new(self.key, "\0".join(words).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


async def names(client: RedisClient) -> Names:
    """Read anew each time: two processes that hold different keys would count a customer's limits apart."""
    with unavailable("read the key of its names"):
        made = command("SET", _KEY, secrets.token_hex(32), "NX")
        _, key = await confirmed(client, [made, command("GET", _KEY)])
    return Names(bytes.fromhex(key))


class RedisPseudonyms:
    """Secrets by what they stand for."""

    def __init__(self, client: RedisClient, keep_s: int = 0) -> None:
        """`keep_s`: so long from its last use; 0 for ever."""
        self._redis = client
        self._keep_s = keep_s

    async def secret(self, kind: str, whose: str) -> str:
        """64 hexadecimal digits, made at the first use."""
        key = await self._place(kind, whose)
        with unavailable("read a pseudonym"):
            (found,) = await confirmed(self._redis, [_SECRET([key], [secrets.token_hex(32), self._keep_s])])
        return str(found)

    async def find(self, kind: str, whose: str) -> str | None:
        """None if nothing was ever written under one, or it was forgotten."""
        key = await self._place(kind, whose)
        with unavailable("find a pseudonym"):
            (found,) = await self._redis.together([command("GET", key)])
        return None if found is None else str(found)

    async def forget(self, kind: str, whose: str) -> None:
        """Nobody can tell any more what it stood for. Idempotent."""
        key = await self._place(kind, whose)
        with unavailable("forget a pseudonym"):
            await confirmed(self._redis, [command("DEL", key)])

    async def _place(self, kind: str, whose: str) -> str:
        name = (await names(self._redis)).of("pseudonym", kind, whose)
        return shard_key(tag_of(name), f"pseudonym:{kind}:{name}")


def pseudonym(secret: str) -> str:
    """What is shown of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def keyed(secret: str, text: str) -> str:
    """A hash of a text that nobody can guess the text by without the secret."""
    return hmac.new(bytes.fromhex(secret), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
