import json

import pytest
from pydantic import ValidationError

from agent.allowlist import reached, services
from agent.errors import SettingsInvalid
from agent.privacy.egress import Destination
from agent.settings import Settings, load_settings

READ = {"look_up": {"effect": "read"}}
API = {"kind": "openapi", "url": "https://api.internal/v1", "token": "t-secret", "operations": READ}


def test_an_operation_writes_unless_it_is_said_to_read():
    operations = Settings(tools={"a": {**API, "operations": {"x": {}, **READ}}}).tools["a"].operations
    assert operations["x"].writes
    assert not operations["look_up"].writes


def test_their_addresses_may_be_reached_and_no_other():
    tools = {
        "api": {**API, "document": "http://docs.internal/openapi.json"},
        "mcp": {"kind": "mcp", "url": "http://mcp.internal:9000/mcp", "operations": READ},
        "child": {"kind": "mcp", "command": ["/bin/true"], "operations": READ},
        "code": {"kind": "python", "reaches": ["https://db.internal:444"], "operations": {"f": {"operation": "m:f"}}},
    }
    assert reached(services(Settings(tools=tools))) == {
        Destination("api.internal", 443): ("tools api",),
        Destination("docs.internal", 80): ("tools api",),
        Destination("mcp.internal", 9000): ("tools mcp",),
        Destination("db.internal", 444): ("tools code",),
    }


@pytest.mark.parametrize(
    "system",
    [
        {**API, "operations": {}},
        {**API, "operations": {"a.b": {}}},
        {**API, "url": "https://user:pw@api.internal"},
        {**API, "url": "https://api.internal/?key=1"},
        {**API, "document": "https://user:pw@api.internal/x.json"},
        {**API, "headers": {"X-Bad\r\nY": "1"}},
        {**API, "operations": {"x": {"bind": {"who": "customer.name"}}}},
        {**API, "operations": {"x": {"bind": {"who": "customer.id"}, "identity": "anonymous"}}},
        {**API, "operations": {"x": {"bind": {"who": "customer.id"}, "key_parameter": "who"}}},
        {**API, "operations": {"x": {"effect": "read", "key_parameter": "key"}}},
        {**API, "timeout": 3},
        {"kind": "mcp", "operations": READ},
        {"kind": "mcp", "url": "http://a", "command": ["b"], "operations": READ},
        {"kind": "mcp", "command": ["b"], "token": "x", "operations": READ},
        {"kind": "python", "operations": {"x": {}}},
        {"kind": "python", "operations": {"x": {"operation": "m:f()"}}},
        {"kind": "soap", "operations": READ},
    ],
)
def test_what_can_not_be_is_refused_without_its_values(system):
    with pytest.raises(ValidationError) as raised:
        Settings(tools={"a": system})
    assert "t-secret" not in str(raised.value)
    assert "pw@" not in str(raised.value)


@pytest.mark.parametrize("name", ["A", "a.b", "1a", "", "a" * 33])
def test_a_system_has_a_plain_name(name):
    with pytest.raises(ValidationError):
        Settings(tools={name: API})


def test_the_file_and_the_environment_stand_beside_each_other_and_the_environment_wins(tmp_path, monkeypatch):
    (tmp_path / "tools.toml").write_text(
        '[one]\nkind = "openapi"\nurl = "http://file"\n[one.operations.x]\n[two]\nkind = "mcp"\nurl = "http://two"\n[two.operations.y]\n'
    )
    monkeypatch.setenv("INNKEEPER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("INNKEEPER_TOOLS", json.dumps({"one": API}))
    tools = load_settings().tools
    assert [tools["one"].addresses[0], tools["two"].addresses[0]] == ["https://api.internal/v1", "http://two"]


@pytest.mark.parametrize("text", ["[x", '[x]\nkind = "openapi"\n', '[X]\nkind = "mcp"\nurl = "http://a"\n[X.operations.y]\n'])
def test_a_file_that_can_not_be_used_stops_the_start(tmp_path, monkeypatch, text):
    (tmp_path / "tools.toml").write_text(text)
    monkeypatch.setenv("INNKEEPER_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsInvalid, match=r"tools\.toml"):
        load_settings()
