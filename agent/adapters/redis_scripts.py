"""The atomic steps of conversations and the outbox, in Lua. Which keys there are stands in `redis_store`."""

from agent.adapters.redis_clients import Script

# The end of a step that has found nothing in its way: the entry, and the message that it is for those who read on.
_WRITE = """
if message ~= '' then
    redis.call('SADD', ids, outbox_id)
    redis.call('RPUSH', messages, message)
    redis.call('HINCRBY', meta, 'length', 1)
end
redis.call('HSET', entries, outbox_id, entry)
redis.call('ZADD', pending, now, member)
return entry
"""

APPEND = Script("""
local meta, messages, ids, unanswered = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local cid, message_id, message, author, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('SADD', ids, message_id) == 0 then return 0 end
redis.call('RPUSH', messages, message)
local length = redis.call('HINCRBY', meta, 'length', 1)
redis.call('HSETNX', meta, 'source', ARGV[6])
redis.call('HSETNX', meta, 'ticket_id', ARGV[7])
if ARGV[8] ~= '' then redis.call('HSETNX', meta, 'subject', ARGV[8]) end
if author == 'customer' then
    redis.call('HSET', meta, 'last_customer', length)
    redis.call('ZADD', unanswered, 'NX', now, cid)
elseif author == 'human_agent' then
    redis.call('HSET', meta, 'handed_off', '1')
end
return 1
""")

# Both in one step: no message comes in between.
READ = Script("return {redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)}")

# The answer of a run that is committed again (its first reply was lost on the wire) is the entry that is
# already stored. `false` is the port's None.
COMMIT = Script(
    """
local meta, messages, ids, unanswered, entries, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local cid, length, answered, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local outbox_id, member, entry, message, handoff = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
if outbox_id ~= '' then
    local stored = redis.call('HGET', entries, outbox_id)
    if stored then return stored end
end
local now_length = tonumber(redis.call('HGET', meta, 'length') or '0')
local now_answered = tonumber(redis.call('HGET', meta, 'answered') or '0')
local last_customer = tonumber(redis.call('HGET', meta, 'last_customer') or '0')
if now_length ~= length or now_answered ~= answered or last_customer <= now_answered then return false end
redis.call('HSET', meta, 'answered', length)
redis.call('ZREM', unanswered, cid)
if handoff == '1' then redis.call('HSET', meta, 'handed_off', '1') end
if outbox_id == '' then return false end
"""
    + _WRITE
)

# The id set remembers every release for ever, so a repeated approval finds it.
RELEASE = Script("""
local meta, messages, ids, entries, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local length, now, outbox_id, member = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local entry, message, handoff = ARGV[5], ARGV[6], ARGV[7]
if tonumber(redis.call('HGET', meta, 'length') or '0') ~= length then return false end
if redis.call('SADD', ids, outbox_id) == 0 then return false end
if handoff == '1' then redis.call('HSET', meta, 'handed_off', '1') end
redis.call('RPUSH', messages, message)
redis.call('HSET', meta, 'answered', redis.call('HINCRBY', meta, 'length', 1))
redis.call('HSET', entries, outbox_id, entry)
redis.call('ZADD', pending, now, member)
return entry
""")

# What is handed off is taken back only once the helpdesk has shown it as a person's.
SET_OWNER = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[1] == '1' then
    redis.call('HSET', KEYS[1], 'handed_off', '1', 'seen_at_person', '1')
elseif redis.call('HGET', KEYS[1], 'seen_at_person') == '1' then
    redis.call('HDEL', KEYS[1], 'handed_off', 'seen_at_person')
end
return 1
""")

# A note is heeded once: a hand-off that comes after it stands.
GIVE_BACK = Script("""
local meta, ids = KEYS[1], KEYS[2]
if redis.call('EXISTS', meta) == 0 or redis.call('SADD', ids, ARGV[1]) == 0 then return 0 end
redis.call('HDEL', meta, 'handed_off', 'seen_at_person')
return 1
""")

# Once a person owns the conversation there is nothing to hand off. What was asked so far is the person's.
HAND_OFF = Script(
    """
local meta, messages, ids, unanswered, entries, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local cid, length, now, outbox_id = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local member, entry, message = ARGV[5], ARGV[6], ARGV[7]
if redis.call('HGET', meta, 'handed_off') == '1' then return false end
if tonumber(redis.call('HGET', meta, 'length') or '0') ~= length then return false end
redis.call('HSETNX', meta, 'source', ARGV[8])
redis.call('HSETNX', meta, 'ticket_id', ARGV[9])
redis.call('HSET', meta, 'handed_off', '1', 'answered', length, 'length', length)
redis.call('ZREM', unanswered, cid)
"""
    + _WRITE
)

SETTLE = Script("""
local entry = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[2])
if not entry then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[3], ARGV[1], ARGV[3]) end
return 1
""")
