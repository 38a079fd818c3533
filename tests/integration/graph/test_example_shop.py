"""The example shop in whole turns, with a real ledger: its tests, from the words of a customer to a call or a refusal."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_ledger import RedisLedger
from agent.graph.acting.reading import Desk
from agent.ports import Effect, ToolCall, ToolResult, ToolSpec
from agent.types import Author, Customer, Decision, Identity, Outcome
from policies.actions import Action, Kind
from policies.cases import PackCase
from policies.condition import Condition
from policies.engine import PolicyEngine
from policies.judging import ActionVerdict, Case, Ruling
from policies.load import default_folder, load_pack
from policies.schema import Pack
from policies.testing import action_case
from tests.samples import TICKET, message
from tests.servers import RedisServer
from tests.unit.test_turns import ID, House

pytestmark = pytest.mark.slow


def in_a_word(pack: Pack) -> Pack:
    """The pack, with actions that are asked for by their ids: what their examples are near to is tested by the pack itself."""
    named = [one.model_copy(update={"when": (Condition(pattern=rf"\b{one.id}\b"),)}) for one in pack.actions]
    return pack.model_copy(update={"actions": tuple(named)})


ENGINE = PolicyEngine(in_a_word(load_pack(default_folder().parent / "examples" / "abcd_shop")))
CASES = [placed.case for placed in ENGINE.cases if placed.case.given.action is not None]


class Systems:
    """`agent.ports.Tools` that says what the facts of a case are, and remembers what it was told to change."""

    def __init__(self, action: Action, values: Mapping[str, Any]) -> None:
        self.facts = {fact.tool: values[name] for name, fact in action.facts.items()}
        changes = {action.tool: Effect.WRITE} if action.tool is not None else {}
        self.operations = {**dict.fromkeys(self.facts, Effect.READ), **changes}
        self.changes: list[ToolCall] = []

    async def specs(self, *tools: str) -> Mapping[str, ToolSpec]:
        return {tool: ToolSpec(tool, tool, {}, effect) for tool, effect in self.operations.items()}

    async def call(self, call: ToolCall) -> ToolResult:
        if call.tool in self.facts:
            return ToolResult(json.loads(json.dumps(self.facts[call.tool])))
        self.changes.append(call)
        return ToolResult({"ok": True})


class Shop(House):
    def __init__(self, client: RedisClient, systems: Systems, given: Case) -> None:
        super().__init__(policies=ENGINE, waits=True)
        self.customer = Customer(Identity(given.identity), given.customer_id, given.email)
        self.count = 0
        desk = Desk(systems, RedisLedger(client), lambda: given.clock, systems.operations)
        self.turns = replace(self.turns, context=replace(self.turns.context, desk=desk))

    async def hear(self, text: str) -> Outcome:
        self.count += 1
        said = replace(message(f"m{self.count}", Author.CUSTOMER, text), customer=self.customer)
        await self.conversations.append(TICKET, said)
        entry = await self.turns.run_turn(ID)
        assert entry is not None
        return entry.outcome


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[RedisClient]:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        yield client


def words(case: PackCase, action: Action) -> str:
    """What a customer writes who names everything at once."""
    named = [str(case.given.values[name]) for name in action.arguments if name in case.given.values]
    amounts = any(argument.type == "amount" for argument in action.arguments.values())
    return f"{action.id}: " + ", ".join(f"${one}" if amounts else one for one in named)


async def turns(client: RedisClient, case: PackCase) -> tuple[ActionVerdict, Systems, Outcome, Outcome | None]:
    """What the rules say, the systems afterwards, the reply to the wish, and the one to a yes."""
    judge, given = ENGINE.actions[str(case.given.action)], action_case(ENGINE, case.given)
    systems = Systems(judge.action, given.values)
    shop = Shop(client, systems, given)
    first = await shop.hear(words(case, judge.action))
    asked = first.decision is Decision.CLARIFY
    assert systems.changes == [], "nothing is changed before a yes"
    return judge.judge(given), systems, first, await shop.hear("Yes, please") if asked else None


def tellable(case: PackCase) -> bool:
    """Left out are values that no customer can name: an answer that isn't one of those asked for."""
    action = ENGINE.actions[str(case.given.action)].action
    return all(not one.only or case.given.values[name] in one.only for name, one in action.arguments.items())


@pytest.mark.parametrize("action_id", sorted(ENGINE.actions))
async def test_each_case_ends_in_turns_as_it_does_in_the_packs_tests(client: RedisClient, action_id: str) -> None:
    for case in (one for one in CASES if one.given.action == action_id and tellable(one)):
        await client.flushdb()
        verdict, systems, first, second = await turns(client, case)
        kind = ENGINE.actions[action_id].action.kind
        if verdict.ruling is Ruling.DENY:
            assert first.decision is Decision.REFUSE, case.name
            assert verdict.rule in first.policy.rules, case.name
            assert second is None
            assert systems.changes == []
        elif kind is Kind.LOOK_UP:
            assert first.decision is Decision.ANSWER, case.name
            assert systems.changes == []
        elif verdict.ruling is Ruling.REQUIRE_APPROVAL:
            assert second is not None
            assert verdict.rule in second.policy.rules, case.name
            assert systems.changes == []
        else:
            assert second is not None
            assert second.decision is Decision.ANSWER, case.name
            assert [call.arguments for call in systems.changes] == [verdict.call], case.name
