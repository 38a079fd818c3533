"""The model servers beside the one of `INNKEEPER_LLM_*`, and which task uses which, as an operator writes them down.

Read by `agent.settings` alone. Whether the models fit together is only known with their profiles: see `agent.model_routes`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from agent.completions import Task

DEFAULT_MODEL = "default"
"""What the model of `INNKEEPER_LLM_*` goes by."""
SMALLEST_OUTPUT = 160
"""Tokens. What a question to search with may take: less cuts the JSON of every task."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def _model_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address; say http://host:port/v1")
    return value


class ModelSettings(BaseModel):
    """One model on an OpenAI-compatible server.

    Attributes:
        base_url: of its server, e.g. http://vllm-small:8000/v1.
        profile: how it is asked; a packaged profile, or the path of a .toml file.
        model: the name to ask for, if not the profile's.
        api_key: bearer token of its server.
        timeout_s: limit for one call.
        concurrency: calls at a time; as many as a worker has turns if not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_model_url)]
    profile: str = Field("qwen3", min_length=1)
    model: str | None = None
    api_key: SecretStr | None = None
    timeout_s: float = Field(60.0, gt=0)
    concurrency: int | None = Field(None, ge=1, le=1024)


class RouteSettings(BaseModel):
    """Which models a task is given to. A list of names will do in place of a table.

    Attributes:
        models: by name, in the order in which they are tried.
        max_output_tokens: most that an answer may have.
        timeout_s: limit for the whole call, with all models that are tried.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[str, ...] = Field(min_length=1)
    max_output_tokens: int | None = Field(None, ge=SMALLEST_OUTPUT)
    timeout_s: float | None = Field(None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"models": value} if isinstance(value, list | tuple) else value


def setting_of(name: str, field: str) -> str:
    """Where an operator writes something about a model down: `INNKEEPER_LLM_API_KEY`, `INNKEEPER_MODELS.small.api_key`."""
    if name != DEFAULT_MODEL:
        return f"INNKEEPER_MODELS.{name}.{field}"
    return "INNKEEPER_WORKER_CONCURRENCY" if field == "concurrency" else f"INNKEEPER_LLM_{field.upper()}"


def check_model_names(models: Mapping[str, ModelSettings]) -> None:
    """Raise `ValueError` for a name that no model can have. Names are labels of metrics, and stand in `/readyz`."""
    for name in models:
        if name == DEFAULT_MODEL:
            raise ValueError(f"{DEFAULT_MODEL!r} is the model of INNKEEPER_LLM_*; name this one otherwise")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a model: small letters, digits, ., - and _, at most 40")


def check_routes(routes: Mapping[Task, RouteSettings], known: frozenset[str]) -> None:
    """Raise `ValueError` for a route to a model that is not `known`, or twice to the same one."""
    for task, route in routes.items():
        if twice := sorted({name for name in route.models if route.models.count(name) > 1}):
            raise ValueError(f"{task}: {', '.join(twice)} is named twice; each model is tried once")
        for name in route.models:
            if name in known:
                continue
            if name == DEFAULT_MODEL:
                raise ValueError(f"{task}: {name!r} is the model of INNKEEPER_LLM_*, and INNKEEPER_LLM_BASE_URL is not set")
            raise ValueError(f"{task}: there is no model {name!r}; known: {', '.join(sorted(known))}")


def check_reranker(folder: Path | None, url: str | None, model: str | None, *, has_key: bool) -> None:
    """Raise `ValueError` unless at most one reranker is named, and one that is a server by all that it needs."""
    if folder and url:
        raise ValueError("INNKEEPER_RERANKER and INNKEEPER_RERANKER_URL are both given; give the folder or the server")
    if url and not model:
        raise ValueError("INNKEEPER_RERANKER_URL needs INNKEEPER_RERANKER_MODEL, the name that the server knows the model by")
    if (model or has_key) and not url:
        raise ValueError("INNKEEPER_RERANKER_MODEL and INNKEEPER_RERANKER_API_KEY are of a server; give INNKEEPER_RERANKER_URL")
