"""What a turn knows as it walks through the graph, and what the nodes may use."""

import asyncio
import contextvars
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypedDict, TypeVar

from agent.graph.acting.acted import Acted
from agent.graph.acting.reading import Desk
from agent.graph.answerability import Answerability
from agent.graph.evidence import Evidence
from agent.graph.parts import Part
from agent.graph.prompting import Draft
from agent.grounding.claims import Claim
from agent.grounding.second import SecondVerifier
from agent.grounding.types import Verifier
from agent.model_profiles import ModelProfile
from agent.ports import ChatModel, Embedder, Retriever, Stage
from agent.privacy.handling import PersonalRules
from agent.types import Customer, Message, Outcome, PolicyTrace, Proposal, Usage
from knowledge.types import Hit
from policies.engine import PolicyEngine
from policies.matching import ExampleTable
from policies.types import Facts, Mode, Verdict
from policies.types import Verifier as VerifierName

T = TypeVar("T")


def merge(old: Mapping[str, float] | None, new: Mapping[str, float]) -> Mapping[str, float]:
    """Reducer: later timings of a run are added to the earlier ones; empty ones begin anew."""
    return {**(old or {}), **new} if new else {}


def utc_now() -> dt.datetime:
    """The clock of production."""
    return dt.datetime.now(dt.UTC)


class TurnState(TypedDict, total=False):
    """Values only; clients travel in `TurnContext`."""

    run_id: str
    customer: Customer  # from the channel: who has written the latest message
    proposal: Proposal | None  # the action that waits for the customer's word
    messages: tuple[Message, ...]  # what the customer may see, oldest first, ends with the customer
    language_hint: str | None  # from the channel, if it knows
    facts: Facts  # triage: language, first message, likeness to the rules' examples
    verdict: Verdict  # gate: what the hard rules say
    acted: Acted | None  # act: what an action came to, None if none was asked for
    asked_back: int  # gate: how often in a row we have just asked back
    asked: tuple[str, ...]  # retrieve: the question as understood; for a follow-up the latest request alone too
    hits: tuple[Hit, ...]  # retrieve: best first, then the rest of the best one's article (score 0)
    evidence: Evidence  # retrieve: how well the passages answer the question
    answerability: Answerability  # retrieve: what the passages and the talk allow
    parts: tuple[Part, ...]  # retrieve: the questions of a request that has several
    draft: Draft | None  # draft: what the model wrote, None if it was not asked
    claims: tuple[Claim, ...]  # verify: the sentences that may be sent, each with its passage
    rules: tuple[str, ...]  # ids of the policy rules that applied
    usage: Usage  # act, then retrieve, draft and verify on top: what was spent at the model server
    timings_ms: Annotated[Mapping[str, float], merge]
    outcome: Outcome


@dataclass(frozen=True)
class TurnContext:
    """What the nodes work with. Built once per process by `agent.wiring`."""

    chat: ChatModel
    profile: ModelProfile
    retriever: Retriever
    embedder: Embedder
    verifier: Verifier
    policies: PolicyEngine
    detect_language: Callable[[str], str | None]
    examples: ExampleTable = field(default_factory=lambda: ExampleTable({}))  # of all rules, see `triage.embed_examples`
    wishes: ExampleTable = field(default_factory=lambda: ExampleTable({}))  # of all actions, see `PolicyEngine.wishes`
    second: Mapping[VerifierName, SecondVerifier] = field(default_factory=dict)  # those that some topic lists
    desk: Desk | None = None  # the company's systems; None where nothing can be looked up or changed
    clock: Callable[[], dt.datetime] = utc_now
    pool: ThreadPoolExecutor | None = None  # bounded: embedding and searching use all cores by themselves
    on_stage: Callable[[Stage], Awaitable[None]] | None = None  # of one turn: somebody waits and is told
    privacy: PersonalRules = field(default_factory=PersonalRules)  # what becomes of personal data
    is_disclosed: bool = False  # of one turn: the channel itself says that a machine answers
    tool_failures: int = 0  # of one turn: see `Conversation.tool_failures`

    @property
    def own_desk(self) -> Desk | None:
        """The desk as the policies' mode, calendar and texts want it."""
        if self.desk is None:
            return None
        now, mode, zone = self.desk.now, self.policies.mode, self.policies.zone
        clock = lambda: replace(now(), zone=zone)  # noqa: E731
        texts = self.policies.texts
        return replace(self.desk, now=clock, rehearse=mode is Mode.SHADOW, ask_a_person=mode is Mode.DRAFT, texts=texts)

    def desk_of(self, run_id: str) -> Desk | None:
        """The same in one turn, whose run and rules are named to the audit log."""
        desk, stamp = self.own_desk, self.policies.stamp
        return None if desk is None else replace(desk, run_id=run_id, policy=PolicyTrace(stamp.version, stamp.sha256))

    async def tell(self, stage: Stage) -> None:
        """Say what the turn begins to do now."""
        if self.on_stage is not None:
            await self.on_stage(stage)

    def shown(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """What was said as a model reads it: what customers and people wrote of themselves is masked."""
        return tuple(replace(one, text=self.privacy.for_model(one.text)) for one in messages)

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """Run blocking work off the event loop; what it logs bears the ids that are bound here."""
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self.pool, run, work, *args)
