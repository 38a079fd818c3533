"""The shape of `knowledge.yaml`: which articles answers may rest on, and for how long. Pure.

That every sentence of an answer cites a passage is no rule of a pack: it always holds.
"""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from knowledge.types import Passage, Trust
from policies.amounts import Span, seconds
from policies.condition import Identifier, Strict
from policies.patterns import matches_glob

_ORDER = (Trust.LOW, Trust.NORMAL, Trust.HIGH)
ArticleIds = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class KnowledgeFile(Strict):
    """`knowledge.yaml`.

    Attributes:
        least_trust: articles of sources that are trusted less are not answered from.
        never: ids of articles that are not answered from; `*` stands for anything.
        fresh_for: how long after its last update an article may be relied on; for ever if not given.
        stale: what becomes of an answer that cites an older one: `draft`, a person approves it, or `person` gets the ticket.
        undated: whether an article that doesn't say when it was updated counts as `fresh` or `stale`.
        no_answer: the text that a customer gets whose question no article answers, before a person has it.
    """

    least_trust: Trust = Trust.LOW
    never: tuple[ArticleIds, ...] = ()
    fresh_for: Span | None = Field(None, description="for instance 730d")
    stale: Literal["draft", "person"] = "draft"
    undated: Literal["fresh", "stale"] = "fresh"
    no_answer: Identifier = "dont_know"

    @property
    def is_open(self) -> bool:
        """Whether every article may be answered from."""
        return self.least_trust is Trust.LOW and not self.never

    def allows(self, passage: Passage) -> bool:
        """Whether an answer may rest on this passage, however old it is."""
        if _ORDER.index(passage.trust) < _ORDER.index(self.least_trust):
            return False
        return not any(matches_glob(one, passage.doc_id) for one in self.never)

    def is_stale(self, updated: dt.date | None, today: dt.date) -> bool:
        """Whether an article is too old to be relied on. `updated` is None for one that doesn't say."""
        if self.fresh_for is None:
            return False
        if updated is None:
            return self.undated == "stale"
        return today - updated > dt.timedelta(seconds=seconds(self.fresh_for))


ANY_ARTICLE = KnowledgeFile()
"""What holds without the file: every article that the customer may see, for ever."""
