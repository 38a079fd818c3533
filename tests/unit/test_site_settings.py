import json

import pytest

from agent.errors import SettingsInvalid
from agent.settings import load_settings

SITE = {"name": "Shop", "origins": ["https://Shop.example:443/", "http://127.0.0.1:8080"]}


def load(monkeypatch: pytest.MonkeyPatch, **sites: object) -> object:
    monkeypatch.setenv("INNKEEPER_SITES", json.dumps(sites))
    return load_settings().sites


def test_a_site_is_read_and_its_origins_are_as_browsers_send_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = load(monkeypatch, shop=SITE | {"limits": {"session_messages": 5}, "jwt_secret": "s" * 32})
    assert sites["shop"].origins == ("https://shop.example", "http://127.0.0.1:8080")
    assert (sites["shop"].limits.session_messages, sites["shop"].limits.address_sessions) == (5, 30)
    assert "ssss" not in repr(sites)


@pytest.mark.parametrize(
    "changes",
    [
        {"origins": []},
        {"origins": ["*"]},
        {"origins": ["https://*.example.com"]},
        {"origins": ["https://shop.example/path"]},
        {"origins": ["shop.example"]},
        {"origins": ["ftp://shop.example"]},
        {"origins": ["https://user@shop.example"]},
        {"origins": ["https://shop.example:port"]},
        {"origins": ["null"]},
        {"origins": ["https://bücher.example"]},
        {"jwt_secret": "too short"},
        {"identity_secret": "short"},
        {"privacy_url": "javascript:alert(1)"},
        {"handoff": "nobody"},
        {"strange": 1},
        {"suggestions": ["a"] * 7},
        {"limits": {"session_messages": 0}},
    ],
)
def test_what_cant_work_stops_the_start(monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]) -> None:
    with pytest.raises(SettingsInvalid, match="INNKEEPER_SITES") as refused:
        load(monkeypatch, shop=SITE | changes)
    assert "too short" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-a", "x" * 65])
def test_a_name_that_cant_stand_in_a_page_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(SettingsInvalid, match="can't name a site"):
        load(monkeypatch, **{name: SITE})


def test_no_helpdesk_is_called_as_the_widget_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNKEEPER_HELPDESKS", json.dumps({"widget": {"secrets": ["whsec_x"], "reply_url": "http://127.0.0.1/"}}))
    with pytest.raises(SettingsInvalid, match="what the chat widget goes by"):
        load_settings()
