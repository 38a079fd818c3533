"""The two production processes: `serve` takes messages in, `worker` answers them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from agent.adapters.checkpoints import open_checkpointer
from agent.adapters.hints import RedisTicketHints
from agent.adapters.jobs import Handlers, Owed, WorkerOptions
from agent.adapters.queue import DocketQueue, run_worker
from agent.adapters.redis_audit import RedisAuditLog
from agent.adapters.redis_clients import RedisClient, is_ready, redis_client
from agent.adapters.redis_outbox import RedisOutbox
from agent.adapters.redis_store import RedisConversations
from agent.adapters.shadow import RedisShadowRecords
from agent.api import create_app, create_worker_app
from agent.channels.deps import ApiDeps
from agent.completions import Task
from agent.graph.build import build_graph
from agent.graph.routes import is_waiting
from agent.privacy.handling import RulesInForce, rules_of
from agent.settings import Settings
from agent.site_settings import WIDGET_SOURCE
from agent.telemetry import hide_in_logs
from agent.thinking import think
from agent.turns import Turns
from agent.types import ConversationId, Message, Outcome, RunId
from agent.wiring import parts, rules, shelf
from agent.wiring.backlog import Backlog
from agent.wiring.desks import open_desks
from agent.wiring.http import serve_app, served_beside
from agent.wiring.live_policies import LivePolicies, LiveTurns, watched
from agent.wiring.refresh import SourceRefresher
from agent.wiring.toolbox import open_desk
from agent.wiring.tracing import open_tracing
from agent.wiring.verifiers import second_verifiers
from agent.wiring.widget import build_progress, build_widget
from knowledge.errors import KnowledgeError, RerankerUnavailable
from policies.engine import PolicyEngine
from policies.load import default_folder
from policies.privacy import days_s


@dataclass(frozen=True)
class Process:
    """What both processes are made of."""

    settings: Settings
    turns: Turns
    live: LiveTurns
    conversations: RedisConversations
    outbox: RedisOutbox
    hints: RedisTicketHints
    queue: DocketQueue
    deps: ApiDeps
    redis: RedisClient
    refresher: SourceRefresher


async def serve(settings: Settings, fd: int | None = None) -> None:
    """Listen until SIGTERM or Ctrl-C.

    Raises:
        InnkeeperError: a part can't be built; see the message.
    """
    async with assemble(settings, "serve") as process:
        widget = process.deps.widget
        on_stop = widget.streams.close if widget else None
        await serve_app(create_app(process.deps), settings.host, settings.port, fd, on_stop)


async def work(settings: Settings) -> None:
    """Run turns and deliveries until SIGTERM or Ctrl-C, then drain."""
    async with assemble(settings, "worker") as process, _health(settings, process.deps):
        options = WorkerOptions(
            concurrency=settings.worker_concurrency,
            redelivery_s=settings.redelivery_s,
            grace_s=min(15.0, settings.redelivery_s * 0.75),
            refresh_s=settings.refresh_check_s,
        )
        async with open_desks(settings, process.redis, process.queue, process.live.live, process.live) as desks:

            async def turn(conversation_id: ConversationId) -> None:
                if await desks.before_turn(conversation_id):
                    await process.live.run_turn(conversation_id)

            handlers = Handlers(
                turn,
                desks.sender,
                process.refresher,
                process.refresher.stop,
                process.live.hand_over,
                desks.polls,
                process.live.expire,
            )
            await run_worker(process.queue, handlers, Owed(process.conversations, process.outbox, process.hints), options)


@asynccontextmanager
async def _health(settings: Settings, deps: ApiDeps) -> AsyncIterator[None]:
    """What a worker shows on its port, if it has one, until it has drained."""
    if settings.worker_port is None:
        yield
        return
    names = "INNKEEPER_HOST and INNKEEPER_WORKER_PORT"
    async with served_beside(create_worker_app(deps), settings.host, settings.worker_port, names):
        yield


@asynccontextmanager
async def assemble(settings: Settings, process: str) -> AsyncIterator[Process]:
    """Build every part, and close them in reverse. `process`: `serve` or `worker`."""
    policies = rules.build_policies(settings)
    privacy = RulesInForce(rules_of(policies.privacy, policies.locales))
    hide_in_logs(privacy.now)
    base_url = shelf.model_url(settings)
    routes = rules.pick_routes(settings, base_url)
    redis_url = shelf.redis_url(settings)
    guard = shelf.guard_egress(settings, base_url, redis_url)
    knowledge = shelf.build_knowledge(settings)
    async with AsyncExitStack() as stack:
        stack.callback(knowledge.close)
        await stack.enter_async_context(open_tracing(settings, process))
        needed = parts.needed_tasks(routes, policies, acts=bool(settings.tools))
        chat = await stack.enter_async_context(parts.open_chat(routes, needed, privacy))
        replicas = settings.redis_replicas
        redis = await stack.enter_async_context(redis_client(redis_url, replicas=replicas))
        saver = await stack.enter_async_context(
            open_checkpointer(redis_url, state_types=parts.STATE_TYPES, replicas=replicas, waits=is_waiting)
        )
        queue = await stack.enter_async_context(DocketQueue(redis_url, debounce_ms=settings.debounce_ms))
        verifiers = partial(second_verifiers, settings, routes.profile(Task.JUDGE), chat=chat)
        second = await asyncio.to_thread(verifiers, policies)
        workers, second_look = settings.worker_concurrency, settings.second_look
        context = await asyncio.to_thread(
            parts.build_context, chat, routes.turn_profile, knowledge, policies, second, workers, second_look=second_look
        )
        # Who asks without a channel is nobody's customer: for them nothing is looked up or changed.
        audit = RedisAuditLog(redis, days_s(policies.privacy.retention.audit))
        acting = replace(context, desk=await open_desk(settings, stack, redis, audit)) if settings.tools else context
        try:
            # Opens the index, which takes seconds, before the first question of /readyz or of a customer. If it can't
            # be reached now, /readyz tells and turns wait.
            await asyncio.to_thread(knowledge.check)
        except RerankerUnavailable:
            raise  # a folder that can't be used stays so
        except KnowledgeError:
            pass
        kept_s = rules.kept_s(settings, policies)
        conversations, hints = RedisConversations(redis, kept_s, privacy), RedisTicketHints(redis)
        turns = Turns(
            graph=build_graph(saver),
            context=acting,
            conversations=conversations,
            queue=queue,
            model_down_handoff_s=settings.model_down_handoff_s,
            on_outcome=parts.outcome_counter(settings),
            shadow=RedisShadowRecords(redis, keep_s=kept_s, privacy=privacy),
            progress=build_progress(redis, kept_s),
            draftless=(WIDGET_SOURCE,),
            disclosing=(WIDGET_SOURCE,),
        )
        policies_now = LivePolicies(settings.policy_dir or default_folder(), context, verifiers, audit)
        await policies_now.note()
        policies_now.on_swap(partial(_take_over, privacy))
        live = LiveTurns(turns, policies_now)
        await stack.enter_async_context(watched(policies_now, settings.policy_reload_s))
        direct = build_graph()

        async def answer(messages: tuple[Message, ...], language: str | None) -> Outcome:
            return await think(direct, policies_now.current, messages, RunId("direct"), "direct", language)

        async def knowledge_ready() -> bool:
            try:
                await asyncio.to_thread(knowledge.check)
            except KnowledgeError:
                return False
            return True

        async def redis_ready() -> bool:
            return await is_ready(redis)

        checks = {"redis": redis_ready, "knowledge": knowledge_ready, "model": chat.is_ready}
        widget = build_widget(settings, redis, lambda: policies_now.current.policies, live, privacy)
        outbox = RedisOutbox(redis, kept_s)
        backlog = Backlog(conversations, outbox, queue)
        deps = ApiDeps(
            *(settings, conversations, queue, answer, live, hints, checks),
            models=lambda: chat.seen,
            widget=widget,
            backlog=backlog,
        )
        refresher = SourceRefresher(knowledge, shelf.sources_path(settings), guard.allow)
        yield Process(settings, turns, live, conversations, outbox, hints, queue, deps, redis, refresher)


def _take_over(privacy: RulesInForce, policies: PolicyEngine) -> None:
    """What a pack says of personal data holds from the next message on; how long things are kept from the next start on."""
    privacy.take_over(policies.privacy, policies.locales)
    hide_in_logs(privacy.now)
