"""Turns without a channel, for `innkeeper ask` and for figures: no Redis, and a model started for the occasion if none runs."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.embedded_model import embedded_model
from agent.adapters.supervisor import Supervisor
from agent.completions import Task
from agent.errors import KnowledgeEmpty
from agent.graph.build import build_graph
from agent.graph.state import TurnContext, TurnState
from agent.model_profiles import ModelProfile
from agent.ports import Answerer
from agent.privacy.handling import rules_of
from agent.settings import Settings
from agent.thinking import think, walk
from agent.types import Author, Message, MessageId, Outcome, RunId
from agent.wiring import parts, rules, shelf
from agent.wiring.verifiers import second_verifiers
from knowledge.base import KnowledgeBase
from policies.engine import PolicyEngine


@dataclass(frozen=True)
class Rehearsal:
    """Turns that no customer sees, and what decides how they end.

    Attributes:
        walk: a turn; all that it knew at its end. Raises as `Answerer`.
        policies: by which it is decided.
        profile: of the model that writes.
        model: the name that the server knows it by; of several models each task with its own.
        knowledge: fingerprint of the knowledge base.
        parts: what else finds and reads passages, in words: the embedding model, the reranker.
    """

    walk: Callable[[tuple[Message, ...], RunId], Awaitable[TurnState]]
    policies: PolicyEngine
    profile: ModelProfile
    model: str
    knowledge: str
    parts: str


@asynccontextmanager
async def open_answerer(settings: Settings) -> AsyncIterator[Answerer]:
    """Everything that a turn needs, for as many turns as are asked.

    Raises:
        KnowledgeEmpty: nothing has been ingested.
        AgentError, KnowledgeError, PolicyError: a part can't be built.
    """
    async with _open(settings) as (context, _):
        graph = build_graph()

        async def answer(messages: tuple[Message, ...], language: str | None) -> Outcome:
            return await think(graph, context, messages, RunId("ask"), "ask", language)

        yield answer


@asynccontextmanager
async def open_rehearsal(settings: Settings) -> AsyncIterator[Rehearsal]:
    """The same, for figures: searches don't count as customers' ones.

    Raises:
        RerankerUnavailable: a reranker is named and can't be used; figures of searches without it would be of something else.
        AgentError, KnowledgeError, PolicyError: as `open_answerer`.
    """
    async with _open(settings, counts_searches=False) as (context, knowledge):
        await context.in_thread(knowledge.check_reranker)
        graph = build_graph()

        async def go(messages: tuple[Message, ...], run_id: RunId) -> TurnState:
            return await walk(graph, context, messages, run_id, "rehearsal")

        model = rules.pick_routes(settings).told()
        reranker = settings.reranker_model or settings.reranker
        described = [f"embedding {settings.embedding_model or 'packaged'}", f"reranker {reranker or 'none'}"]
        if settings.verifier_model is not None:
            described.append(f"verifier {settings.verifier_model} from {settings.verifier_threshold:g}")
        if settings.multilingual:
            described.append("multilingual")
        named = ", ".join(described)
        yield Rehearsal(go, context.policies, context.profile, model, await context.in_thread(knowledge.fingerprint), named)


@asynccontextmanager
async def _open(settings: Settings, *, counts_searches: bool = True) -> AsyncIterator[tuple[TurnContext, KnowledgeBase]]:
    policies = rules.build_policies(settings)
    knowledge = shelf.build_knowledge(settings, counts_searches=counts_searches)
    async with AsyncExitStack() as stack:
        stack.callback(knowledge.close)
        if not any(knowledge.counts().values()):
            raise KnowledgeEmpty(
                f"the knowledge base in {settings.data_dir} is empty. Fill it first: `innkeeper ingest PATH`, "
                "or `innkeeper ingest --samples` for the sample help centre."
            )
        base_url = shelf.model_url(settings)
        routes = rules.pick_routes(settings, base_url)
        if base_url is None and settings.has_default_model:
            base_url = await stack.enter_async_context(_model(rules.pick_profile(settings)))
            routes = routes.with_default_at(base_url)
        shelf.guard_egress(settings, base_url)
        chat = await stack.enter_async_context(parts.open_chat(routes, privacy=rules_of(policies.privacy, policies.locales)))
        second = second_verifiers(settings, routes.profile(Task.JUDGE), policies, chat)
        context = parts.build_context(chat, routes.turn_profile, knowledge, policies, second, second_look=settings.second_look)
        yield context, knowledge


def question(text: str) -> tuple[Message, ...]:
    """A conversation of one message."""
    return (Message(MessageId("1"), Author.CUSTOMER, text, datetime.now(UTC).isoformat()),)


@asynccontextmanager
async def _model(profile: ModelProfile) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="innkeeper-") as folder:
        async with Supervisor(Path(folder)) as supervisor:
            service = embedded_model(profile)
            await supervisor.start(service)
            yield service.url
