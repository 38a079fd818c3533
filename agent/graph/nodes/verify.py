"""Verify: every sentence must rest on a passage. What doesn't is dropped; a quote may take its place."""

from collections.abc import Sequence

from langgraph.runtime import Runtime

from agent.graph.claims import Claim, check, is_courtesy, without_yes_no
from agent.graph.evidence import heading, passage_sentences
from agent.graph.followup import search_text
from agent.graph.prompting import Draft
from agent.graph.quoting import best_quote
from agent.graph.state import TurnContext, TurnState
from agent.ports import Embedder
from knowledge.types import Hit

RELEVANT = 0.35
"""A supported sentence that is farther from the question than this (cosine) does not answer it."""


async def verify(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Keep the supported sentences of the draft, or quote the passage that answers."""
    context = runtime.context
    return {"claims": await context.in_thread(claims_of, context.embedder, state)}


def claims_of(embedder: Embedder, state: TurnState) -> tuple[Claim, ...]:
    """The sentences that may be sent, in order."""
    hits, evidence, question = state["hits"], state["evidence"], search_text(state["messages"])
    claims = supported_claims(embedder, question, state.get("draft"), hits, evidence.ranking)
    if not claims:
        claims = (quote_claim(embedder, question, hits, evidence.best),)
    # Where it can't be told which article is meant the customer gets the words of two, rather than a guess.
    if not evidence.sure and len(evidence.ranking) > 1 and all(c.hit != evidence.ranking[1] for c in claims):
        claims += (quote_claim(embedder, question, hits, evidence.ranking[1]),)
    return claims


def supported_claims(
    embedder: Embedder, question: str, draft: Draft | None, hits: Sequence[Hit], order: Sequence[int]
) -> tuple[Claim, ...]:
    """Check each sentence of the draft against the passages it may rest on."""
    if draft is None or draft.answerable is False:
        return ()
    kept: list[Claim] = []
    for sentence in draft.sentences:
        text = without_yes_no(sentence.text)
        if is_courtesy(sentence.text) or not text:
            continue
        claim = _best_support(embedder, question, text, hits, order)
        if claim:
            kept.append(claim)
    return tuple(kept)


def _best_support(embedder: Embedder, question: str, text: str, hits: Sequence[Hit], order: Sequence[int]) -> Claim | None:
    best: Claim | None = None
    for i in order:
        sentences = passage_sentences(hits[i].passage)
        if not sentences:
            continue
        vectors = embedder.embed([text, question, *sentences])
        finding = check(text, heading(hits[i].passage), sentences, vectors[2:] @ vectors[0])
        relevant = float(vectors[0] @ vectors[1]) >= RELEVANT
        if finding.supported and relevant and (best is None or finding.support > best.support):
            best = Claim(text=text, hit=i, quote=sentences[finding.sentence], support=finding.support)
    return best


def quote_claim(embedder: Embedder, question: str, hits: Sequence[Hit], index: int) -> Claim:
    """The best span of the best passage, verbatim: it supports itself."""
    quote, _ = best_quote(embedder, question, hits[index].passage.text)
    return Claim(text=quote, hit=index, quote=quote, support=1.0)
