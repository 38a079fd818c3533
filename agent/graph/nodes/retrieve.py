"""Retrieve: passages that this customer may see, and how well they answer the question.

Where a follow-up finds nothing sure by itself and a capable model is configured, that model is asked once to put it as
a question that stands alone. A turn never fails or waits long for that.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from langgraph.runtime import Runtime

from agent.completions import IN_TIME
from agent.errors import ModelOutputInvalid, ModelUnavailable
from agent.graph.answerability import judge
from agent.graph.articles import answering
from agent.graph.evidence import Evidence, is_answerable, is_of_what_is_named, weigh
from agent.graph.followup import is_follow_up, latest_request, said_before, search_texts
from agent.graph.parts import Part, questions
from agent.graph.rewriting import names_only_what_was_said, problem_of, read_question, rewrite_prompt
from agent.graph.state import TurnContext, TurnState
from agent.ports import Embedder, Retriever, Stage
from agent.telemetry import QUERY_REWRITES
from agent.types import Message, Usage
from knowledge.types import Audience, Hit, Query

log = structlog.get_logger()

PASSAGES = 12
ALONE = 0.2
"""What was said before is searched with only if it raises the probability by more than this.

Measured on 18 sample follow-ups, 122 sample questions asked after one about something else, and every second conversation
of two public sets; the right article comes first for:

                                follow-ups  another subject  dstc11_travel  mtrag_un
    the latest request alone        7/18         87/122          22/201       64/86
    with what was said before      14/18         51/122         116/201       78/86
    whichever brings more, by .2   15/18         84/122          92/201       78/86
"""
REWRITE_S = 5.0
"""Most that a turn waits for a question in the model's words, a free place at the server included."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a text brought. `text` is the question as it was understood; `alone` if it is the latest request and no more."""

    text: str
    hits: Sequence[Hit]
    evidence: Evidence
    alone: bool = False

    @property
    def weight(self) -> float:
        """What is compared between the ways to search."""
        return self.evidence.probability + (ALONE if self.alone else 0.0)


@dataclass(frozen=True, slots=True)
class Searched:
    """What each way to search brought: the latest request alone first, in the light of all that was said before it last."""

    ways: tuple[Found, ...]

    @property
    def alone(self) -> Found:
        """What the latest request brought by itself."""
        return self.ways[0]

    @property
    def in_context(self) -> Found:
        """What it brought in the light of what was said before; the same where nothing was."""
        return self.ways[-1]

    @property
    def best(self) -> Found:
        """The way that the passages answer best."""
        return max(self.ways, key=lambda found: found.weight)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What came of asking the model. `question` is None if it gave none that can be searched with."""

    question: str | None
    usage: Usage
    spent_ms: float


async def retrieve(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Search, weigh, open the best article."""
    context, messages = runtime.context, state["messages"]
    await context.tell(Stage.SEARCHING)
    texts, audiences = search_texts(messages), context.policies.clearance()
    earlier = said_before(messages)
    retriever = answering(context)
    searched = await context.in_thread(search_each_way, retriever, context.embedder, texts, earlier, audiences)
    found = searched.best
    spent = state.get("usage", Usage())
    update: TurnState = {"usage": spent}
    # A turn makes one call before the draft: where a model was asked for an action, none is asked for a question.
    if not spent.llm_calls and context.profile.rewrites_queries and is_follow_up(messages) and not found.evidence.sure:
        rewritten = await rewrite(context, messages, texts[0])
        update = {"usage": spent + rewritten.usage, "timings_ms": {"rewrite": rewritten.spent_ms}}
        if rewritten.question:
            found = await context.in_thread(better_found, context, rewritten.question, messages, texts[0], found)
    found, parts = await context.in_thread(look_up_parts, retriever, context.embedder, messages, audiences, found)
    rest = await context.in_thread(rest_of_article, retriever, audiences, found.hits)
    hits = (*found.hits, *rest)
    asked = tuple(dict.fromkeys((found.text, texts[0])))
    alone, in_context = searched.alone.hits, searched.in_context.hits
    answerability = await context.in_thread(judge, context.embedder, messages, alone, in_context)
    known: TurnState = {"asked": asked, "hits": hits, "evidence": found.evidence, "answerability": answerability, "parts": parts}
    return {**update, **known}


def best_found(
    retriever: Retriever, embedder: Embedder, texts: Sequence[str], earlier: tuple[str, ...], audiences: frozenset[Audience]
) -> Found:
    """What the text brings that the passages answer best. See `search_each_way`."""
    return search_each_way(retriever, embedder, texts, earlier, audiences).best


def search_each_way(
    retriever: Retriever, embedder: Embedder, texts: Sequence[str], earlier: tuple[str, ...], audiences: frozenset[Audience]
) -> Searched:
    """What each of the texts brings, and how well it is answered by that. No model that writes is asked.

    Args:
        retriever: finds passages.
        embedder: the embedding model.
        texts: what may be meant, the latest request alone first.
        earlier: what both sides said before it; the latest request is also searched with in the light of that.
        audiences: what the asker may see.
    """
    ways = [(text, Query(text=text, audiences=audiences, k=PASSAGES)) for text in texts]
    if earlier:
        ways.append((texts[-1], Query(text=texts[0], audiences=audiences, k=PASSAGES, earlier=earlier)))
    tried: list[Found] = []
    for text, query in ways:
        hits = retriever.search(query)
        tried.append(Found(text, hits, weigh(embedder, text, hits), alone=not tried))
    return Searched(tuple(tried))


async def rewrite(context: TurnContext, messages: Sequence[Message], request: str, timeout_s: float = REWRITE_S) -> Rewritten:
    """Ask the model for the latest request as one question. A failure is logged and counted, and no more.

    Args:
        context: of the turn.
        messages: the conversation.
        request: the latest request.
        timeout_s: most to wait; the call is given up then.
    """
    start = time.perf_counter()
    question, usage = None, Usage(llm_calls=1)  # of a call that fails nobody knows the tokens
    prompt = replace(rewrite_prompt(context.profile, context.shown(messages)), timeout_s=IN_TIME * timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            completion = await context.chat.complete(prompt)
    except (ModelUnavailable, ModelOutputInvalid, TimeoutError) as error:
        log.warning("query_rewrite_failed", error=type(error).__name__)
        QUERY_REWRITES.labels("failed").inc()
    else:
        question, usage = read_question(completion.text), completion.usage
        problem = problem_of(question, request, [message.text for message in messages])
        if problem:
            log.info("query_rewrite_ignored", problem=problem)
            QUERY_REWRITES.labels("ignored").inc()
            question = None
    return Rewritten(question, usage, round((time.perf_counter() - start) * 1000, 2))


def better_found(context: TurnContext, question: str, messages: Sequence[Message], request: str, found: Found) -> Found:
    """What the model's question brings, if that is better than what was found without it.

    It makes nothing sure by a name or number that the model has added, or has lost.
    """
    hits = answering(context).search(Query(text=question, audiences=context.policies.clearance(), k=PASSAGES))
    evidence = weigh(context.embedder, question, hits)
    said = [message.text for message in messages]
    if not (names_only_what_was_said(question, said) and hits and is_of_what_is_named(request, hits)):
        evidence = replace(evidence, sure=False)
    rewritten = Found(question, hits, evidence)
    is_better = rewritten.weight > found.weight
    QUERY_REWRITES.labels("used" if is_better else "unused").inc()
    return rewritten if is_better else found


def look_up_parts(
    retriever: Retriever, embedder: Embedder, messages: Sequence[Message], audiences: frozenset[Audience], found: Found
) -> tuple[Found, tuple[Part, ...]]:
    """Look up each question of a message that has several.

    Returns what was found, with the best hit for each of them right behind the best of all, and the parts. Where the message
    as a whole is answered worse than one of them, that one leads. The evidence is that of the weakest question that is
    answered.
    """
    asked = questions(latest_request(messages))
    if not asked:
        return found, ()
    each = [search_each_way(retriever, embedder, (text,), (), audiences).alone for text in asked]
    lead = max(found, *each, key=lambda one: one.evidence.probability)
    answered = [one for one in each if is_answerable(one.evidence)]
    best = [one.hits[one.evidence.best] for one in (lead, *answered) if one.hits]
    hits = tuple({hit.passage.passage_id: hit for hit in (*best, *lead.hits)}.values())
    places = {hit.passage.passage_id: n for n, hit in enumerate(hits)}
    ranking = {hit.passage.doc_id: n for n, hit in reversed([*enumerate(hits)])}
    parts = tuple(
        Part(
            one.text,
            one.evidence.probability,
            places[one.hits[one.evidence.best].passage.passage_id] if one in answered else None,
        )
        for one in each
    )
    weakest = [one.evidence for one in answered] or [lead.evidence]
    evidence = Evidence(
        probability=min(one.probability for one in weakest),
        ranking=tuple(sorted(ranking.values())),
        sure=all(one.sure for one in weakest),
        named=all(one.named for one in weakest),
    )
    return replace(lead, hits=hits, evidence=evidence), parts


def rest_of_article(retriever: Retriever, audiences: frozenset[Audience], hits: Sequence[Hit]) -> list[Hit]:
    """The passages around the best hit that the search itself didn't bring: what answers may stand a paragraph further."""
    if not hits:
        return []
    found = {hit.passage.passage_id for hit in hits}
    around = retriever.around(hits[0].passage, audiences)
    return [Hit(passage, 0.0, 0.0, 0.0, 0.0) for passage in around if passage.passage_id not in found]
