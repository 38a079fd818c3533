"""The parts that every process needs, built from the settings."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.adapters.language import LanguageDetector
from agent.graph.answerability import Answerability
from agent.graph.evidence import Evidence
from agent.graph.nodes.triage import embed_examples
from agent.graph.prompting import Draft, DraftSentence
from agent.graph.state import TurnContext
from agent.grounding.claims import Claim
from agent.grounding.second import SecondVerifier
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import ModelProfile
from agent.ports import ChatModel
from agent.reasons import HandoffReason, handoff_reason
from agent.settings import Settings
from agent.site_settings import WIDGET_SOURCE
from agent.standing import waited_s
from agent.telemetry import FIRST_ANSWER_SECONDS, HANDOFFS, OUTCOMES, TURN_SECONDS, TURNS, exemplar
from agent.types import Author, Citation, Conversation, Decision, Message, Outcome, PolicyTrace, Usage
from knowledge.base import KnowledgeBase
from knowledge.pair_reader import PairReader
from knowledge.types import Audience, Hit, Passage, Trust
from policies.engine import PolicyEngine
from policies.types import Action, Facts, Verdict, Verifier

STATE_TYPES: tuple[type, ...] = (
    *(Message, Author, Outcome, Decision, Citation, PolicyTrace, Usage),
    *(Facts, Verdict, Action, Hit, Passage, Audience, Trust, Evidence, Answerability, Draft, DraftSentence, Claim),
)
"""What a checkpoint may hold: all that `TurnState` is made of."""


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
    *,
    second_look: bool = False,
) -> TurnContext:
    """What the graph works with. Loads the embedding model and embeds the rules' examples: takes seconds.

    Args:
        chat: the model that writes.
        profile: its profile.
        knowledge: where passages are found.
        policies: the rules.
        second: see `agent.wiring.verifiers.second_verifiers`.
        workers: threads for embedding and searching.
        second_look: as the setting.
    """
    return TurnContext(
        chat=chat,
        profile=profile,
        retriever=knowledge,
        embedder=knowledge.embedder,
        verifier=built_in_verifier(knowledge, second_look),
        second=second,
        policies=policies,
        detect_language=LanguageDetector(policies.locales),
        examples=embed_examples(knowledge.embedder, policies.examples()),
        pool=ThreadPoolExecutor(max_workers=workers, thread_name_prefix="knowledge"),
    )


def built_in_verifier(knowledge: KnowledgeBase, second_look: bool) -> BuiltInVerifier:
    """`second_look`: as the setting; its encoder loads at first use."""
    return BuiltInVerifier(knowledge.embedder, reader=PairReader() if second_look else None)


def outcome_counter(settings: Settings) -> Callable[[Conversation, Outcome], None]:
    """Counts what turns end in. Conversations are told apart by the kind of system that they are held in."""
    kinds = {name: desk.system for name, desk in settings.helpdesks.items()} | {WIDGET_SOURCE: WIDGET_SOURCE}
    # From the start, since a rate doesn't see a counter's first step.
    for kind in set(kinds.values()):
        for decision in Decision:
            if decision is not Decision.NO_REPLY:
                OUTCOMES.labels(kind, decision.value)
    for reason in HandoffReason:
        HANDOFFS.labels(reason.value)

    def count(conversation: Conversation, outcome: Outcome) -> None:
        TURNS.labels(outcome.decision.value).inc()
        observe_seconds(outcome.timings_ms.items())
        if outcome.decision is Decision.NO_REPLY:
            return
        OUTCOMES.labels(kinds.get(conversation.source, "other"), outcome.decision.value).inc()
        if outcome.decision is Decision.HANDOFF:
            HANDOFFS.labels(handoff_reason(outcome.reason).value).inc()
        waited = waited_s(conversation, datetime.now(UTC))
        if waited is not None:
            FIRST_ANSWER_SECONDS.labels(outcome.decision.value).observe(max(0.0, waited), exemplar())

    return count


def observe_seconds(timings_ms: Iterable[tuple[str, float]]) -> None:
    """Each node's time, and the whole."""
    total = 0.0
    for node, spent in timings_ms:
        TURN_SECONDS.labels(node).observe(spent / 1000, exemplar())
        total += spent
    TURN_SECONDS.labels("total").observe(total / 1000, exemplar())
