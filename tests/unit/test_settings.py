import json
import traceback
from pathlib import Path

import pytest

from agent.errors import SettingsInvalid
from agent.settings import load_settings

SECRET = "whsec_dGhpcyBpcyBhIHNlY3JldA=="


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("INNKEEPER_"):
            monkeypatch.delenv(name)


def config(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    path = folder / "innkeeper.toml"
    path.write_text(text)
    monkeypatch.setenv("INNKEEPER_CONFIG", str(path))


def test_everything_has_a_default_that_stays_on_this_machine() -> None:
    settings = load_settings()
    assert (settings.host, settings.redis_url, settings.llm_base_url, settings.helpdesks) == ("127.0.0.1", None, None, {})


def test_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config(monkeypatch, tmp_path, "port = 9000\nhost = '0.0.0.0'\n")
    monkeypatch.setenv("INNKEEPER_PORT", "9100")
    settings = load_settings()
    assert (settings.port, settings.host) == (9100, "0.0.0.0")


def test_helpdesks_come_as_json_or_as_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    desk = {"secrets": [SECRET], "reply_url": "http://127.0.0.1:9/reply"}
    monkeypatch.setenv("INNKEEPER_HELPDESKS", json.dumps({"one": desk}))
    assert load_settings().helpdesks["one"].secrets[0].get_secret_value() == SECRET
    monkeypatch.delenv("INNKEEPER_HELPDESKS")
    config(monkeypatch, tmp_path, f"[helpdesks.two]\nsecrets = ['{SECRET}']\nreply_url = 'http://127.0.0.1:9/reply'\n")
    assert load_settings().helpdesks["two"].reply_url.endswith("/reply")


def test_unknown_names_are_refused_and_the_nearest_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config(monkeypatch, tmp_path, "debounce = 5\n")
    monkeypatch.setenv("INNKEEPER_REDIS_URI", "redis://x")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert "did you mean INNKEEPER_REDIS_URL?" in str(refused.value)
    assert "did you mean debounce_ms?" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "a lot"),
        ("PORT", "70000"),
        ("LLM_TIMEOUT_S", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("HELPDESKS", "{not json"),
        ("HELPDESKS", '{"one": {"secrets": [], "reply_url": "x"}}'),
        ("HELPDESKS", '{"one": {"secrets": ["whsec_x"], "reply_url": "x", "colour": "red"}}'),
    ],
)
def test_bad_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"INNKEEPER_{name}", value)
    with pytest.raises(SettingsInvalid, match=f"INNKEEPER_{name}"):
        load_settings()


def test_several_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNKEEPER_PORT", "x")
    monkeypatch.setenv("INNKEEPER_STRANGE", "x")
    with pytest.raises(SettingsInvalid, match=r"(?s)INNKEEPER_STRANGE.*INNKEEPER_PORT"):
        load_settings()


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "\xff"])
def test_file_that_is_no_toml_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    config(monkeypatch, tmp_path, "")
    (tmp_path / "innkeeper.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsInvalid, match=r"innkeeper\.toml"):
        load_settings()


def test_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INNKEEPER_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsInvalid, match=r"none\.toml"):
        load_settings()


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNKEEPER_LLM_API_KEY", "hush-1")
    monkeypatch.setenv("INNKEEPER_API_KEY", "hush-2")
    monkeypatch.setenv("INNKEEPER_HELPDESKS", json.dumps({"one": {"secrets": [SECRET], "reply_url": "http://x"}}))
    shown = repr(load_settings()) + str(load_settings()) + load_settings().model_dump_json()
    assert not any(secret in shown for secret in ("hush-1", "hush-2", SECRET))


def test_refused_secret_is_not_in_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNKEEPER_HELPDESKS", json.dumps({"one": {"secrets": ["hush-3"], "reply_url": "http://x"}}))
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    assert "starts with whsec_" in str(refused.value)
    assert "hush-3" not in "".join(traceback.format_exception(refused.value))


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


def test_other_languages_are_switched_on_by_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_settings().multilingual
    monkeypatch.setenv("INNKEEPER_MULTILINGUAL", "true")
    assert load_settings().multilingual


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"RERANKER": "/m", "RERANKER_URL": "http://x/v1", "RERANKER_MODEL": "m"},
            "RERANKER and INNKEEPER_RERANKER_URL are both",
        ),
        ({"RERANKER_URL": "http://x/v1"}, "needs INNKEEPER_RERANKER_MODEL"),
        ({"RERANKER_MODEL": "m"}, "give INNKEEPER_RERANKER_URL"),
        ({"RERANKER": "/m", "RERANKER_API_KEY": "hush-4"}, "give INNKEEPER_RERANKER_URL"),
    ],
)
def test_a_reranker_is_a_folder_or_a_server(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"INNKEEPER_{name}", value)
    with pytest.raises(SettingsInvalid, match=said) as refused:
        load_settings()
    assert "Value error" not in str(refused.value)
    assert "hush" not in "".join(traceback.format_exception(refused.value))


def test_a_reranker_is_taken_to_the_knowledge_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from agent.wiring.shelf import reranker_of
    from knowledge.rerank_vllm import RerankerServer

    assert reranker_of(load_settings()) is None
    monkeypatch.setenv("INNKEEPER_RERANKER", str(tmp_path))
    assert reranker_of(load_settings()) == tmp_path
    monkeypatch.delenv("INNKEEPER_RERANKER")
    config(monkeypatch, tmp_path, "reranker_url = 'http://x/v1'\nreranker_model = 'm'\nreranker_api_key = 'hush-5'\n")
    assert reranker_of(load_settings()) == RerankerServer("http://x/v1", "m", "hush-5")
    assert "hush" not in repr(load_settings()) + repr(reranker_of(load_settings()))


def test_conversations_are_kept_for_a_while_and_longer_than_webhooks_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().retention_s == 90 * 24 * 3600
    monkeypatch.setenv("INNKEEPER_REPLAY_WINDOW_S", "90000")
    monkeypatch.setenv("INNKEEPER_RETENTION_DAYS", "1")
    with pytest.raises(SettingsInvalid, match="INNKEEPER_REPLAY_WINDOW_S is longer than INNKEEPER_RETENTION_DAYS"):
        load_settings()
    monkeypatch.setenv("INNKEEPER_RETENTION_DAYS", "0")
    assert load_settings().retention_s == 0
