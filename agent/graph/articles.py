"""The articles that the policies let an answer rest on."""

import datetime as dt
from dataclasses import dataclass

from agent.graph.state import TurnContext, TurnState
from agent.ports import Retriever
from knowledge.health.dates import parse_day
from knowledge.types import Audience, Hit, Passage, Query
from policies.knowledge import KnowledgeFile


@dataclass(frozen=True, slots=True)
class Allowed:
    """A retriever that finds only what may be answered from. Fewer hits than were asked for may be left."""

    found_by: Retriever
    rules: KnowledgeFile

    def search(self, query: Query) -> list[Hit]:
        """See `Retriever`."""
        return [hit for hit in self.found_by.search(query) if self.rules.allows(hit.passage)]

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        """See `Retriever`."""
        return [one for one in self.found_by.around(passage, audiences) if self.rules.allows(one)]


def answering(context: TurnContext) -> Retriever:
    """What a turn searches with."""
    rules = context.policies.knowledge
    return context.retriever if rules.is_open else Allowed(context.retriever, rules)


def rests_on_stale(state: TurnState, context: TurnContext) -> bool:
    """Whether an article that the answer would cite is older than the policies rely on."""
    rules, today = context.policies.knowledge, context.clock().astimezone(context.policies.zone).date()
    cited = (state["hits"][claim.hit].passage for claim in state["claims"])
    return any(rules.is_stale(_day(passage.updated), today) for passage in cited)


def _day(updated: str | None) -> dt.date | None:
    return parse_day(updated) if updated else None
