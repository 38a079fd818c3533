"""The knowledge base and the services of the settings, and what this process may reach: all that a command without turns needs.

It knows neither the graph nor a model's client: to import them takes longer than to search.
"""

from pathlib import Path

from agent.adapters.live_services import live_services
from agent.allowlist import services
from agent.errors import ServiceFailed
from agent.privacy.egress import REFUSALS, EgressGuard, install
from agent.settings import Settings
from agent.telemetry import EGRESS_REFUSED
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.rerank_vllm import RerankerServer


def guard_egress(settings: Settings, *more: str | None) -> EgressGuard:
    """Let this process reach the configured services, and no more; write refusals where `doctor` looks."""
    guard = install()
    guard.allow(*(service.url for service in services(settings)), *more)
    guard.log_path = refusals_path(settings)
    guard.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    guard.on_refused = lambda target: EGRESS_REFUSED.inc()
    guard.note()
    return guard


def refusals_path(settings: Settings) -> Path:
    """Where refused connections are noted, one JSON line each."""
    return settings.data_dir / REFUSALS


def sources_path(settings: Settings) -> Path:
    """Where the list of sources is, if there is one."""
    return settings.sources or settings.data_dir / "sources.yaml"


def build_knowledge(settings: Settings, *, counts_searches: bool = True) -> KnowledgeBase:
    """Opens nothing yet. Raises `RerankerUnavailable` for a URL that is none."""
    return KnowledgeBase(
        KnowledgeSettings(
            data_dir=settings.data_dir,
            embedding_model=settings.embedding_model,
            chroma_url=settings.chroma_url,
            multilingual=settings.multilingual,
            reranker=reranker_of(settings),
            counts_searches=counts_searches,
        )
    )


def reranker_of(settings: Settings) -> Path | RerankerServer | None:
    """A cross-encoder's folder, or where one is served; None for no reranking."""
    if settings.reranker_url is None or settings.reranker_model is None:
        return settings.reranker
    key = settings.reranker_api_key
    return RerankerServer(settings.reranker_url, settings.reranker_model, key.get_secret_value() if key else None)


def redis_url(settings: Settings) -> str:
    """The configured server, or the one that a running `innkeeper up` has started."""
    live = live_services(settings.data_dir).get("redis")
    url = settings.redis_url or (live.url if live else None)
    if url is None:
        raise ServiceFailed(
            "there is no Redis: INNKEEPER_REDIS_URL is not set and no `innkeeper up` runs on "
            f"{settings.data_dir}. Set it to a Redis >= 7.0 or Valkey >= 8, or start `innkeeper up`."
        )
    return url


def model_url(settings: Settings) -> str | None:
    """The configured model server, or the one of a running `innkeeper up`; None if there is neither."""
    live = live_services(settings.data_dir).get("model")
    return settings.llm_base_url or (live.url if live else None)
