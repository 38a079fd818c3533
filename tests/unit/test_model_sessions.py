"""A conversation's session: the same everywhere, told apart from others, and nothing that one could read."""

import asyncio

from agent.model_sessions import current_session, model_session, session_of


def test_it_is_the_same_wherever_it_is_asked_and_says_nothing_of_the_conversation() -> None:
    found = session_of("zammad:4711")
    assert found == session_of("zammad:4711")
    assert len(found) == 32
    assert int(found, 16) > 0
    assert "4711" not in session_of("zammad:4711:4711")
    assert len({session_of(name) for name in ("zammad:4711", "zammad:471", "zammad:47111", "widget:4711", "\ud800")}) == 5


async def test_it_holds_for_what_is_started_in_there_and_for_nothing_else() -> None:
    async def told() -> str:
        await asyncio.sleep(0)
        return current_session()

    async def conversation(name: str) -> set[str]:
        with model_session(name):
            return {await told(), *await asyncio.gather(told(), told())}

    first, second = await asyncio.gather(conversation("a"), conversation("b"))
    assert first == {session_of("a")}
    assert second == {session_of("b")}
    assert current_session() not in first | second


def test_without_a_conversation_every_call_is_by_itself() -> None:
    assert len({current_session() for _ in range(50)}) == 50
