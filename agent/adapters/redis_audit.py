"""The audit log on plain Redis: a stream whose entries are chained, see `agent.privacy.chain`.

All of it is in one slot:

    innkeeper:{innkeeper-audit}:log      stream  <seq>-0: e, the entry as canonical JSON, and h, its hash
    innkeeper:{innkeeper-audit}:head     hash    seq, hash of the newest entry
    innkeeper:{innkeeper-audit}:anchor   hash    seq, hash of the newest entry that was cut from the front
    innkeeper:{innkeeper-audit}:events   zset    keyed hash of an event's id, by the time it was written
    innkeeper:{innkeeper-audit}:pack     string  hash of the policy pack that the newest entry about one names

Redis' Lua has no SHA-256: the hash is made here, on the head as it was read, and written if that is still the head.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_pseudonyms import RedisPseudonyms, keyed, names, pseudonym
from agent.adapters.redis_shards import PREFIX
from agent.errors import QueueUnavailable
from agent.ports import AuditEvent, AuditKind
from agent.privacy.chain import GENESIS, Mark, Sealed, Walk, canonical, seal

_NAME = PREFIX + "{innkeeper-audit}:"
_LOG, _HEAD, _ANCHOR, _EVENTS, _PACK = (_NAME + part for part in ("log", "head", "anchor", "events", "pack"))
TRIES = 200
"""Of one append while others append. Each round one of them gets through."""
PAGE = 500
CUSTOMER, CONVERSATION = "customer", "conversation"
"""Kinds of pseudonyms."""

# What is too old is cut from the front, a few at a time; the newest entry stays.
_APPEND = Script("""
local log, head, anchor, events, pack = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seq, before, text, digest, event, now, oldest, sha = unpack(ARGV)
if redis.call('ZSCORE', events, event) then return {'known'} end
if sha ~= '' and redis.call('GET', pack) == sha then return {'known'} end
local at = redis.call('HMGET', head, 'seq', 'hash')
if (at[1] or '0') ~= tostring(tonumber(seq) - 1) or (at[2] or before) ~= before then return {'moved'} end
redis.call('XADD', log, seq .. '-0', 'e', text, 'h', digest)
redis.call('HSET', head, 'seq', seq, 'hash', digest)
redis.call('ZADD', events, now, event)
if sha ~= '' then redis.call('SET', pack, sha) end
if oldest ~= '' then
    for _, entry in ipairs(redis.call('XRANGE', log, '-', '(' .. seq .. '-0', 'COUNT', 16)) do
        -- What can't be read was tampered with: it stays, for `verify` to find.
        local is_json, read = pcall(cjson.decode, entry[2][2])
        local at = is_json and type(read) == 'table' and read['at']
        if type(at) ~= 'string' or at >= oldest then break end
        redis.call('HSET', anchor, 'seq', string.match(entry[1], '^(%d+)'), 'hash', entry[2][4])
        redis.call('XDEL', log, entry[1])
    end
    redis.call('ZREMRANGEBYSCORE', events, '-inf', '(' .. ARGV[9])
end
return {'written'}
""")


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a check.

    Attributes:
        entries: how many were found good.
        head: the last good one.
        anchor: what was cut from the front ends here.
        wrong: the first thing that is wrong; None if nothing is.
    """

    entries: int
    head: Mark
    anchor: Mark
    wrong: str | None = None


class RedisAuditLog:
    """`agent.ports.AuditLog` on Redis."""

    def __init__(self, client: RedisClient, keep_s: int = 0) -> None:
        """`keep_s`: how long entries are kept; 0 for ever."""
        self._redis = client
        self._keep_s = keep_s
        self.pseudonyms = RedisPseudonyms(client, keep_s)

    async def record(self, event: AuditEvent) -> None:
        """See `AuditLog`."""
        entry = await self._entry(event)
        secret = (await names(self._redis)).of("event", event.event_id)
        sha = event.policy.sha256 if event.kind is AuditKind.PACK and event.policy else ""
        keys = [_LOG, _HEAD, _ANCHOR, _EVENTS, _PACK]
        for tried in range(TRIES):
            before, now = await self.head(), time.time()
            oldest = now - self._keep_s
            sealed = seal({**entry, "at": _iso(now)}, before)
            args: list[Any] = [sealed.mark.seq, before.digest, sealed.text, sealed.mark.digest, secret, int(now * 1000)]
            args += [_iso(oldest) if self._keep_s else "", sha, int(oldest * 1000)]
            with unavailable("write into the audit log"):
                ((became,),) = await confirmed(self._redis, [_APPEND(keys, args)])
            if became != "moved":
                return
            await asyncio.sleep(random.uniform(0, 0.002 * min(tried + 1, 20)))
        raise QueueUnavailable(f"the audit log was written to by others each of {TRIES} times, so an entry was not; try again")

    async def head(self) -> Mark:
        """The newest entry's place."""
        return await self._mark(_HEAD)

    async def anchor(self) -> Mark:
        """The place up to which entries were cut."""
        return await self._mark(_ANCHOR)

    async def sealed(self, after: int = 0) -> AsyncIterator[Sealed]:
        """Every entry that is kept behind that one, oldest first."""
        start = f"({after}-0" if after else "-"
        while True:
            with unavailable("read the audit log"):
                (page,) = await self._redis.together([command("XRANGE", _LOG, start, "+", "COUNT", PAGE)])
            for entry_id, pairs in page:
                fields = pairs if isinstance(pairs, dict) else dict(zip(pairs[::2], pairs[1::2], strict=True))
                seq, _, part = str(entry_id).partition("-")
                # What was put in between has another second part, and so no number of its own.
                yield Sealed(fields.get("e", ""), Mark(int(seq) if part == "0" else -1, fields.get("h", "")))
            if len(page) < PAGE:
                return
            start = f"({page[-1][0]}"

    async def entries(self) -> AsyncIterator[dict[str, Any]]:
        """The same as they are read. Raises `ValueError` if one is no JSON object with a time."""
        async for sealed in self.sealed():
            entry = _entry_of(sealed)
            if entry is None:
                raise ValueError(f"entry {sealed.mark.seq} is none")
            yield entry

    async def verify(self, expected: Mark | None = None) -> Verified:
        """Go through all of it."""
        found = await self._verify(expected)
        while found.wrong is not None and await self.anchor() != found.anchor:  # the front was cut meanwhile
            found = await self._verify(expected)
        return found

    async def _verify(self, expected: Mark | None) -> Verified:
        anchor = await self.anchor()
        walk = Walk(anchor, expected)
        wrong = walk.begin() if anchor.seq >= 0 else "what was written of the entries that were cut off is no place in the log"
        while wrong is None:
            begun = walk.at
            async for sealed in self.sealed(begun.seq):
                wrong = wrong or walk.step(sealed)
            head = await self.head()
            if wrong is None and (head.seq <= walk.at.seq or walk.at == begun):  # else more was appended meanwhile
                wrong = walk.end(head)
                break
        return Verified(walk.at.seq - anchor.seq, walk.at, anchor, wrong)

    async def pseudonym_of(self, whose: str) -> str:
        """What stands for a customer in entries from now on, and has until now."""
        return pseudonym(await self.pseudonyms.secret(CUSTOMER, whose))

    async def about(self, customers: Iterable[str], conversations: Iterable[str] = ()) -> list[dict[str, Any]]:
        """The entries about a customer by any of these names, and those in these conversations about nobody who is known.

        Oldest first. What can't be read is passed over: `verify` finds it.
        """
        theirs, there = await self._pseudonyms(CUSTOMER, customers), await self._pseudonyms(CONVERSATION, conversations)
        if not theirs and not there:
            return []

        def is_meant(entry: dict[str, Any]) -> bool:
            return str(entry["subject"]) in theirs if "subject" in entry else str(entry.get("conversation")) in there

        found = (_entry_of(sealed) async for sealed in self.sealed())
        return [entry async for entry in found if entry is not None and is_meant(entry)]

    async def _pseudonyms(self, kind: str, whose: Iterable[str]) -> set[str]:
        found = [await self.pseudonyms.find(kind, one) for one in whose]
        return {pseudonym(secret) for secret in found if secret is not None}

    async def _mark(self, key: str) -> Mark:
        with unavailable("read the audit log"):
            ((seq, digest),) = await self._redis.together([command("HMGET", key, "seq", "hash")])
        # What is no number was not written by us: no entry has such a place, so the walk ends with a word about it.
        return Mark(int(seq or 0) if str(seq or 0).isdecimal() else -1, digest or GENESIS)

    async def _entry(self, event: AuditEvent) -> dict[str, Any]:
        place = event.conversation_id or event.customer
        subject = await self.pseudonyms.secret(CUSTOMER, event.customer) if event.customer else ""
        about = await self.pseudonyms.secret(CONVERSATION if event.conversation_id else CUSTOMER, place) if place else ""
        found: dict[str, Any] = {
            "kind": event.kind.value,
            "subject": event.pseudonym or (pseudonym(subject) if subject else ""),
            "conversation": pseudonym(about) if event.conversation_id else "",
            # By a secret that is forgotten with the customer: a helpdesk may know the turn's id for longer.
            "turn": keyed(about, event.turn)[:16] if about and event.turn else "",
            "action": event.action,
            "decision": event.decision,
            "rules": list(event.rules),
            "policy": {"version": event.policy.version, "sha256": event.policy.sha256} if event.policy else {},
            "facts": keyed(about, canonical(event.facts)) if about and event.facts else "",
            "who": event.who,
        }
        return {name: value for name, value in found.items() if value}


def _entry_of(sealed: Sealed) -> dict[str, Any] | None:
    """An entry with its hash; None if it is no JSON object with a time, as all of ours are."""
    try:
        entry = json.loads(sealed.text)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("at"), str):
        return None
    return {**entry, "hash": sealed.mark.digest}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
