"""The parts that every process needs, built from the settings."""

from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.adapters.language import LanguageDetector
from agent.adapters.supervisor import live_services
from agent.errors import ServiceFailed
from agent.graph.answerability import Answerability
from agent.graph.evidence import Evidence
from agent.graph.nodes.triage import embed_examples
from agent.graph.prompting import Draft, DraftSentence
from agent.graph.state import TurnContext
from agent.grounding.claims import Claim
from agent.grounding.second import SecondVerifier
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import ModelProfile, load_profile
from agent.ports import ChatModel
from agent.privacy.egress import EgressGuard, install
from agent.settings import Settings
from agent.telemetry import EGRESS_REFUSED, TURN_SECONDS, TURNS
from agent.types import Author, Citation, Decision, Message, Outcome, PolicyTrace, Usage
from agent.wiring.verifiers import check_verifiers
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.rerank_vllm import RerankerServer
from knowledge.types import Audience, Hit, Passage, Trust
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Action, Facts, Verdict, Verifier

DEFAULT_SERVED = "qwen3"
DEFAULT_EMBEDDED = "smollm2"
STATE_TYPES: tuple[type, ...] = (
    *(Message, Author, Outcome, Decision, Citation, PolicyTrace, Usage),
    *(Facts, Verdict, Action, Hit, Passage, Audience, Trust, Evidence, Answerability, Draft, DraftSentence, Claim),
)
"""What a checkpoint may hold: all that `TurnState` is made of."""


def guard_egress(settings: Settings, *more: str | None) -> EgressGuard:
    """Let this process reach the configured services, and no more; write refusals where `doctor` looks."""
    guard = install()
    guard.allow(settings.redis_url, settings.chroma_url, settings.llm_base_url, settings.reranker_url, *more)
    guard.allow(*(desk.reply_url for desk in settings.helpdesks.values()))
    guard.log_path = refusals_path(settings)
    guard.log_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    guard.on_refused = lambda target: EGRESS_REFUSED.inc()
    return guard


def refusals_path(settings: Settings) -> Path:
    """Where refused connections are noted, one JSON line each."""
    return settings.data_dir / "run" / "egress-refused.jsonl"


def sources_path(settings: Settings) -> Path:
    """Where the list of sources is, if there is one."""
    return settings.sources or settings.data_dir / "sources.yaml"


def build_policies(settings: Settings) -> PolicyEngine:
    """Raises `RulesInvalid`, and `SettingsInvalid` for a verifier that a topic lists and the settings don't provide."""
    policies = PolicyEngine(load_pack(settings.policy_dir or default_folder()))
    check_verifiers(settings, pick_profile(settings), policies)
    return policies


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


def pick_profile(settings: Settings) -> ModelProfile:
    """The model profile that the settings ask for. Raises `SettingsInvalid`."""
    return load_profile(settings.llm_profile or (DEFAULT_SERVED if settings.llm_base_url else DEFAULT_EMBEDDED))


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


@asynccontextmanager
async def open_chat(settings: Settings, profile: ModelProfile, base_url: str) -> AsyncIterator[OpenAIChatModel]:
    """The client of the model server."""
    server = ModelServer(
        base_url=base_url,
        api_key=settings.llm_api_key,
        model=settings.llm_model,
        timeout_s=settings.llm_timeout_s,
        concurrency=settings.worker_concurrency,
    )
    async with OpenAIChatModel(profile, server) as chat:
        yield chat


def build_context(
    chat: ChatModel,
    profile: ModelProfile,
    knowledge: KnowledgeBase,
    policies: PolicyEngine,
    second: Mapping[Verifier, SecondVerifier],
    workers: int = 2,
) -> TurnContext:
    """What the graph works with. Loads the embedding model and embeds the rules' examples: takes seconds.

    Args:
        chat: the model that writes.
        profile: its profile.
        knowledge: where passages are found.
        policies: the rules.
        second: see `agent.wiring.verifiers.second_verifiers`.
        workers: threads for embedding and searching.
    """
    return TurnContext(
        chat=chat,
        profile=profile,
        retriever=knowledge,
        embedder=knowledge.embedder,
        verifier=BuiltInVerifier(knowledge.embedder),
        second=second,
        policies=policies,
        detect_language=LanguageDetector(policies.locales),
        examples=embed_examples(knowledge.embedder, policies.examples()),
        pool=ThreadPoolExecutor(max_workers=workers, thread_name_prefix="knowledge"),
    )


def count_outcome(outcome: Outcome) -> None:
    """Metrics of a finished turn."""
    TURNS.labels(outcome.decision.value).inc()
    observe_seconds(outcome.timings_ms.items())


def observe_seconds(timings_ms: Iterable[tuple[str, float]]) -> None:
    """Each node's time, and the whole."""
    total = 0.0
    for node, spent in timings_ms:
        TURN_SECONDS.labels(node).observe(spent / 1000)
        total += spent
    TURN_SECONDS.labels("total").observe(total / 1000)
