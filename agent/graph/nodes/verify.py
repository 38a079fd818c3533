"""Verify: every sentence must rest on a passage. What doesn't is dropped; a quote may take its place."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from langgraph.runtime import Runtime

from agent.graph.checking import check
from agent.graph.evidence import Evidence
from agent.graph.parts import unsaid
from agent.graph.prompting import Draft
from agent.graph.quoting import Quote, document_quotes
from agent.graph.state import TurnContext, TurnState
from agent.grounding.claims import Claim, bare, is_courtesy, without_yes_no
from agent.grounding.types import Verifier
from agent.grounding.vetoes import leans
from agent.ports import Embedder, Stage
from agent.types import Usage
from knowledge.terms import words
from knowledge.types import Hit
from policies.tone import ToneFile

RELEVANT = 0.35
"""A supported sentence that is farther from the question than this (cosine) does not answer it."""


NEARLY_AS_GOOD = 0.85
"""The runner-up is quoted too if its score is at least this share of the best one's."""


async def verify(state: TurnState, runtime: Runtime[TurnContext]) -> TurnState:
    """Keep the supported sentences of the draft, or quote the passages that answer."""
    context = runtime.context
    await context.tell(Stage.CHECKING)
    state = {**state, "draft": in_tone(state.get("draft"), context.policies.tone)}
    trusted = context.profile.can_rephrase
    texts = said_in(state.get("draft"))
    if not context.second or not texts:
        return {"claims": await context.in_thread(claims_of, context.verifier, context.embedder, state, trusted)}
    spent = state.get("usage", Usage())
    passages = [state["hits"][i].passage for i in checked_against(state, trusted)]
    checked = await check(context, state["facts"], spent, question_of(state), texts, passages)
    claims = await context.in_thread(claims_of, checked, context.embedder, state, trusted)
    return {"claims": claims, "usage": spent + checked.usage, "timings_ms": checked.timings_ms}


def in_tone(draft: Draft | None, tone: ToneFile) -> Draft | None:
    """A draft without the sentences that have banned words, and no longer than the policies want."""
    if draft is None:
        return None
    kept = tuple(sentence for sentence in draft.sentences if tone.allows(sentence.text))
    return replace(draft, sentences=kept[: tone.most_sentences])


def claims_of(verifier: Verifier, embedder: Embedder, state: TurnState, trusted: bool) -> tuple[Claim, ...]:
    """The sentences that may be sent, in order.

    Args:
        verifier: says which sentences of a draft the passages support.
        embedder: the embedding model.
        state: of the turn, with its draft.
        trusted: whether the model can rephrase, and tell which of several sentences answers. Of one that can't, a
            draft counts only if all of it is supported, in the passage's own words, says the sentence that is nearest
            to the question, and the passage surely answers. (SmolLM2 made "The insurer costs 5.5%" of "The insurance
            costs 5.5%": one stem. And it answers whatever it is asked with what the passage says: true, and beside the
            point, which no check of support can tell. Where we aren't sure, the passage is quoted as it stands.)
    """
    hits, evidence, asked = state["hits"], state["evidence"], state["asked"]
    question = question_of(state)
    own = of_document(hits, evidence.best)

    @cache
    def quotes() -> Sequence[Quote]:
        # Embeds every sentence of the article, which takes longer than all else: only where they are sent or compared with.
        return document_quotes(embedder, asked, [hits[i].passage for i in own])

    order = checked_against(state, trusted)
    claims, dropped = supported_claims(verifier, embedder, question, state.get("draft"), hits, order)
    if not trusted and (dropped or not evidence.sure or not in_own_words(claims) or not says_nearest(claims, quotes())):
        claims = ()
    if not claims:
        claims = as_claims(quotes(), own)
    for text, hit in unsaid(state.get("parts", ()), claims, hits):
        places = of_document(hits, hit)
        claims += as_claims(document_quotes(embedder, (text,), [hits[i].passage for i in places], most=1), places)
    # Where it can't be told which article is meant the customer gets the words of two, rather than a guess.
    second = None if state.get("parts") else runner_up(hits, evidence)
    if second is not None and all(c.hit != second for c in claims):
        other = of_document(hits, second)
        claims += as_claims(document_quotes(embedder, asked, [hits[i].passage for i in other], most=1), other)
    return claims


def question_of(state: TurnState) -> str:
    """What the sentences of the draft must be near to."""
    return state["asked"][-1] if state.get("parts") else state["asked"][0]


def checked_against(state: TurnState, trusted: bool) -> Sequence[int]:
    """Indexes of the hits that a draft may rest on, best first; see `claims_of`."""
    evidence = state["evidence"]
    return evidence.ranking if trusted else of_document(state["hits"], evidence.best)


def said_in(draft: Draft | None) -> list[str]:
    """The sentences of a draft that need a source, each once."""
    if draft is None or draft.answerable is False:
        return []
    said = [without_yes_no(sentence.text) for sentence in draft.sentences if not is_courtesy(sentence.text)]
    return [text for text in dict.fromkeys(said) if text]


def runner_up(hits: Sequence[Hit], evidence: Evidence) -> int | None:
    """The best hit of another document, where it may be that one that answers; None if the best is sure or far ahead."""
    if evidence.sure or len(evidence.ranking) < 2:
        return None
    second = evidence.ranking[1]
    return second if hits[second].score >= NEARLY_AS_GOOD * hits[evidence.best].score else None


def as_claims(quotes: Sequence[Quote], own: Sequence[int]) -> tuple[Claim, ...]:
    """Quotes of the passages at the indexes `own`: they support themselves."""
    return tuple(Claim(text=q.text, hit=own[q.place], quote=q.text, support=1.0, is_quote=True) for q in quotes)


def of_document(hits: Sequence[Hit], index: int) -> list[int]:
    """Indexes of the hits of one hit's document, best first."""
    return [i for i, hit in enumerate(hits) if hit.passage.doc_id == hits[index].passage.doc_id]


def in_own_words(claims: Sequence[Claim]) -> bool:
    """True if no claim has a word that its sentence of the passage lacks."""
    return all(set(words(claim.text)) <= set(words(claim.quote)) for claim in claims)


def says_nearest(claims: Sequence[Claim], quotes: Sequence[Quote]) -> bool:
    """True if one of the claims rests on the sentence of the article that is nearest to the question."""
    nearest = max(quotes, key=lambda quote: quote.closeness, default=None)
    return nearest is None or any(claim.quote == nearest.nearest for claim in claims)


def supported_claims(
    verifier: Verifier, embedder: Embedder, question: str, draft: Draft | None, hits: Sequence[Hit], order: Sequence[int]
) -> tuple[tuple[Claim, ...], int]:
    """The supported sentences of a draft, each once, and how many were not.

    They are checked against the passages in `order`, best first, and must be near to the question.
    """
    texts = said_in(draft)
    if not texts:
        return (), 0
    near = embedder.embed([question, *texts])
    judged = verifier.verify(question, texts, [hits[i].passage for i in order])
    kept: list[Claim] = []
    gap = False
    for text, one, vector in zip(texts, judged, near[1:], strict=True):
        # What begins with "it" isn't sent without the sentence that says what it is.
        gap = not one.supported or float(vector @ near[0]) < RELEVANT or (gap and leans(bare(text)))
        if not gap:
            kept.append(Claim(text=text, hit=order[one.passage], quote=one.quote, support=one.probability))
    return tuple(kept), len(texts) - len(kept)
