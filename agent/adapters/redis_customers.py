"""Which conversations are a customer's: by the index that each step of a conversation keeps, see `redis_keys`.

innkeeper:{innkeeper-customers}:indexed   string  1 once those from before there was an index are in it, too
"""

from collections.abc import Callable, Iterable

from agent.adapters.redis_clients import RedisClient, confirmed
from agent.adapters.redis_commands import Script, command
from agent.adapters.redis_failures import unavailable
from agent.adapters.redis_keys import CUSTOMERS, conversation_keys, customer_names
from agent.adapters.redis_shards import PREFIX, TAGS, shard_key, tag_of
from agent.adapters.redis_store import RedisConversations
from agent.adapters.tickets import conversation_ids
from agent.errors import ConversationMissing
from agent.types import ConversationId, Customer

INDEXED = PREFIX + "{innkeeper-customers}:indexed"
PAGE = 1000

# As long as the conversation, if there is one yet; its own steps go on from there.
_INDEX = Script("""
local meta, customers, name, cid, kept_s = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local left, now = redis.call('TTL', meta), tonumber(redis.call('TIME')[1])
if left ~= -2 then
    local whose = redis.call('HGET', meta, 'customers') or ''
    if not string.find(whose, name, 1, true) then redis.call('HSET', meta, 'customers', whose .. ' ' .. name) end
end
local until_then = left == -1 and '+inf' or now + math.max(left, kept_s)
redis.call('ZADD', customers, 'GT', until_then, name .. string.char(10) .. cid)
local last = redis.call('ZRANGE', customers, -1, -1, 'WITHSCORES')[2]
if last == 'inf' then redis.call('PERSIST', customers) else redis.call('EXPIREAT', customers, math.floor(last) + 1) end
return 1
""")


async def note_customer(client: RedisClient, conversation_id: ConversationId, customer: Customer, kept_s: int) -> None:
    """Put a conversation into the index for who is known otherwise than by a message in it.

    Args:
        client: of Redis.
        conversation_id: which need not have begun.
        customer: whose it is.
        kept_s: so long at least, in seconds.

    Raises:
        QueueUnavailable: Redis can't be reached.
    """
    keys = [conversation_keys(conversation_id)[0], shard_key(tag_of(conversation_id), CUSTOMERS)]
    with unavailable("write down whose a conversation is"):
        for name in customer_names(customer):
            await confirmed(client, [_INDEX(keys, [name, conversation_id, kept_s])])


async def conversations_of(client: RedisClient, customers: Iterable[Customer]) -> set[ConversationId]:
    """All that the index names. Raises `QueueUnavailable`."""
    names = {name for customer in customers for name in customer_names(customer)}
    found: set[ConversationId] = set()
    cursors = dict.fromkeys(TAGS, 0) if names else {}
    with unavailable("find a customer's conversations"):
        while cursors:
            asked = [command("ZSCAN", shard_key(tag, CUSTOMERS), at, "COUNT", PAGE) for tag, at in cursors.items()]
            told = await client.together(asked)
            for tag, (cursor, members) in zip(list(cursors), told, strict=True):
                for member, _ in members:
                    name, _, conversation_id = str(member).partition("\n")
                    if name in names:
                        found.add(ConversationId(conversation_id))
                cursors[tag] = int(cursor)
            cursors = {tag: cursor for tag, cursor in cursors.items() if cursor}
    return found


async def index_all(client: RedisClient, step: Callable[[int, int, str], None], *, again: bool = False) -> None:
    """Bring conversations into the index that began before there was one. Once; `again`: though it was done before.

    Args:
        client: of Redis.
        step: told of done, total, and which.
        again: go through all of them whatever was done before.

    Raises:
        QueueUnavailable: Redis can't be reached.
    """
    with unavailable("look whether all conversations are in the index of customers"):
        (done,) = await client.together([command("GET", INDEXED)])
    if done and not again:
        return
    conversations, ids = RedisConversations(client), await conversation_ids(client)
    for number, conversation_id in enumerate(ids):
        step(number, len(ids), conversation_id)
        try:
            messages = (await conversations.read(conversation_id)).messages
        except ConversationMissing:
            continue  # forgotten meanwhile
        for customer in {message.customer for message in messages}:
            await note_customer(client, conversation_id, customer, 0)
    with unavailable("write down that all conversations are in the index of customers"):
        await confirmed(client, [command("SET", INDEXED, "1")])
