"""The atomic steps of conversations and the outbox, in Lua. Which keys there are stands in `redis_keys`.

All begin with the four keys of a conversation (`APPEND` with three), and end with the shard's index of customers. The last two
arguments are `1` if that index is given, and how many seconds the conversation is kept.
"""

from agent.adapters.redis_commands import Script

# The conversation lasts so long from now, or for ever while something is owed: then only what has a time to live is touched.
# A draft that nobody waits for any more goes with it; one that was never committed has its own, short time.
# Whose it is stands in an index for just as long.
_KEEP = """
local meta, messages, ids, waiting = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local customers = ARGV[#ARGV - 1] == '1' and KEYS[#KEYS]
local function index(is_owed, kept_s)
    local whose = customers and redis.call('HGET', meta, 'customers')
    if not whose then return end
    local now = tonumber(redis.call('TIME')[1])
    local until_then = (is_owed or kept_s == 0) and '+inf' or now + kept_s
    for name in string.gmatch(whose, '%S+') do
        redis.call('ZADD', customers, until_then, name .. string.char(10) .. string.match(meta, ':conversation:(.*):meta$'))
    end
    redis.call('ZREMRANGEBYSCORE', customers, '-inf', now - 1)
    local last = redis.call('ZRANGE', customers, -1, -1, 'WITHSCORES')[2]
    if last == 'inf' then redis.call('PERSIST', customers) else redis.call('EXPIREAT', customers, math.floor(last) + 1) end
end
local function keep()
    local kept_s = tonumber(ARGV[#ARGV])
    local is = redis.call('HMGET', meta, 'last_customer', 'answered', 'waits_for_person', 'undelivered')
    local is_owed = tonumber(is[1] or '0') > tonumber(is[2] or '0') or is[3] == '1' or tonumber(is[4] or '0') > 0
    if waiting and is[3] == '1' then
        redis.call('PERSIST', waiting)
    elseif waiting and kept_s > 0 and redis.call('TTL', waiting) == -1 then
        redis.call('EXPIRE', waiting, kept_s)
    end
    if kept_s > 0 and not is_owed then
        for _, key in ipairs({meta, messages, ids}) do redis.call('EXPIRE', key, kept_s) end
    elseif redis.call('TTL', meta) > 0 then
        for _, key in ipairs({meta, messages, ids}) do redis.call('PERSIST', key) end
    end
    index(is_owed, kept_s)
end
"""

# The end of a step that has found nothing in its way: the entry, and the message that it is for those who read on.
_WRITE = """
if message ~= '' then
    redis.call('SADD', ids, outbox_id)
    redis.call('RPUSH', messages, message)
    redis.call('HINCRBY', meta, 'length', 1)
end
redis.call('HSET', entries, outbox_id, entry)
redis.call('ZADD', pending, now, member)
redis.call('HINCRBY', meta, 'undelivered', 1)
keep()
return entry
"""

# A draft is given only with a person's message, which may end its waiting: on a cluster a step has to wait for a slot that
# moves if one of its keys is not there, and most conversations have no draft. The same holds for the index: it is given with a
# customer who is known and with a person's message; -1, and nothing is done, where it has to be given, too.
APPEND = Script(
    _KEEP
    + """
local unanswered = KEYS[4]
waiting = ARGV[4] == 'human_agent' and KEYS[5]
if not customers and redis.call('HEXISTS', meta, 'customers') == 1 then return -1 end
local cid, message_id, message, author, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('SADD', ids, message_id) == 0 then return 0 end
redis.call('RPUSH', messages, message)
local length = redis.call('HINCRBY', meta, 'length', 1)
redis.call('HSETNX', meta, 'source', ARGV[6])
redis.call('HSETNX', meta, 'ticket_id', ARGV[7])
redis.call('HSETNX', meta, 'begun', now)
if ARGV[8] ~= '' then redis.call('HSETNX', meta, 'subject', ARGV[8]) end
local whose = redis.call('HGET', meta, 'customers') or ''
for name in string.gmatch(ARGV[9], '%S+') do
    if not string.find(whose, name, 1, true) then whose = whose .. ' ' .. name end
end
if whose ~= '' then redis.call('HSET', meta, 'customers', whose) end
if author == 'customer' then
    redis.call('HSET', meta, 'last_customer', length)
    redis.call('ZADD', unanswered, 'NX', now, cid)
elseif author == 'human_agent' then
    redis.call('HSET', meta, 'handed_off', '1')
    redis.call('HDEL', meta, 'waits_for_person', 'proposal', 'approval')
end
keep()
return 1
"""
)

# Both in one step: no message comes in between.
READ = Script("return {redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)}")

# The answer of a run that is committed again (its first reply was lost on the wire) is the entry that is
# already stored. `false` is the port's None. What is said now ends a draft of before, unless it is said beside it.
COMMIT = Script(
    _KEEP
    + """
local unanswered, entries, pending, approvals = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local cid, length, answered, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local outbox_id, member, entry, message, decision = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local proposal, approval, until_ms, keeps_draft = ARGV[10], ARGV[11], ARGV[12], ARGV[13] == '1'
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
if proposal ~= '' then redis.call('HSET', meta, 'proposal', proposal) else redis.call('HDEL', meta, 'proposal') end
if outbox_id == '' then
    keep()
    return false
end
if not keeps_draft then
    if decision == 'handoff' then
        redis.call('HSET', meta, 'handed_off', '1')
        redis.call('HDEL', meta, 'tool_failures', 'tools_failed_at')
    end
    if decision ~= 'draft' then redis.call('DEL', waiting) end
    if decision == 'handoff' or decision == 'draft' then
        redis.call('HSET', meta, 'waits_for_person', '1')
    else
        redis.call('HDEL', meta, 'waits_for_person')
    end
    redis.call('HDEL', meta, 'approval', 'ruling')
    redis.call('ZREM', approvals, cid)
    if approval ~= '' then redis.call('HSET', meta, 'approval', approval) end
    if until_ms ~= '' then redis.call('ZADD', approvals, until_ms, cid) end
end
"""
    + _WRITE
)

# The first ruling stands. Whoever made it may die before it is released, so it is due again after a while.
RULE = Script(
    _KEEP
    + """
local approvals = KEYS[5]
local cid, length, released_id, mine, again_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local standing = redis.call('HGET', meta, 'ruling')
if not standing then
    if tonumber(redis.call('HGET', meta, 'length') or '0') ~= length then return false end
    if redis.call('SISMEMBER', ids, released_id) == 1 then return false end
    standing = mine
    redis.call('HSET', meta, 'ruling', mine)
end
redis.call('ZADD', approvals, again_ms, cid)
keep()
return standing
"""
)

# Counted with the state of the conversation for which it failed: what is asked later has not failed yet.
NOTE_TOOL_FAILURE = Script(
    _KEEP
    + """
if redis.call('EXISTS', meta) == 0 then return 0 end
redis.call('HSET', meta, 'tools_failed_at', ARGV[1])
local failures = redis.call('HINCRBY', meta, 'tool_failures', 1)
keep()
return failures
"""
)

# What was found to wait no more, unless something has been said or ruled since.
FORGET_APPROVAL = Script(
    _KEEP
    + """
local approvals, cid, length, ruling = KEYS[5], ARGV[1], tonumber(ARGV[2]), ARGV[3]
if tonumber(redis.call('HGET', meta, 'length') or '0') ~= length then return 0 end
if (redis.call('HGET', meta, 'ruling') or '') ~= ruling then return 0 end
redis.call('HDEL', meta, 'approval', 'ruling')
redis.call('ZREM', approvals, cid)
keep()
return 1
"""
)

# The id set remembers every release as long as the conversation is kept, so a repeated approval finds it. What was ruled is
# released whatever has been said since: it may have been carried out.
RELEASE = Script(
    _KEEP
    + """
local entries, pending, approvals = KEYS[5], KEYS[6], KEYS[7]
local length, now, outbox_id, member = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local entry, message, handoff, nobody_has_it, cid = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local is_newest = tonumber(redis.call('HGET', meta, 'length') or '0') == length
if not is_newest and redis.call('HEXISTS', meta, 'ruling') == 0 then return false end
local is = redis.call('HMGET', meta, 'last_customer', 'answered')
local asks_more = tonumber(is[1] or '0') > tonumber(is[2] or '0')
if redis.call('SADD', ids, outbox_id) == 0 then return false end
if handoff == '1' then redis.call('HSET', meta, 'handed_off', '1') end
redis.call('RPUSH', messages, message)
local now_length = redis.call('HINCRBY', meta, 'length', 1)
if not asks_more then redis.call('HSET', meta, 'answered', now_length) end
redis.call('HSET', entries, outbox_id, entry)
redis.call('ZADD', pending, now, member)
redis.call('HINCRBY', meta, 'undelivered', 1)
redis.call('HDEL', meta, 'waits_for_person', 'proposal', 'approval', 'ruling')
if nobody_has_it == '1' then redis.call('HSET', meta, 'waits_for_person', '1') end
redis.call('ZREM', approvals, cid)
redis.call('DEL', waiting)
keep()
return entry
"""
)

# What is handed off is taken back only once the helpdesk has shown it as a person's.
SET_OWNER = Script(
    _KEEP
    + """
if redis.call('EXISTS', meta) == 0 then return 0 end
if ARGV[1] == '1' then
    redis.call('HSET', meta, 'handed_off', '1', 'seen_at_person', '1')
    redis.call('HDEL', meta, 'waits_for_person', 'proposal', 'approval')
elseif redis.call('HGET', meta, 'seen_at_person') == '1' then
    redis.call('HDEL', meta, 'handed_off', 'seen_at_person')
end
keep()
return 1
"""
)

# A note is heeded once: a hand-off that comes after it stands.
GIVE_BACK = Script(
    _KEEP
    + """
if redis.call('EXISTS', meta) == 0 or redis.call('SADD', ids, ARGV[1]) == 0 then return 0 end
redis.call('HDEL', meta, 'handed_off', 'seen_at_person', 'waits_for_person', 'approval')
keep()
return 1
"""
)

# Once a person owns the conversation there is nothing to hand off. What was asked so far is the person's.
HAND_OFF = Script(
    _KEEP
    + """
local unanswered, entries, pending = KEYS[5], KEYS[6], KEYS[7]
local cid, length, now, outbox_id = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local member, entry, message = ARGV[5], ARGV[6], ARGV[7]
if redis.call('HGET', meta, 'handed_off') == '1' then return false end
if tonumber(redis.call('HGET', meta, 'length') or '0') ~= length then return false end
redis.call('HSETNX', meta, 'source', ARGV[8])
redis.call('HSETNX', meta, 'ticket_id', ARGV[9])
redis.call('HSETNX', meta, 'begun', now)
redis.call('HSET', meta, 'handed_off', '1', 'answered', length, 'length', length, 'waits_for_person', '1')
redis.call('HDEL', meta, 'proposal', 'approval')
redis.call('ZREM', unanswered, cid)
"""
    + _WRITE
)

# What is given up is kept aside whole, so the conversation may go.
SETTLE = Script(
    _KEEP
    + """
local entries, pending, dead, outbox_id = KEYS[5], KEYS[6], KEYS[7], ARGV[1]
local entry = redis.call('HGET', entries, outbox_id)
redis.call('ZREM', pending, ARGV[2])
if not entry then return 0 end
redis.call('HDEL', entries, outbox_id)
if ARGV[3] ~= '' then redis.call('HSET', dead, outbox_id, ARGV[3]) end
if tonumber(redis.call('HGET', meta, 'undelivered') or '0') > 0 then
    redis.call('HINCRBY', meta, 'undelivered', -1)
    keep()
end
return 1
"""
)
