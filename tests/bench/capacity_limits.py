"""What a queueing simulation can't see: room, outside limits, and what can't be had twice. Sums, nothing is run."""

import math
from dataclasses import dataclass

from tests.bench.capacity_simulation import FULL, Costs

MONTH_S = 30 * 24 * 3600
SHARDS = 64
"""Of conversations, in a cluster. Source: README, "Redis with replicas, or a cluster"."""
NODE_BYTES = 64e9
"""What one Redis holds at most: a fork for its append-only file needs as much again, and a restart reads it all."""
CHROMA_CORES = 16
"""Of the one Chroma server."""
ZENDESK_PER_MINUTE = 100
"""Updates of tickets in one account. Source: Zendesk's help, article 8638126078234."""
STREAMS = 5_000
"""Of one API process, by its setting's default."""
STREAM_S = 600
"""How long a widget keeps its stream open, for one ticket: an assumption."""


@dataclass(frozen=True)
class Month:
    """What a month brings, beside the tickets.

    Attributes:
        peak: the busiest hour, in averages of the month. A business hour's desk gets 15% of a day's tickets in its busiest
            hour, and on a working day 30/22 of the average day's: 0.15 x 24 x 30/22 = 4.9.
        turns: of the agent, for one ticket: its first message, and what the customer writes back.
        kept_days: how long Redis keeps a conversation.
    """

    peak: float = 5.0
    turns: float = 1.5
    kept_days: float = 90.0

    def rate(self, tickets: float) -> float:
        """Turns a second at the peak."""
        return self.peak * self.turns * tickets / MONTH_S

    def tickets(self, rate: float) -> float:
        """The month whose peak has so many turns a second."""
        return rate * MONTH_S / (self.peak * self.turns)

    def kept_bytes(self, tickets: float, costs: Costs) -> float:
        """In Redis, once as much is forgotten as comes in."""
        return tickets * self.turns * costs.redis_bytes * self.kept_days / 30


@dataclass(frozen=True)
class Limit:
    """Something of which there is one. `bears`: tickets a month; `then`: what to do about it."""

    name: str
    bears: float
    then: str


def installations(costs: Costs, month: Month, tickets: float) -> int:
    """So many, each with a Redis of its own, that none has more than the node with its queues, or all of its shards, bear."""
    by_queues = tickets / month.tickets(FULL / costs.queues)
    return math.ceil(max(by_queues, month.kept_bytes(tickets, costs) / (SHARDS * NODE_BYTES)))


def limits(costs: Costs, month: Month) -> list[Limit]:
    """The nearest first."""
    a_ticket = month.kept_bytes(1, costs)
    found = [
        Limit(
            f"Zendesk: {ZENDESK_PER_MINUTE} updates of tickets a minute, one a turn",
            month.tickets(ZENDESK_PER_MINUTE / 60),
            "its high-volume add-on, or another helpdesk; replies wait and are tried again, none is lost",
        ),
        Limit(
            f"one Redis of {NODE_BYTES / 1e9:.0f} GB that keeps {month.kept_days:.0f} days",
            NODE_BYTES / a_ticket,
            "keep fewer days, or a cluster",
        ),
        Limit(
            "one Redis: its one core",
            month.tickets(FULL / (costs.queues + costs.redis * (1 - costs.redis_queue_share))),
            "a cluster",
        ),
        Limit(
            f"the one Chroma server, {CHROMA_CORES} cores",
            month.tickets(FULL * CHROMA_CORES / costs.chroma),
            "a second one with the same articles, and workers of its own",
        ),
        Limit(
            "a cluster: the node that has both queues of jobs",
            month.tickets(FULL / costs.queues),
            "a second installation, by brand or region",
        ),
        Limit(
            f"a cluster: {SHARDS} shards on as many primaries of {NODE_BYTES / 1e9:.0f} GB, {month.kept_days:.0f} days",
            SHARDS * NODE_BYTES / a_ticket,
            "keep fewer days",
        ),
    ]
    return sorted(found, key=lambda limit: limit.bears)
