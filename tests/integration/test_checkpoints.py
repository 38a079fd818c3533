"""What waits for a person survives a restart."""

from dataclasses import dataclass
from typing import TypedDict

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from agent.adapters.checkpoints import UNCOMMITTED_S, open_checkpointer
from agent.adapters.redis_clients import redis_client
from agent.adapters.redis_commands import command
from agent.adapters.redis_keys import waiting_key
from tests.redis_groups import Group
from tests.samples import full_outcome
from tests.servers import RedisServer


@dataclass(frozen=True)
class Draft:
    text: str


class State(TypedDict, total=False):
    draft: Draft
    answer: str


def approval(checkpointer: BaseCheckpointSaver):
    def draft(state: State) -> State:
        return {"draft": Draft("half back")}

    def approve(state: State) -> State:
        return {"answer": state["draft"].text if interrupt("send it?") == "yes" else ""}

    graph = StateGraph(State)
    graph.add_node("draft", draft)
    graph.add_node("approve", approve)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "approve")
    graph.add_edge("approve", END)
    return graph.compile(checkpointer=checkpointer)


def failing(checkpointer: BaseCheckpointSaver):
    def draft(state: State) -> State:
        raise RuntimeError("the model is down")

    graph = StateGraph(State)
    graph.add_node("draft", draft)
    graph.add_edge(START, "draft")
    graph.add_edge("draft", END)
    return graph.compile(checkpointer=checkpointer)


THREAD = {"configurable": {"thread_id": "desk:1"}}
PASSING = {"configurable": {"thread_id": "desk:2"}}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis_server", "redis_cluster"])
async def test_an_interrupted_graph_goes_on_with_a_new_checkpointer(kind: str, request: pytest.FixtureRequest) -> None:
    server: RedisServer | Group = request.getfixturevalue(kind)
    server.flush()
    async with open_checkpointer(server.url, state_types=[Draft]) as checkpointer:
        waiting = await approval(checkpointer).ainvoke({}, THREAD)
        assert waiting["__interrupt__"][0].value == "send it?"
    async with open_checkpointer(server.url, state_types=[Draft]) as checkpointer:
        done = await approval(checkpointer).ainvoke(Command(resume="yes"), THREAD)
        assert done["answer"] == "half back"
        history = [state.next async for state in approval(checkpointer).aget_state_history(THREAD)]
        assert history == [()], "the newest alone is kept"
        other = {"configurable": {"thread_id": "desk:2"}}
        await approval(checkpointer).ainvoke({}, other)
        await checkpointer.adelete_thread("desk:1")
        assert await checkpointer.aget_tuple(THREAD) is None
        assert await checkpointer.aget_tuple(other) is not None


@pytest.mark.slow
async def test_a_checkpoint_is_kept_for_a_while_only(redis_server, redis_url: str) -> None:
    import redis

    async with open_checkpointer(redis_url, state_types=[Draft]) as checkpointer:
        await approval(checkpointer).ainvoke({}, THREAD)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        kept = {key: client.ttl(key) for key in client.scan_iter("innkeeper:*")}
    (key,) = kept
    assert key.endswith("}:conversation:desk:1:waiting")
    assert 0 < kept[key] <= UNCOMMITTED_S


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis_server", "redis_cluster"])
async def test_only_what_waits_is_written(kind: str, request: pytest.FixtureRequest) -> None:
    server: RedisServer | Group = request.getfixturevalue(kind)
    server.flush()
    async with open_checkpointer(server.url, state_types=[Draft], waits=lambda state: False) as checkpointer:
        assert (await approval(checkpointer).ainvoke({}, PASSING, durability="exit"))["draft"] == Draft("half back")
        assert await checkpointer.aget_tuple(PASSING) is None
        with pytest.raises(RuntimeError, match="the model is down"):
            await failing(checkpointer).ainvoke({}, THREAD, durability="exit")
        async with redis_client(server.url) as client:
            assert await client.together([command("EXISTS", waiting_key("desk:1"))]) == [0], "a failed try leaves nothing"


@pytest.mark.slow
async def test_what_already_waits_for_a_person_keeps_waiting(redis_url: str) -> None:
    async with open_checkpointer(redis_url, state_types=[Draft]) as checkpointer, redis_client(redis_url) as client:
        await approval(checkpointer).ainvoke({}, THREAD, durability="exit")
        await client.together([command("EXPIRE", waiting_key("desk:1"), 60)])
        await approval(checkpointer).ainvoke({}, THREAD, durability="exit")
        (left,) = await client.together([command("TTL", waiting_key("desk:1"))])
        assert left > 60, "a turn that is run again has all of its time"
        await client.together([command("PERSIST", waiting_key("desk:1"))])
        await approval(checkpointer).ainvoke({}, THREAD, durability="exit")
        assert await client.together([command("TTL", waiting_key("desk:1"))]) == [-1]
        state = await approval(checkpointer).aget_state(THREAD)
        assert (state.next, len(state.interrupts)) == (("approve",), 1)


async def test_a_single_question_needs_no_redis() -> None:
    async with open_checkpointer(None) as checkpointer:
        assert (await approval(checkpointer).ainvoke({}, THREAD))["__interrupt__"]


async def test_a_class_that_was_not_named_is_not_made() -> None:
    async with open_checkpointer(None) as checkpointer:
        kind, data = checkpointer.serde.dumps_typed(full_outcome())
        assert not isinstance(checkpointer.serde.loads_typed((kind, data)), type(full_outcome()))
