"""More models, and which task uses which, as an operator writes them down."""

import json
import os
from pathlib import Path

import pytest

from agent.completions import Task
from agent.errors import SettingsInvalid
from agent.model_settings import RouteSettings
from agent.settings import Settings, load_settings

SMALL = {"base_url": "http://small:8000/v1", "profile": "qwen3", "api_key": "k-secret"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("INNKEEPER_"):
            monkeypatch.delenv(name)


def loaded(monkeypatch: pytest.MonkeyPatch, models: object = None, routes: object = None, **settings: str) -> Settings:
    given = {"MODELS": models, "ROUTES": routes}
    for name, value in (given | settings).items():
        if value is not None:
            monkeypatch.setenv(f"INNKEEPER_{name}", value if isinstance(value, str) else json.dumps(value))
    return load_settings()


def test_models_and_routes_come_as_json_or_as_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = loaded(monkeypatch, {"small": SMALL}, {"rewrite": ["small"], "judge": {"models": ["small"], "timeout_s": 4}})
    assert settings.models["small"].timeout_s == 60
    assert settings.routes == {
        Task.REWRITE: RouteSettings(models=("small",)),
        Task.JUDGE: RouteSettings(models=("small",), timeout_s=4),
    }
    for name in ("MODELS", "ROUTES"):
        monkeypatch.delenv(f"INNKEEPER_{name}")
    path = tmp_path / "innkeeper.toml"
    path.write_text(
        '[models.small]\nbase_url = "http://small:8000/v1"\n[routes]\nrewrite = ["small"]\n[routes.judge]\nmodels = ["small"]\n'
    )
    monkeypatch.setenv("INNKEEPER_CONFIG", str(path))
    assert set(load_settings().routes) == {Task.REWRITE, Task.JUDGE}


def test_keys_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "k-secret" not in repr(loaded(monkeypatch, {"small": SMALL}))


def test_without_more_models_there_is_the_default_one() -> None:
    assert Settings().has_default_model
    assert Settings(models={"small": SMALL}, llm_base_url="http://large:8000/v1").has_default_model
    assert not Settings(models={"small": SMALL}).has_default_model


@pytest.mark.parametrize(
    ("models", "routes", "told"),
    [
        ({"small": SMALL}, {"answer": ["tiny"]}, "INNKEEPER_ROUTES.answer: there is no model 'tiny'; known: small"),
        ({"small": SMALL}, {"answer": ["small", "small"]}, "INNKEEPER_ROUTES.answer: small is named twice"),
        ({"small": SMALL}, {"answer": ["default"]}, "INNKEEPER_ROUTES.answer: 'default' .* INNKEEPER_LLM_BASE_URL is not set"),
        ({"small": SMALL}, {"answer": []}, "INNKEEPER_ROUTES.ANSWER.MODELS: .* at least 1 item"),
        ({"small": SMALL}, {"triage": ["small"]}, "INNKEEPER_ROUTES.TRIAGE.*'answer', 'rewrite', 'judge' or 'act'"),
        ({"small": SMALL}, {"judge": {"models": ["small"], "timeout": 3}}, "INNKEEPER_ROUTES.JUDGE.TIMEOUT"),
        ({"small": SMALL}, {"judge": {"models": ["small"], "timeout_s": 0}}, "INNKEEPER_ROUTES.JUDGE.TIMEOUT_S"),
        ({"small": SMALL}, {"judge": {"models": ["small"], "max_output_tokens": 20}}, "MAX_OUTPUT_TOKENS: .* 160"),
        ({"default": SMALL}, None, "INNKEEPER_MODELS: 'default' is the model of INNKEEPER_LLM_"),
        ({"Small one": SMALL}, None, "INNKEEPER_MODELS: 'Small one' can't name a model"),
        ({"small": {"base_url": "small:8000"}}, None, "INNKEEPER_MODELS.SMALL.BASE_URL: .* not an address"),
        ({"small": {"profile": "qwen3"}}, None, "INNKEEPER_MODELS.SMALL.BASE_URL"),
        ({"small": {**SMALL, "url": "x"}}, None, "INNKEEPER_MODELS.SMALL.URL"),
        ("{", None, "INNKEEPER_MODELS: .* not JSON"),
    ],
)
def test_what_can_not_be_meant_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, models: object, routes: object, told: str
) -> None:
    with pytest.raises(SettingsInvalid, match=told) as caught:
        loaded(monkeypatch, models, routes)
    assert "k-secret" not in str(caught.value)


def test_a_profile_for_a_model_that_is_not_there_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsInvalid, match="INNKEEPER_LLM_BASE_URL, which is not set"):
        loaded(monkeypatch, {"small": SMALL}, LLM_PROFILE="qwen3.6")
