"""Background work on Redis by docket: how jobs are queued, and a worker that runs them.

Two queues, so that slow turns never hold up deliveries, nor a slow helpdesk the turns. A job is only a hint
("look at this conversation"): what is owed is in the conversations and the outbox, and the sweep asks for it
again. So a job may run twice, and the commit's compare step sees to it that the second finds nothing to do.

docket stores its arguments as pickles: whoever may write to this Redis may run code in the workers.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import structlog
from docket import Docket, Worker
from redis.exceptions import ConnectionError as RedisConnectionError

from agent.adapters.following_docket import FollowingDocket
from agent.adapters.jobs import Handlers, Owed, WorkerOptions, deliver_task, turn_task
from agent.adapters.perpetual import approvals_task, poll_task, refresh_task, sweep_task
from agent.adapters.redis_clients import FAILURES, SERVER_PORT
from agent.errors import QueueUnavailable
from agent.redis_urls import each_host, is_cluster
from agent.types import ConversationId, OutboxKey

TURNS = "innkeeper:turns"
DELIVERIES_QUEUE = "innkeeper:deliveries"
ADD_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


class DocketQueue:
    """`agent.ports.TurnQueue` on docket. Open it with `async with`; that works while Redis is down, adding does not.

    A cluster has to be there when it is opened: which node has what must be known.
    """

    def __init__(self, redis_url: str, *, debounce_ms: int = 500) -> None:
        self.turns: Docket
        self.deliveries: Docket
        self._url = redis_url
        self._debounce = timedelta(milliseconds=debounce_ms)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        url = await _one_node(self._url) if is_cluster(self._url) else self._url
        self.turns = FollowingDocket(name=TURNS, url=url)
        self.deliveries = FollowingDocket(name=DELIVERIES_QUEUE, url=url)
        # By name from here on: adding a function would put it in the place of the worker's own.
        self.turns.register(turn)
        self.deliveries.register(deliver)
        try:
            await self._stack.enter_async_context(self.turns)
            await self._stack.enter_async_context(self.deliveries)
        except FAILURES as error:
            await self._stack.aclose()
            raise QueueUnavailable(
                f"the cluster of Redis can't be used: {error or type(error).__name__} Check the nodes of INNKEEPER_REDIS_URL."
            ) from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    async def sizes(self) -> dict[str, int]:
        """Jobs that wait, are scheduled or run, by queue; the perpetual ones count among the deliveries.

        Raises:
            QueueUnavailable: Redis can't be reached.
        """
        found = {}
        for name, docket in (("turns", self.turns), ("deliveries", self.deliveries)):
            try:
                async with asyncio.timeout(ADD_TIMEOUT_S), docket.redis() as redis:
                    found[name] = await redis.xlen(docket.stream_key) + await redis.zcard(docket.queue_key)
            except FAILURES as error:
                raise QueueUnavailable(f"Redis failed while the jobs were counted: {error or type(error).__name__}") from error
        return found

    async def add_turn(self, conversation_id: ConversationId, message_id: str) -> None:
        """Ask for a turn once the burst that this message may open has passed.

        Raises:
            QueueUnavailable: Redis can't be reached.
        """
        add = self.turns.add("turn", when=datetime.now(UTC) + self._debounce, key=f"turn:{conversation_id}:{message_id}")
        await _added("a turn", lambda: add(conversation_id, message_id))

    async def add_delivery(self, key: OutboxKey) -> None:
        """Ask for an outbox entry to be delivered now.

        Raises:
            QueueUnavailable: Redis can't be reached.
        """
        add = self.deliveries.add("deliver", key=f"deliver:{key.outbox_id}")
        await _added("a delivery", lambda: add(key.outbox_id, key.conversation_id))


# The names and arguments that travel; a worker registers what they do.
async def turn(conversation_id: str, message_id: str) -> None:
    """One turn of a conversation."""
    raise NotImplementedError("runs in a worker only")


async def deliver(outbox_id: str, conversation_id: str) -> None:
    """One attempt to deliver an outbox entry."""
    raise NotImplementedError("runs in a worker only")


async def run_worker(
    queue: DocketQueue,
    handlers: Handlers,
    owed: Owed,
    options: WorkerOptions | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Work until `stop` is set, or on SIGTERM and SIGINT if it is not given; then drain.

    Outlives Redis: while it is away the worker waits and connects again.
    """
    options = options or WorkerOptions()
    queue.turns.register(turn_task(handlers, options), names=["turn"])
    queue.deliveries.register(deliver_task(handlers.sender, owed.outbox), names=["deliver"])
    queue.deliveries.register(sweep_task(queue, owed, options), names=["sweep"])
    if handlers.expire is not None:
        queue.deliveries.register(approvals_task(handlers.expire, owed.conversations, options), names=["approvals"])
    if handlers.refresh is not None:
        queue.deliveries.register(refresh_task(handlers.refresh, options), names=["refresh"])
    for source, (every_s, poll) in handlers.polls.items():
        queue.deliveries.register(poll_task(source, every_s, poll))
    stop = stop or _stop_on_signals()
    running = {
        asyncio.create_task(_work(queue.turns, options.concurrency, options), name="turns"),
        # More of them, so that the sweep, what is overdue, the refresh and the polls always find a place.
        asyncio.create_task(_work(queue.deliveries, options.deliveries + 3 + len(handlers.polls), options), name="deliveries"),
    }
    log.info("worker_started", concurrency=options.concurrency)
    try:
        await stop.wait()
    finally:
        log.info("worker_draining", grace_s=options.grace_s)
        if handlers.on_stop is not None:
            handlers.on_stop()
        for task in running:
            task.cancel()
        _, late = await asyncio.wait(running, timeout=options.grace_s)
        for task in late:
            # The first cancel lets running jobs finish, the second ends them; they stay claimed, and are redelivered.
            task.cancel()
        if late:
            await asyncio.wait(late)
        log.info("worker_stopped", jobs_cut_short=bool(late))


async def _work(docket: Docket, concurrency: int, options: WorkerOptions) -> None:
    """Run docket's worker, which waits out a lost Redis itself; begin again if anything else ends it."""
    delay = 1.0
    while True:
        try:
            async with Worker(
                docket,
                concurrency=concurrency,
                redelivery_timeout=timedelta(seconds=options.redelivery_s),
                reconnection_delay=timedelta(seconds=1),
                minimum_check_interval=timedelta(milliseconds=50),
                scheduling_resolution=timedelta(milliseconds=100),
            ) as worker:
                await worker.run_forever()
                return
        except Exception as error:  # The worker's outer loop.
            log.error("worker_crashed", queue=docket.name, delay_s=delay, exc_info=error)
        await asyncio.sleep(delay)
        delay = min(delay * 2, 30.0)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _one_node(url: str) -> str:
    """The URL of the first node that answers: docket begins at one, and learns of the others there.

    Raises:
        QueueUnavailable: none does.
    """
    for one in each_host(url):
        place = urlsplit(one)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ADD_TIMEOUT_S):
                _, writer = await asyncio.open_connection(place.hostname, place.port or SERVER_PORT)
            writer.close()
            return one
    raise QueueUnavailable("no node of the cluster at INNKEEPER_REDIS_URL can be reached: check that they run, and the network")


async def _added(what: str, add: Callable[[], Awaitable[object]]) -> None:
    """Twice, since the first meets a stale connection after Redis has been restarted; a key is only taken once."""
    try:
        async with asyncio.timeout(ADD_TIMEOUT_S):
            try:
                await add()
            except RedisConnectionError:
                await add()
    except FAILURES as error:
        raise QueueUnavailable(
            f"Redis failed while {what} was queued: {error or type(error).__name__} "
            "Check that the server at INNKEEPER_REDIS_URL runs and takes writes."
        ) from error
