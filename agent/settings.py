"""Every setting, read once by an entry point and passed down as the part that is needed.

Environment `INNKEEPER_*`, or a TOML file named by `INNKEEPER_CONFIG`; the environment wins. An unknown
name stops the start and names the nearest known one. Helpdesks may also stand in `helpdesks.toml` in the data folder,
and the company's systems in `tools.toml`.
"""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from agent.completions import Task
from agent.errors import SettingsInvalid
from agent.helpdesk_settings import AnyHelpdesk
from agent.helpdesks_file import check_helpdesk_names, helpdesks_path, read_helpdesks
from agent.model_settings import DEFAULT_MODEL, ModelSettings, RouteSettings, check_model_names, check_reranker, check_routes
from agent.redis_urls import check_redis_url, node_urls
from agent.site_settings import SiteSettings, check_site_names
from agent.tool_settings import AnySystem, check_system_names
from agent.tools_file import read_tools, tools_path

PREFIX = "INNKEEPER_"


class Settings(BaseSettings):
    """The whole tree. See the README for the table."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(Path(".innkeeper"), description="where indexes, logs and the embedded Redis keep their files")
    sources: Path | None = Field(
        None,
        description="the list of what to ingest; `sources.yaml` in the data folder if not given",
    )
    policy_dir: Path | None = Field(None, description="a policy folder; the pack that ships if not given")
    host: str = Field("127.0.0.1", description="address that `serve` listens on")
    port: int = Field(8080, ge=0, le=65535, description="port that `serve` listens on")

    redis_url: str | None = Field(
        None, description="redis://…, redis+sentinel://… or redis+cluster://…; an embedded server if not given"
    )
    redis_nodes: str = Field(
        "", description="host:port of each further Redis that sentinels or a cluster may name, with commas; others are refused"
    )
    redis_replicas: int = Field(0, ge=0, le=10, description="replicas that must have a message or an outcome before it counts")
    retention_days: int = Field(
        90,
        ge=0,
        le=36_500,
        description="days after its last message that a conversation is forgotten, if `privacy.yaml` says no less; 0: as it says",
    )
    chroma_url: str | None = Field(None, description="http://host:port of a Chroma server; embedded if not given")
    embedding_model: Path | None = Field(
        None, description="folder of a sentence-transformers model; packaged MiniLM if not given"
    )
    multilingual: bool = Field(
        False, description="find English articles for questions in other languages; needs `pip install 'innkeeper[multilingual]'`"
    )
    reranker: Path | None = Field(
        None, description="folder of a cross-encoder that reorders what is found; no reranking if neither this nor a URL is given"
    )
    reranker_url: str | None = Field(
        None, description="vLLM server of a reranker, e.g. http://vllm-rerank:8000/v1, in place of a folder"
    )
    reranker_model: str | None = Field(None, description="model name to ask the reranker's server for")
    reranker_api_key: SecretStr | None = Field(None, description="bearer token of the reranker's server")

    verifier_model: Path | None = Field(
        None, description="folder of a cross-encoder that checks claims, for topics that list the verifier `cross_encoder`"
    )
    verifier_threshold: float = Field(
        0.5, gt=0, lt=1, description="probability from which that cross-encoder's word counts as supported"
    )

    second_look: bool = Field(
        True,
        description="read claims in free words beside all of their evidence, too: stops more errors, takes 1.5 times as long",
    )

    llm_base_url: str | None = Field(
        None, description="OpenAI-compatible server, e.g. http://vllm:8000/v1; embedded if not given"
    )
    llm_profile: str = Field("", description="model profile; `qwen3` with a base URL, the packaged model without")
    llm_model: str | None = Field(None, description="model name to ask for, if not the profile's")
    llm_api_key: SecretStr | None = Field(None, description="bearer token of the model server")
    llm_timeout_s: float = Field(60.0, gt=0, description="limit for one model call")
    models: Annotated[dict[str, ModelSettings], NoDecode] = Field(
        default_factory=dict, description="more models by name, as JSON or TOML tables; the one above is `default`"
    )
    routes: Annotated[dict[Task, RouteSettings], NoDecode] = Field(
        default_factory=dict,
        description="models for `answer`, `rewrite`, `judge`, `act`, in the order in which they are tried; else `default`",
    )

    helpdesks: Annotated[dict[str, AnyHelpdesk], NoDecode] = Field(
        default_factory=dict,
        description="helpdesks by source name, as JSON or TOML tables; beside them those that `innkeeper connect` has written",
    )
    sites: Annotated[dict[str, SiteSettings], NoDecode] = Field(
        default_factory=dict, description="sites with the chat widget by name, as JSON or TOML tables"
    )
    tools: Annotated[dict[str, AnySystem], NoDecode] = Field(
        default_factory=dict,
        description="the company's systems by name, as JSON or TOML tables; beside them those of `tools.toml` in the data folder",
    )
    tools_dry_run: bool = Field(False, description="look things up in the company's systems, but send no change to them")
    widget_streams: int = Field(5_000, ge=1, description="open event streams of widgets that one API process takes")
    api_key: SecretStr | None = Field(
        None, description="bearer token that POST /v1/answers asks for; open on loopback if not given"
    )
    max_body_bytes: int = Field(1_000_000, ge=1_000, description="largest request body")
    replay_window_s: int = Field(300, ge=10, description="how old a webhook's timestamp may be")

    worker_concurrency: int = Field(2, ge=1, le=256, description="turns at the same time in one worker")
    debounce_ms: int = Field(500, ge=0, le=60_000, description="wait for more messages of a burst")
    redelivery_s: float = Field(
        20.0, ge=1, description="after this long without a sign of life a worker's job is given to another"
    )
    model_down_handoff_s: float = Field(300.0, ge=0, description="hand tickets over when the model has been down this long")
    refresh_check_s: float = Field(60.0, ge=1, description="how often a worker looks which sources of the list are due")
    policy_reload_s: float = Field(
        5.0, ge=0, description="how often the policy folder is looked at for changes; 0 for never, then a restart takes them over"
    )
    worker_port: int | None = Field(
        None, ge=0, le=65535, description="port on which `worker` shows /healthz, /readyz and /metrics; none if not given"
    )
    otlp_endpoint: str | None = Field(
        None, description="collector of your own that traces are sent to, e.g. http://collector:4318; no traces if not given"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="of the structured logs on stderr")

    @field_validator("redis_url")
    @classmethod
    def _redis_form(cls, url: str | None) -> str | None:
        if url is not None:
            check_redis_url(url)
        return url

    @field_validator("redis_nodes")
    @classmethod
    def _redis_places(cls, nodes: str) -> str:
        node_urls(nodes)
        return nodes

    @field_validator("helpdesks", "sites", "models", "routes", "tools", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        if isinstance(value, str):
            import json

            try:
                return json.loads(value)
            except json.JSONDecodeError as error:
                raise ValueError(f"not JSON: {error}") from error
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _collector(cls, url: str | None) -> str | None:
        parts = urlsplit(url) if url else None
        if parts is not None and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query):
            raise ValueError("not a collector's address; write it as http://host:4318 (OTLP over HTTP, not gRPC)")
        return url

    @field_validator("sites")
    @classmethod
    def _site_names(cls, sites: dict[str, SiteSettings]) -> dict[str, SiteSettings]:
        return check_site_names(sites)

    @model_validator(mode="after")
    def _helpdesk_names(self) -> Self:
        try:
            check_helpdesk_names(self.helpdesks)
        except ValueError as error:
            raise ValueError(f"INNKEEPER_HELPDESKS: {error}") from error
        return self

    @field_validator("tools")
    @classmethod
    def _system_names(cls, tools: dict[str, AnySystem]) -> dict[str, AnySystem]:
        check_system_names(tools)
        return tools

    @property
    def retention_s(self) -> int:
        """How long a conversation is kept after its last step, in seconds, if the policies say no less; 0 if they alone say."""
        return self.retention_days * 24 * 3600

    @model_validator(mode="after")
    def _remembers_repeats(self) -> Self:
        if self.retention_days and self.replay_window_s > self.retention_s:
            raise ValueError(
                f"{PREFIX}REPLAY_WINDOW_S is longer than {PREFIX}RETENTION_DAYS: a webhook could be repeated when its message is "
                "forgotten; make one of them shorter or longer"
            )
        return self

    @property
    def has_default_model(self) -> bool:
        """Whether `INNKEEPER_LLM_*` stands for a model: one that is named, or the packaged one, which there is only alone."""
        return self.llm_base_url is not None or not self.models

    @model_validator(mode="after")
    def _known_models(self) -> Self:
        try:
            check_model_names(self.models)
        except ValueError as error:
            raise ValueError(f"{PREFIX}MODELS: {error}") from error
        try:
            check_routes(self.routes, frozenset(self.models) | ({DEFAULT_MODEL} if self.has_default_model else set()))
        except ValueError as error:
            raise ValueError(f"{PREFIX}ROUTES.{error}") from error
        if not self.has_default_model and (self.llm_profile or self.llm_model or self.llm_api_key):
            raise ValueError(
                f"{PREFIX}LLM_PROFILE, {PREFIX}LLM_MODEL and {PREFIX}LLM_API_KEY are of the model at {PREFIX}LLM_BASE_URL, "
                f"which is not set; give it, or say of each model in {PREFIX}MODELS what it is"
            )
        return self

    @model_validator(mode="after")
    def _one_reranker(self) -> Self:
        check_reranker(self.reranker, self.reranker_url, self.reranker_model, has_key=self.reranker_api_key is not None)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which arrives as init values."""
        return env_settings, init_settings


def load_settings() -> Settings:
    """Read the environment and the TOML file.

    Raises:
        SettingsInvalid: a name is unknown, a value is bad, or the file can't be read; one line each.
    """
    problems = _unknown_in_environment()
    file_values: dict[str, Any] = {}
    if config := os.environ.get(PREFIX + "CONFIG"):
        try:
            file_values = tomllib.loads(Path(config).read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"{PREFIX}CONFIG={config}: can't be read: {error}") from error
        problems += [f"{config}: unknown key {key!r}{_nearest(key)}" for key in file_values if key not in Settings.model_fields]
        file_values = {key: value for key, value in file_values.items() if key in Settings.model_fields}
    try:
        settings = Settings(**file_values)
    except ValidationError as error:
        problems += [
            # What is wrong with several of them together names them itself.
            f"{_name(e['loc'])}: {e['msg']}" if e["loc"] else e["msg"].removeprefix("Value error, ")
            for e in error.errors()
        ]
        raise SettingsInvalid("the settings can't be used:\n" + "\n".join(f"  {p}" for p in problems)) from error
    if problems:
        raise SettingsInvalid("the settings can't be used:\n" + "\n".join(f"  {p}" for p in problems))
    # What is set by hand goes before what `innkeeper connect` has written.
    helpdesks = read_helpdesks(helpdesks_path(settings.data_dir)) | settings.helpdesks
    for name, site in settings.sites.items():
        if site.handoff is not None and site.handoff not in helpdesks:
            raise SettingsInvalid(
                f"{PREFIX}SITES.{name}.handoff: there is no helpdesk {site.handoff!r} in {PREFIX}HELPDESKS, "
                "and `innkeeper connect` knows none of that name"
            )
    tools = read_tools(tools_path(settings.data_dir)) | settings.tools
    return settings.model_copy(update={"helpdesks": helpdesks, "tools": tools})


def _unknown_in_environment() -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {PREFIX + "CONFIG"}
    strange = [name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known]
    return [f"{name}: unknown setting{_nearest(name.removeprefix(PREFIX).lower(), PREFIX)}" for name in sorted(strange)]


def _nearest(name: str, prefix: str = "") -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    if not close:
        return ""
    return f"; did you mean {prefix + close[0].upper() if prefix else close[0]}?"


def _name(location: tuple[int | str, ...]) -> str:
    return PREFIX + ".".join(str(part) for part in location).upper()
