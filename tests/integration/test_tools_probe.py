"""What `innkeeper doctor` says of the company's systems."""

import json
from typing import Any

from agent.cli.doctor import _tools
from agent.errors import AgentError
from agent.settings import Settings
from agent.wiring import probes
from tests.faulty_server import FaultyServer, status
from tests.shop import http_shop

DOCUMENT = json.loads(json.dumps(http_shop().openapi()))
READ: dict[str, Any] = {"order": {"effect": "read", "bind": {"customer_id": "customer.id"}}}


def system(url: str, operations: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "openapi", "url": url, "timeout_s": 60, "operations": operations}


async def test_each_system_and_operation_is_looked_at():
    async with FaultyServer([status(200, DOCUMENT)]) as server, FaultyServer([status(503)]) as down:
        tools = {
            "good": system(server.base_url, READ),
            "lacks": system(server.base_url, {"refund": {}, "order": {"bind": {"who": "customer.id"}}}),
            "down": system(down.base_url, READ),
        }
        problems, told = await probes.tools(Settings(tools=tools))
        assert (await _tools(Settings(tools={"good": tools["good"]}, tools_dry_run=True))).startswith(
            "good (openapi, 1 operations); a dry"
        )
        try:
            await _tools(Settings(tools=tools))
            raised = ""
        except AgentError as error:
            raised = str(error)
    assert told == ["good (openapi, 1 operations)", "lacks (openapi, 2 operations)"]
    assert len(problems) == 3
    assert "has no operation 'refund'; it has: GET /orders/{order_id}" in problems[0]
    assert "it has no parameter 'who'" in problems[1]
    assert "'down' could not be asked" in problems[2]
    assert "innkeeper tools list" in raised


async def test_none_is_no_problem():
    assert (await _tools(Settings())).startswith("none configured")
