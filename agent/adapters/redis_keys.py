"""Where conversations and the outbox are kept in Redis, and how an index of all shards is read.

Keys, all under `innkeeper:`. Those of one conversation share the tag of its shard, and so do the indexes that the shard
has of its own, so each step is one script in one slot of a cluster:

    innkeeper:{tag}:conversation:<id>:meta      hash  source, ticket_id, subject, begun, length, answered, last_customer,
                                                      handed_off, seen_at_person, waits_for_person, undelivered,
                                                      proposal, customers, approval, ruling, tool_failures, tools_failed_at
    innkeeper:{tag}:conversation:<id>:messages  list  one JSON each, oldest first
    innkeeper:{tag}:conversation:<id>:ids       set   message ids that are known
    innkeeper:{tag}:conversation:<id>:waiting   hash  the turn whose draft waits for a person, see `checkpoints`
    innkeeper:{tag}:unanswered                  zset  conversation id, by the time of the first message no outcome has seen
    innkeeper:{tag}:customers                   zset  customer's name, line end, conversation id, by when it is forgotten
    innkeeper:{tag}:approvals                   zset  conversation id, by the time when what waits for a person is over
    innkeeper:{tag}:outbox:entries              hash  outbox id -> JSON
    innkeeper:{tag}:outbox:pending              zset  outbox id, line end, conversation id, by the time of its commit
    innkeeper:{tag}:outbox:dead                 hash  outbox id -> JSON with the reason; kept for a person

A conversation's keys go together, so long after the last thing that happened in it. None goes while something is owed: a
message that no outcome has seen, an entry in the outbox, a draft or a hand-off that no person has taken up.

A customer's name is a hash of the company's own name for them, or of their address: see `customer_names`.
"""

import hashlib

from agent.adapters.redis_clients import RedisClient
from agent.adapters.redis_commands import command
from agent.adapters.redis_shards import TAGS, shard_key, tag_of
from agent.types import ConversationId, Customer, OutboxKey

CUSTOMERS = "customers"
UNANSWERED = "unanswered"
APPROVALS = "approvals"
ENTRIES = "outbox:entries"
PENDING = "outbox:pending"
DEAD = "outbox:dead"


def waiting_key(conversation_id: str) -> str:
    """Where the turn of a conversation is kept whose draft waits for a person."""
    return shard_key(tag_of(conversation_id), f"conversation:{conversation_id}:waiting")


def conversation_keys(conversation_id: ConversationId) -> list[str]:
    """Those of one conversation, as scripts take them: meta, messages, ids, waiting."""
    name = shard_key(tag_of(conversation_id), f"conversation:{conversation_id}")
    return [*(f"{name}:{part}" for part in ("meta", "messages", "ids")), waiting_key(conversation_id)]


def step_keys(conversation_id: ConversationId, *indexes: str) -> list[str]:
    """Those of one conversation, these indexes of its shard, and that of customers."""
    tag = tag_of(conversation_id)
    return [*conversation_keys(conversation_id), *(shard_key(tag, index) for index in (*indexes, CUSTOMERS))]


def customer_names(customer: Customer) -> list[str]:
    """What stands for a customer in the index: of the company's own name for them, and of their address. [] for nobody."""
    given = {"id": customer.customer_id, "email": customer.email and customer.email.strip().casefold()}
    return [
        hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        for kind, value in given.items()
        if value
    ]


def pending_member(key: OutboxKey) -> str:
    """What stands for an entry in the index of what is pending."""
    return f"{key.outbox_id}\n{key.conversation_id}"


async def oldest_first(client: RedisClient, name: str, until: int | None = None) -> list[str]:
    """The members of such a sorted set of every shard, by their scores; those up to `until` if it is given."""
    scored = {"withscores": True, "score_cast_func": float}
    most = "+inf" if until is None else until
    asked = [command("ZRANGEBYSCORE", shard_key(tag, name), "-inf", most, "WITHSCORES", **scored) for tag in TAGS]
    found = [pair for shard in await client.together(asked) for pair in shard]
    return [str(member) for member, _ in sorted(found, key=lambda pair: pair[1])]
