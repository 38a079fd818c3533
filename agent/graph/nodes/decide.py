"""Decide: one outcome from what the rules, the passages and the checks say. Code, not a model."""

from dataclasses import replace

from langgraph.runtime import Runtime

from agent import reasons
from agent.graph import compose
from agent.graph.acting.acted import Acted, Step
from agent.graph.acting.filling import Unfillable
from agent.graph.acting.wording import DECISIONS, queue_of, told_to_people, waits_until, words_of
from agent.graph.articles import rests_on_stale
from agent.graph.asking_back import options
from agent.graph.offering import with_offer
from agent.graph.options import listed
from agent.graph.parts import missing
from agent.graph.replying import sayable
from agent.graph.routes import asks_back
from agent.graph.state import TurnContext, TurnState
from agent.telemetry import UNANSWERED_TOPICS
from agent.types import Decision, Outcome, PolicyTrace, RunId, Usage
from policies.engine import PolicyEngine
from policies.types import Action, Dial, Mode, Send, TopicVerdict, Unsure


async def decide(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Make the outcome."""
    outcome = sayable(outcome_of(state, runtime.context), state, runtime.context)
    if outcome.reason == reasons.NOT_ANSWERED:
        UNANSWERED_TOPICS.labels(nearest_topic(state, runtime.context.policies)).inc()
    return {"outcome": outcome}


def outcome_of(state: TurnState, context: TurnContext) -> Outcome:
    """The outcome of a finished state, with what a rule offers behind it."""
    return with_offer(_ended(state, context), state["verdict"], context.policies)


def _ended(state: TurnState, context: TurnContext) -> Outcome:
    verdict = state["verdict"]
    if verdict.action is Action.HANDOFF:
        return _handoff(state, context, verdict.say or "handoff", reasons.by_rule(verdict.rule), queue=verdict.queue)
    if verdict.action is Action.REFUSE:
        return _say(state, context, Decision.REFUSE, verdict.say or "refuse", reasons.by_rule(verdict.rule))
    acted = state.get("acted")
    if acted is not None:
        return _acted(state, context, acted)
    if state.get("claims"):
        return _answer(state, context, context.policies.topic(state["facts"], cited_articles(state)))
    if asks_back(state):
        return _clarify(state, context)
    return _handoff(state, context, context.policies.knowledge.no_answer, reasons.NOT_ANSWERED)


def cited_articles(state: TurnState) -> tuple[str, ...]:
    """Ids of the articles that the answer would cite, each once."""
    return tuple(dict.fromkeys(state["hits"][claim.hit].passage.doc_id for claim in state.get("claims", ())))


def nearest_topic(state: TurnState, policies: PolicyEngine) -> str:
    """The topic that claims the message, or else the article that is nearest to it; `otherwise` for none."""
    nearest = [hit.passage.doc_id for hit in state.get("hits", ())[:1]]
    topics = policies.topic(state["facts"], nearest).topics
    return topics[0] if topics else "otherwise"


def confidence(state: TurnState) -> float:
    """The probability that sending is right: the article answers the question, and supports what is said of it."""
    return min([state["evidence"].probability, *(claim.support for claim in state["claims"])])


def is_sure(state: TurnState, dial: Dial) -> bool:
    """True if an answer may be told plainly: as surely right as the dial asks for, and of what the question names."""
    evidence = state["evidence"]
    return evidence.sure if dial.most_wrong is None else evidence.named and confidence(state) >= 1 - dial.most_wrong


def _answer(state: TurnState, context: TurnContext, topic: TopicVerdict) -> Outcome:
    sure = is_sure(state, topic.dial)
    if topic.dial.kind is Send.PERSON or (not sure and topic.unsure is Unsure.PERSON and topic.dial.kind is Send.AUTO):
        reason = reasons.FOR_PEOPLE if topic.dial.kind is Send.PERSON else reasons.NOT_SURE
        return _handoff(state, context, "handoff", reason, topic=topic)
    stale = topic.dial.kind is Send.AUTO and rests_on_stale(state, context)
    if stale and context.policies.knowledge.stale == "person":
        return _handoff(state, context, "handoff", reasons.STALE, topic=topic)
    drafted = stale or topic.dial.kind is Send.DRAFT or (not sure and topic.unsure is Unsure.DRAFT)
    reason = "supported by the cited passages" if sure else "the closest that was found: true, and perhaps not the answer"
    if drafted:
        sends = topic.dial.kind is Send.AUTO
        reason = "not sure enough to send: a person decides" if sends else "a person approves answers first"
        reason = f"{reasons.STALE}: a person decides" if stale else reason
    text, citations = compose.answer(state["claims"], state["hits"])
    language, policies = state["facts"].language, context.policies
    open_questions = missing(state.get("parts", ()))
    if open_questions:
        text = "\n\n".join((text, policies.text("missing", language), *(f"> {one}" for one in open_questions)))
        reason += "; a part of the question is not answered"
    if language != policies.locales[0] and all(c.text == c.quote for c in state["claims"]):
        # The articles' own words, in the articles' language: say so in the customer's.
        text = f"{policies.text('quoted', language)}\n\n{text}"
    if not sure:
        text = f"{policies.text('closest', language)}\n\n{text}"
    text = "\n\n".join((text, *policies.approved_words(state["facts"])))
    return _outcome(
        state,
        context,
        Decision.DRAFT if drafted else Decision.ANSWER,
        text,
        reason,
        citations=citations,
        confidence=confidence(state),
        topic=topic,
        sure=sure and not open_questions,
    )


def _acted(state: TurnState, context: TurnContext, acted: Acted) -> Outcome:
    """What an action came to, in approved words. Where they can't be filled a person goes on."""
    desk = context.own_desk
    assert desk is not None
    try:
        text = words_of(acted, context.policies, state["facts"].language, desk.now())
    except Unfillable:
        gone = _handoff(state, context, "technical", reasons.ACTION_WITHOUT_WORDS)
        return replace(gone, summary=f"{gone.summary}\n{told_to_people(acted)}")
    decision, reason = DECISIONS[acted.step]
    if acted.said_more and acted.step is not Step.PENDING:
        decision, reason = Decision.HANDOFF, reasons.ACTION_AND_MORE
    if decision is Decision.HANDOFF:
        summary = f"{compose.summary(state['messages'], reason, ())}\n{told_to_people(acted)}"
        return _outcome(state, context, decision, text, reason, summary=summary)
    if acted.step is Step.DONE and context.policies.mode is Mode.DRAFT:
        decision, reason = Decision.DRAFT, "a person approves answers first"
    proposal = acted.proposal if decision is Decision.CLARIFY else None
    if acted.step is not Step.PENDING:
        return _outcome(state, context, decision, text, reason, confidence=1.0, proposal=proposal)
    told, notice = told_to_people(acted), context.policies.text(acted.say, state["facts"].language)
    queue, waits = queue_of(acted, context.policies), waits_until(acted, context.policies, RunId(state["run_id"]), desk.now())
    if waits.until is not None:
        told += f"\nDecide by: {waits.until}"
    return _outcome(
        state, context, decision, text, reason, confidence=1.0, summary=told, notice=notice, queue=queue, approval=waits
    )


def _clarify(state: TurnState, context: TurnContext) -> Outcome:
    policies, language = context.policies, state["facts"].language
    titles = options(state.get("hits", ()), state.get("evidence"))
    text = listed(policies.text("which", language), policies.text("clarify", language), titles)
    reason = "it can't be told what the request is about" if titles else "the request names nothing to look up"
    return _outcome(state, context, Decision.CLARIFY, text, reason)


def _say(state: TurnState, context: TurnContext, decision: Decision, key: str, reason: str) -> Outcome:
    return _outcome(state, context, decision, context.policies.text(key, state["facts"].language), reason)


def _handoff(
    state: TurnState,
    context: TurnContext,
    key: str,
    reason: str,
    queue: str | None = None,
    topic: TopicVerdict | None = None,
) -> Outcome:
    now = context.clock()
    text = compose.handoff_words(context.policies, key, state["facts"].language, now)
    summary = compose.summary(state["messages"], reason, state.get("hits", ()), context.policies.hours.due(now))
    place = queue or (topic.queue if topic else None)
    return _outcome(state, context, Decision.HANDOFF, text, reason, topic, queue=place, summary=summary)


def _outcome(
    state: TurnState,
    context: TurnContext,
    decision: Decision,
    text: str,
    reason: str,
    topic: TopicVerdict | None = None,
    **more: object,
) -> Outcome:
    disclosure = None if context.is_disclosed else context.policies.disclosure(state["facts"])
    stamp = context.policies.stamp
    topics = topic.topics if topic else ()
    rules = (*state.get("rules", ()), *topics, *(("disclosure",) if disclosure else ()))
    return Outcome(
        decision=decision,
        answer=f"{disclosure}\n\n{text}" if disclosure else text,
        reason=reason,
        language=state["facts"].language,
        policy=PolicyTrace(stamp.version, stamp.sha256, rules),
        usage=state.get("usage", Usage()),
        timings_ms=state.get("timings_ms", {}),
        **more,  # type: ignore[arg-type]
    )
