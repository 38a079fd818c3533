"""The sample company's bookings behind the `Tools` port, in memory: what customers may see and change is the policies' to say."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from agent.errors import ToolRefused
from agent.ports import Effect, ToolCall, ToolResult, ToolSpec

READS = ("bookings.list_bookings", "bookings.get_booking", "bookings.quote_cancellation")
WRITES = ("bookings.change_dates", "bookings.cancel_booking", "bookings.refund")


class Stays:
    """`agent.ports.Tools` over a dict of bookings. `changes`: what has been changed, in order."""

    def __init__(self) -> None:
        self.bookings: dict[str, dict[str, Any]] = {}
        self.calls: list[ToolCall] = []
        self.changes: list[tuple[str, Mapping[str, Any]]] = []

    def booking(self, booking_id: str, customer: str, home: str, check_in: str = "2026-12-17") -> None:
        begins = dt.date.fromisoformat(check_in)
        self.bookings[booking_id] = {
            "booking_id": booking_id,
            "customer_id": customer,
            "home": home,
            "status": "confirmed",
            "terms": "moderate",
            "check_in": check_in,
            "check_in_at": f"{check_in}T16:00:00Z",
            "check_out": (begins + dt.timedelta(days=5)).isoformat(),
            "nights": 5,
            "guests": 2,
            "paid_cents": 77_360,
            "refunded_cents": 0,
            "date_changes": 0,
            "cancelled_at": None,
            "currency": "EUR",
        }

    async def specs(self, *tools: str) -> Mapping[str, ToolSpec]:
        reads = {name: ToolSpec(name, name, {}, Effect.READ) for name in READS}
        return reads | {name: ToolSpec(name, name, {}, repeats_safely=True) for name in WRITES}

    async def call(self, call: ToolCall) -> ToolResult:
        self.calls.append(call)
        return ToolResult(json.loads(json.dumps(self._value(call))))

    def _value(self, call: ToolCall) -> Any:
        if call.tool == "bookings.list_bookings":
            return [one for one in self.bookings.values() if one["customer_id"] == call.customer.customer_id]
        booking = self.bookings.get(call.arguments["booking_id"])
        if booking is None:
            raise ToolRefused("there is no such booking")
        if call.tool == "bookings.get_booking":
            return booking
        if call.tool == "bookings.quote_cancellation":
            return {"refund_cents": booking["paid_cents"], "currency": "EUR"}
        self.changes.append((call.tool, dict(call.arguments)))
        if call.tool == "bookings.change_dates":
            booking |= {"check_in": call.arguments["check_in"], "check_out": call.arguments["check_out"]}
            booking["date_changes"] += 1
        elif call.tool == "bookings.cancel_booking":
            booking["status"] = "cancelled"
        return {"ok": True}
