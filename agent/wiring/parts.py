"""The parts that every process needs, built from the settings."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from agent.adapters.chat_model import ModelServer, OpenAIChatModel
from agent.adapters.chat_router import RoutedChatModel
from agent.adapters.language import LanguageDetector
from agent.adapters.private_model import PrivateChatModel
from agent.adapters.traced_model import TracedChatModel
from agent.completions import Task
from agent.errors import SettingsInvalid
from agent.graph.acting.acted import Acted, Step
from agent.graph.answerability import Answerability
from agent.graph.evidence import Evidence
from agent.graph.examples import embed_examples
from agent.graph.prompting import Draft, DraftSentence
from agent.graph.state import TurnContext
from agent.grounding.claims import Claim
from agent.grounding.second import SecondVerifier
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import ModelProfile
from agent.model_routes import ModelRoutes, NamedModel
from agent.ports import ChatModel, Embedder
from agent.privacy.handling import PersonalRules, RulesInForce, rules_of
from agent.reasons import HandoffReason, handoff_reason
from agent.settings import Settings
from agent.site_settings import WIDGET_SOURCE
from agent.standing import waited_s
from agent.telemetry import FIRST_ANSWER_SECONDS, HANDOFFS, OUTCOMES, TURN_SECONDS, TURNS, exemplar
from agent.types import (
    Author,
    Citation,
    Conversation,
    Customer,
    Decision,
    Identity,
    Message,
    Outcome,
    PendingApproval,
    PolicyTrace,
    Proposal,
    Usage,
)
from knowledge.base import KnowledgeBase
from knowledge.pair_reader import PairReader
from knowledge.types import Audience, Hit, Passage, Trust
from policies.engine import PolicyEngine
from policies.matching import ExampleTable
from policies.types import Action, Facts, Verdict, Verifier

STATE_TYPES: tuple[type, ...] = (
    *(
        Message,
        Author,
        Customer,
        Identity,
        Proposal,
        PendingApproval,
        Acted,
        Step,
        Outcome,
        Decision,
        Citation,
        PolicyTrace,
        Usage,
    ),
    *(Facts, Verdict, Action, Hit, Passage, Audience, Trust, Evidence, Answerability, Draft, DraftSentence, Claim),
)
"""What a checkpoint may hold: all that `TurnState` is made of."""


@asynccontextmanager
async def open_chat(
    routes: ModelRoutes, needed: Collection[Task] = tuple(Task), privacy: PersonalRules | RulesInForce | None = None
) -> AsyncIterator[RoutedChatModel]:
    """The clients of all models that some task may be given to, as one.

    Args:
        routes: the models.
        needed: see `needed_tasks`.
        privacy: what no model may read; careful rules if not given.

    Raises:
        SettingsInvalid: there is no server for one of them.
    """
    async with AsyncExitStack() as stack:
        models = {}
        for model in routes.used:
            client = await stack.enter_async_context(open_model(model))
            models[model.name] = TracedChatModel(PrivateChatModel(client, privacy or PersonalRules()), model.asked_for)
        yield RoutedChatModel(models, routes.routes, needed)


def needed_tasks(routes: ModelRoutes, policies: PolicyEngine, *, acts: bool = True) -> frozenset[Task]:
    """What models are asked here: judging only if some topic lists that, questions and actions only of models made for it.

    Args:
        routes: the models.
        policies: the rules.
        acts: whether there are systems to act in.
    """
    found = {Task.ANSWER}
    if routes.turn_profile.rewrites_queries:
        found.add(Task.REWRITE)
    if Verifier.JUDGE in policies.verifiers:
        found.add(Task.JUDGE)
    if acts and policies.actions and routes.turn_profile.picks_actions:
        found.add(Task.ACT)
    return frozenset(found)


def open_model(model: NamedModel) -> OpenAIChatModel:
    """The client of one model, to be closed. Raises `SettingsInvalid` if it has no server."""
    if model.base_url is None:
        raise SettingsInvalid(
            "there is no model server: set INNKEEPER_LLM_BASE_URL (e.g. http://vllm:8000/v1), or start `innkeeper up`."
        )
    server = ModelServer(
        base_url=model.base_url,
        api_key=model.api_key,
        model=model.model,
        name=model.name,
        timeout_s=model.timeout_s,
        concurrency=model.concurrency,
    )
    return OpenAIChatModel(model.profile, server)


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
    """What the graph works with. Embeds the rules' examples where no process has done so before: takes seconds.

    Args:
        chat: the model that writes.
        profile: what prompts for it may be like, see `ModelRoutes.turn_profile`.
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
        privacy=rules_of(policies.privacy, policies.locales),
        detect_language=LanguageDetector(policies.locales),
        examples=embed_examples(knowledge.kept_vectors, policies.examples()),
        wishes=wish_table(knowledge.kept_vectors, policies, profile),
        pool=ThreadPoolExecutor(max_workers=workers, thread_name_prefix="knowledge"),
    )


def wish_table(embedder: Embedder, policies: PolicyEngine, profile: ModelProfile) -> ExampleTable:
    """Vectors of what customers write who ask for an action; none where no model picks actions."""
    return embed_examples(embedder, policies.wishes() if profile.picks_actions else {})


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
