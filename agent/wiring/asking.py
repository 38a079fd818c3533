"""One turn without a channel, for `innkeeper ask`: no Redis, and a model started for the occasion if none runs."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.embedded_model import embedded_model
from agent.adapters.supervisor import Supervisor
from agent.errors import KnowledgeEmpty
from agent.graph.build import build_graph
from agent.model_profiles import ModelProfile
from agent.ports import Answerer
from agent.settings import Settings
from agent.turns import think
from agent.types import Author, Message, MessageId, Outcome, RunId
from agent.wiring import parts


@asynccontextmanager
async def open_answerer(settings: Settings) -> AsyncIterator[Answerer]:
    """Everything that a turn needs, for as many turns as are asked.

    Raises:
        KnowledgeEmpty: nothing has been ingested.
        AgentError, KnowledgeError, PolicyError: a part can't be built.
    """
    profile = parts.pick_profile(settings)
    policies = parts.build_policies(settings)
    knowledge = parts.build_knowledge(settings)
    async with AsyncExitStack() as stack:
        stack.callback(knowledge.close)
        if not any(knowledge.counts().values()):
            raise KnowledgeEmpty(
                f"the knowledge base in {settings.data_dir} is empty. Fill it first: `innkeeper ingest PATH`, "
                "or `innkeeper ingest --samples` for the sample help centre."
            )
        base_url = parts.model_url(settings)
        if base_url is None:
            base_url = await stack.enter_async_context(_model(profile))
        parts.guard_egress(settings, base_url)
        chat = await stack.enter_async_context(parts.open_chat(settings, profile, base_url))
        context = parts.build_context(chat, profile, knowledge, policies, second_look=settings.second_look)
        graph = build_graph()

        async def answer(messages: tuple[Message, ...], language: str | None) -> Outcome:
            return await think(graph, context, messages, RunId("ask"), "ask", language)

        yield answer


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
