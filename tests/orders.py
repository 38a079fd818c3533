"""A shop's orders behind the `Tools` port, and the policies for them. What it does wrong is scripted."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from agent.errors import ToolRefused, ToolUnavailable, ToolUncertain
from agent.ports import Effect, ToolCall, ToolResult, ToolSpec
from policies.actions import Action
from policies.schema import Pack

REFUND: dict[str, Any] = {
    "id": "refund_order",
    "about": "Pay an order back",
    "tool": "orders.refund",
    "when": [{"pattern": r"\brefund\b"}],
    "arguments": {
        "order_id": {
            "pattern": "O-[0-9]{4}",
            "choices": {"tool": "orders.mine", "values": "found.map(one, one.id)"},
            "ask": "which_order",
        }
    },
    "facts": {"order": {"tool": "orders.get", "arguments": {"id": "order_id"}}},
    "compute": {"refund": "order.total - order.refunded"},
    "call": {"id": "order.id", "cents": "refund"},
    "owner": "order.customer",
    "amount": "refund",
    "key": "order.id + ':' + string(order.refunded)",
    "currency": "EUR",
    "allow_when": [{"id": "has_arrived", "that": "order.status == 'delivered'", "say": "not_yet"}],
    "limits": {"per_customer": {"amount": 200, "window": "30d"}, "per_day": 1000},
    "approval": {"above": 100, "queue": "supervisors"},
    "say": {
        "confirm": "refund_confirm",
        "done": "refund_done",
        "denied": "refund_denied",
        "pending": "refund_pending",
        "identify": "sign_in",
    },
}
LOOK_UP: dict[str, Any] = {
    "id": "order_status",
    "about": "Say where an order is",
    "kind": "look_up",
    "when": [{"pattern": r"\bwhere is\b"}],
    "arguments": REFUND["arguments"],
    "facts": REFUND["facts"],
    "owner": "order.customer",
    "say": {"done": "order_told", "denied": "refund_denied", "identify": "sign_in"},
}
TEXTS = {
    "which_order": "Which order is it?",
    "refund_confirm": "I can pay {refund:money} back for the order {order.id}. Shall I?",
    "refund_done": "{refund:money} for the order {order.id} are on their way.",
    "refund_denied": "I can't do that for this order.",
    "refund_pending": "A colleague at {company} has to agree first.",
    "not_yet": "The order {order.id} has not arrived yet.",
    "order_told": "The order {order.id} is {order.status}.",
    "refund_declined": "Nothing was changed.",
    "order_nothing": "The order {order.id} has {order.nothing}.",
    "sign_in": "Please sign in first.",
}


def with_actions(pack: Pack, *actions: Mapping[str, Any]) -> Pack:
    """The pack, and what may be done with orders."""
    canned = {key: dict.fromkeys(pack.policy.locales, text) for key, text in TEXTS.items()}
    return pack.model_copy(update={"actions": tuple(Action.model_validate(one) for one in actions), "canned": canned})


class Orders:
    """`agent.ports.Tools` over a dict of orders.

    Attributes:
        fails: what the next calls of a tool raise, in order; `after` it has happened or before.
        repeats_safely: whether a refund with a known key is answered as before.
    """

    def __init__(self, *, repeats_safely: bool = True) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.calls: list[ToolCall] = []
        self.refunds: list[tuple[str, int]] = []
        self.answered: dict[str, Any] = {}
        self.fails: dict[str, list[tuple[str, BaseException]]] = {}
        self.repeats_safely = repeats_safely

    def order(self, order_id: str, customer: str = "c-1", total: int = 4000, **more: Any) -> None:
        known = {"id": order_id, "customer": customer, "total": total, "refunded": 0, "status": "delivered"}
        self.orders[order_id] = known | more

    async def specs(self, *tools: str) -> Mapping[str, ToolSpec]:
        reads = {name: ToolSpec(name, name, {}, Effect.READ) for name in ("orders.get", "orders.mine")}
        return reads | {"orders.refund": ToolSpec("orders.refund", "pays back", {}, repeats_safely=self.repeats_safely)}

    async def call(self, call: ToolCall) -> ToolResult:
        self.calls.append(call)
        planned = self.fails.get(call.tool, [])
        when, error = planned.pop(0) if planned else ("never", ToolRefused(""))
        if when == "before":
            raise error
        await asyncio.sleep(0)
        value = json.loads(json.dumps(self._value(call)))
        if when == "after":
            raise error
        return ToolResult(value)

    def _value(self, call: ToolCall) -> Any:
        if call.tool == "orders.mine":
            return [one for one in self.orders.values() if one["customer"] == call.customer.customer_id]
        order = self.orders.get(call.arguments["id"])
        if order is None:
            raise ToolRefused("there is no such order")
        if call.tool == "orders.get":
            return order
        assert call.key is not None
        if self.repeats_safely and call.key in self.answered:
            return self.answered[call.key]
        if order["refunded"] + call.arguments["cents"] > order["total"]:
            raise ToolRefused("that is more than was paid")
        order["refunded"] += call.arguments["cents"]
        self.refunds.append((order["id"], call.arguments["cents"]))
        self.answered[call.key] = {"ok": True}
        return self.answered[call.key]


class Killed(BaseException):
    """The process is gone."""


DOWN = ToolUnavailable("the shop's system is away")
LOST = ToolUncertain("the connection broke")
