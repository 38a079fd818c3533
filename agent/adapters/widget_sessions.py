"""The widget's sessions, once-only claims and rate limits on plain Redis.

innkeeper:widget:session:<hash of the token>    hash    a `Session`; lasts as long as the session
innkeeper:widget:once:<key>                     string  claimed; lasts as long as the claim
innkeeper:{innkeeper-limits}:widget:<key>       string  how many in the window that runs; lasts as long as it

Limits are counted together, so all of them share a tag. The other keys stand alone.
"""

from collections.abc import Collection, Sequence
from typing import cast

from agent.adapters.redis_clients import RedisClient
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_shards import PREFIX
from agent.widget_ports import Limit, Session

IDLE_S = 24 * 3600
"""A session lasts so long from its last use…"""
LONGEST_S = 30 * 24 * 3600
"""…and so long at most."""
_PAGE = 1000
_SESSION = PREFIX + "widget:session:"
_ONCE = PREFIX + "widget:once:"
_LIMIT = PREFIX + "{innkeeper-limits}:widget:"

_OPEN = Script("""
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 1
""")

_FIND = Script("""
local found = redis.call('HGETALL', KEYS[1])
if #found == 0 then return found end
local created = tonumber(redis.call('HGET', KEYS[1], 'created_at'))
local expires = math.min(tonumber(ARGV[1]) + tonumber(ARGV[2]), created + tonumber(ARGV[3]))
redis.call('PEXPIREAT', KEYS[1], math.floor(expires * 1000))
table.insert(found, 'expires_at')
table.insert(found, string.format('%.3f', expires))
return found
""")

# All are looked at before one is counted, so that what is refused costs nothing. A fixed window: twice as many may come
# around its end, which is good enough to keep a flood off.
_TAKE = Script("""
local wait = 0
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
        wait = math.max(wait, redis.call('PTTL', key), 1)
    end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[2 * i]) end
end
return 0
""")


class RedisWidgetSessions:
    """Implements `WidgetSessions`."""

    def __init__(self, client: RedisClient) -> None:
        self._redis = client

    async def open(self, token_hash: str, session: Session) -> None:
        """See `WidgetSessions`."""
        key = _SESSION + token_hash
        optional = {"customer": session.customer, "name": session.name, "locale": session.locale}
        fields = {"site": session.site, "owner": session.owner, "created_at": f"{session.created_at:.3f}"}
        fields |= {name: value for name, value in optional.items() if value is not None}
        with unavailable("begin a widget's session"):
            pairs = [word for pair in fields.items() for word in pair]
            await self._redis.together([_OPEN([key], [int(session.expires_at * 1000), *pairs])])

    async def find(self, token_hash: str, now: float) -> Session | None:
        """See `WidgetSessions`."""
        with unavailable("find a widget's session"):
            asked = _FIND([_SESSION + token_hash], [f"{now:.3f}", IDLE_S, LONGEST_S])
            (found,) = cast(list[list[str]], await self._redis.together([asked]))
        fields = dict(zip(found[::2], found[1::2], strict=True))
        if not fields or float(fields["expires_at"]) <= now:
            return None
        return Session(
            site=fields["site"],
            owner=fields["owner"],
            customer=fields.get("customer"),
            name=fields.get("name"),
            locale=fields.get("locale"),
            created_at=float(fields["created_at"]),
            expires_at=float(fields["expires_at"]),
        )

    async def claim_once(self, key: str, ttl_s: int) -> bool:
        """See `WidgetSessions`."""
        with unavailable("claim a token"):
            (claimed,) = await self._redis.together([command("SET", _ONCE + key, "1", "NX", "EX", ttl_s)])
        return bool(claimed)

    async def of(self, owners: Collection[str], customers: Collection[str]) -> dict[str, dict[str, str]]:
        """Every session of these, by its key. Goes through all sessions."""
        found: dict[str, dict[str, str]] = {}
        with unavailable("find a customer's sessions"):
            keys = [str(key) async for key in self._redis.scan_iter(match=f"{_SESSION}*", count=1000)]
            for begin in range(0, len(keys), _PAGE):
                page = keys[begin : begin + _PAGE]
                told = await self._redis.together([command("HGETALL", key) for key in page])
                found |= {key: session for key, session in zip(page, told, strict=True) if session}
        return {
            key: session
            for key, session in found.items()
            if session.get("owner") in owners or (session.get("customer") is not None and session["customer"] in customers)
        }

    async def forget(self, keys: Collection[str]) -> None:
        """End sessions. `keys`: as `of` gives them."""
        with unavailable("end a customer's sessions"):
            if keys:
                await self._redis.together([command("DEL", key) for key in keys])

    async def take(self, limits: Sequence[Limit]) -> int:
        """See `WidgetSessions`."""
        args = [number for limit in limits for number in (limit.most, limit.window_s)]
        with unavailable("count a request"):
            (wait_ms,) = await self._redis.together([_TAKE([_LIMIT + limit.key for limit in limits], args)])
        return -(-int(wait_ms) // 1000)
