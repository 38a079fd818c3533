"""The ledger on Redis. A call is remembered as long as its limits look back, and `REMEMBERED_S` at least.

All that is known of an action is in one slot, so that a step over all of its limits is one script:

    innkeeper:{action:<id>}:call:<key>        hash    stage, plan, amount, at, day, proposal
    innkeeper:{action:<id>}:of:<customer>     zset    <amount>:<key>, by time
    innkeeper:{action:<id>}:day:<day>         string  cents of all customers
    innkeeper:{action:<id>}:proposal:<id>     string  key of the call that was begun for it

Customers and keys, which may name an order, stand as keyed hashes (see `redis_pseudonyms`). So what a customer has taken of a
limit can stay when all else of them is erased: to be forgotten must not be a way to a second refund.
"""

import json
from typing import Any

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_pseudonyms import Names, names
from agent.ports import Entry, LedgerStage, Taken, Taking
from policies.amounts import seconds
from policies.judging import Spent

REMEMBERED_S = 30 * 86_400
_ERASED = "erased"
_DAYS_S = 3 * 86_400
"""A day's sum is kept until it is over in every time zone."""

_COUNT = """
local function spent(of, day, key, since_amount, since_count)
    local amount, count = 0, 0
    for _, pair in ipairs({{since_amount, 'amount'}, {since_count, 'count'}}) do
        if pair[1] ~= '' then
            for _, member in ipairs(redis.call('ZRANGEBYSCORE', of, '(' .. pair[1], '+inf')) do
                local cents, whose = string.match(member, '^(%d+):(.*)$')
                if whose ~= key then
                    if pair[2] == 'amount' then amount = amount + tonumber(cents) else count = count + 1 end
                end
            end
        end
    end
    return amount, count, tonumber(redis.call('GET', day) or '0')
end
"""

_SPENT = Script(
    _COUNT
    + """
local amount, count, today = spent(KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if redis.call('HGET', KEYS[1], 'day') == ARGV[4] then today = today - tonumber(redis.call('HGET', KEYS[1], 'amount')) end
return {amount, count, today}
"""
)

_TAKE = Script(
    _COUNT
    + """
local call, of, day = KEYS[1], KEYS[2], KEYS[3]
local key, since_amount, since_count, amount, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local most_amount, most_count, most_day, today, kept_s, days_s = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local stage = redis.call('HGET', call, 'stage')
if stage == 'erased' then return {'full', 'erased'} end
if stage then return {'known', stage, redis.call('HGET', call, 'plan')} end
local customers, count, all = spent(of, day, key, since_amount, since_count)
if most_amount ~= '' and customers + amount > tonumber(most_amount) then return {'full', 'per_customer'} end
if most_day ~= '' and all + amount > tonumber(most_day) then return {'full', 'per_day'} end
if most_count ~= '' and count + 1 > tonumber(most_count) then return {'full', 'rate'} end
redis.call('HSET', call, 'stage', 'begun', 'amount', amount, 'at', now, 'day', today, 'plan', ARGV[12], 'proposal', ARGV[13])
redis.call('EXPIRE', call, kept_s)
redis.call('SET', KEYS[4], key, 'EX', kept_s)
redis.call('ZADD', of, now, amount .. ':' .. key)
-- By these a customer's calls are found: a call of when limits looked back further stands there as long as it is remembered.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', of, '-inf', tonumber(now) - tonumber(kept_s) * 1000)) do
    local old = string.sub(call, 1, #call - #key) .. string.match(member, '^%d+:(.*)$')
    if redis.call('EXISTS', old) == 0 then redis.call('ZREM', of, member) end
end
if redis.call('TTL', of) == -1 then redis.call('EXPIRE', of, kept_s) else redis.call('EXPIRE', of, kept_s, 'GT') end
redis.call('INCRBY', day, amount)
redis.call('EXPIRE', day, days_s)
return {'taken'}
"""
)

_SETTLE = Script("""
local stage = redis.call('HGET', KEYS[1], 'stage')
if not stage or stage == 'done' or stage == 'erased' then return 0 end
redis.call('HSET', KEYS[1], 'stage', ARGV[1])
return 1
""")

_GIVE_BACK = Script("""
local call, of = KEYS[1], KEYS[2]
if redis.call('HGET', call, 'stage') ~= 'begun' then return 0 end
local amount, day = redis.call('HGET', call, 'amount'), redis.call('HGET', call, 'day')
redis.call('ZREM', of, amount .. ':' .. ARGV[1])
if day == ARGV[2] and redis.call('EXISTS', KEYS[3]) == 1 then redis.call('DECRBY', KEYS[3], amount) end
redis.call('DEL', call, KEYS[4])
return 1
""")


_ERASE = Script("""
local calls = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local call = ARGV[1] .. string.match(member, '^%d+:(.*)$')
    local proposal = redis.call('HGET', call, 'proposal')
    if proposal then redis.call('DEL', ARGV[2] .. proposal) end
    if redis.call('EXISTS', call) == 1 then
        redis.call('HDEL', call, 'plan', 'proposal')
        redis.call('HSET', call, 'stage', 'erased')
    end
    table.insert(calls, member)
end
return #calls
""")


class RedisLedger:
    """`agent.ports.Ledger` on Redis."""

    def __init__(self, client: RedisClient) -> None:
        self._redis = client

    async def spent(self, taking: Taking) -> Spent:
        """What is taken of the limits now, by others than this call."""
        with unavailable("read an action's limits"):
            known = await names(self._redis)
            args = [_call(known, taking), *_since(taking), taking.day]
            ((amount, count, day),) = await self._redis.together([_SPENT(_keys(known, taking), args)])
        return Spent(customer=amount, day=day, count=count)

    async def take(self, taking: Taking) -> Taken:
        """Begin a call, in one atomic step; see the port."""
        limits = taking.limits
        most = (
            limits.per_customer.amount if limits.per_customer else "",
            limits.rate.count if limits.rate else "",
            "" if limits.per_day is None else limits.per_day,
        )
        kept_s = max([REMEMBERED_S, *(seconds(one.window) for one in (limits.per_customer, limits.rate) if one)])
        known = await names(self._redis)
        args = [
            _call(known, taking),
            *_since(taking),
            taking.amount,
            taking.at_ms,
            *most,
            taking.day,
            kept_s,
            _DAYS_S,
            json.dumps(taking.plan),
            taking.proposal_id,
        ]
        with unavailable("take of an action's limits"):
            (found,) = await confirmed(self._redis, [_TAKE(_keys(known, taking), args)])
        if found[0] == "known":
            return Taken(known=_entry(found[1], found[2]))
        return Taken(full=found[1]) if found[0] == "full" else Taken()

    async def find(self, action: str, proposal_id: str) -> Entry | None:
        """The call that was begun for a proposal."""
        with unavailable("read the ledger"):
            (key,) = await self._redis.together([command("GET", _name(action, "proposal", proposal_id))])
            if key is None:
                return None
            call = command("HMGET", _name(action, "call", key), "stage", "plan")
            ((stage, plan),) = await self._redis.together([call])
        return _entry(stage, plan) if stage and plan else None

    async def settle(self, taking: Taking, stage: LedgerStage) -> None:
        """Write down what came of a call; see the port."""
        with unavailable("write into the ledger"):
            await confirmed(self._redis, [_SETTLE(_keys(await names(self._redis), taking)[:1], [stage.value])])

    async def give_back(self, taking: Taking) -> None:
        """What a call took is free again; see the port."""
        with unavailable("give back of an action's limits"):
            known = await names(self._redis)
            await confirmed(self._redis, [_GIVE_BACK(_keys(known, taking), [_call(known, taking), taking.day])])

    async def of_customer(self, customer: str) -> list[dict[str, Any]]:
        """What is known of each call for them: action, stage, amount in cents, moment, plan."""
        found = []
        for action, key in await self._of(customer):
            with unavailable("read a customer's calls"):
                (members,) = await self._redis.together([command("ZRANGE", key, 0, -1)])
                asked = [command("HGETALL", _name(action, "call", member.partition(":")[2])) for member in members]
                calls = await self._redis.together(asked) if asked else []
            for call in calls:
                if call and call["stage"] != _ERASED:
                    values = {name: call[name] for name in ("stage", "amount", "at", "day")}
                    found.append({"action": action, **values, "plan": json.loads(call["plan"])})
        return found

    async def erase(self, customer: str) -> None:
        """Forget what was called for them; it isn't called again, and what it took of limits stays taken. Idempotent."""
        for action, key in await self._of(customer):
            with unavailable("erase a customer's calls"):
                await confirmed(self._redis, [_ERASE([key], [_name(action, "call", ""), _name(action, "proposal", "")])])

    async def _of(self, customer: str) -> list[tuple[str, str]]:
        """Actions that were carried out for them, and the keys of these. Goes through all keys."""
        name = (await names(self._redis)).of("customer", customer)
        with unavailable("find a customer's calls"):
            keys = [str(key) async for key in self._redis.scan_iter(match=f"innkeeper:{{action:*}}:of:{name}", count=1000)]
        return [(key.removeprefix("innkeeper:{action:").partition("}:of:")[0], key) for key in keys]


def _entry(stage: str, plan: str) -> Entry:
    return Entry(LedgerStage(stage), json.loads(plan))


def _since(taking: Taking) -> list[str]:
    """The moments from which the customer's amounts and calls count; empty for a limit that there isn't."""
    limits = (taking.limits.per_customer, taking.limits.rate)
    return ["" if one is None else str(taking.at_ms - seconds(one.window) * 1000) for one in limits]


def _name(action: str, part: str, whose: str) -> str:
    return f"innkeeper:{{action:{action}}}:{part}:{whose}"


def _call(known: Names, taking: Taking) -> str:
    return known.of("call", taking.action, taking.key)


def _keys(known: Names, taking: Taking) -> list[str]:
    customer = known.of("customer", taking.customer)
    parts = (("call", _call(known, taking)), ("of", customer), ("day", taking.day), ("proposal", taking.proposal_id))
    return [_name(taking.action, part, whose) for part, whose in parts]
