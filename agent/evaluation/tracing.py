"""A finished turn as a record: every sentence beside its source, and what of the answer has none. Pure."""

import re
from collections.abc import Collection, Sequence

from agent.evaluation.records import SPOKEN, Cited, Made, Sentence, Spent
from agent.graph.parts import missing
from agent.graph.state import TurnState
from agent.surface import citation_bodies
from knowledge.types import Hit, Passage
from policies.engine import PolicyEngine

_NUMBER = re.compile(r"\s*\[\d{1,3}\]")
_BOLD = re.compile(r"\*\*(.+)\*\*")
_OPTION = re.compile(r"\d\. (.+)")


def made_of(state: TurnState, policies: PolicyEngine, seconds: float) -> Made:
    """How the turn of this state ended.

    Args:
        state: of a finished turn.
        policies: by which it was decided.
        seconds: how long it took.
    """
    outcome = state["outcome"]
    sentences = sentences_of(state) if outcome.decision in SPOKEN else ()
    passages = [hit.passage for hit in state.get("hits", ())]
    of_rules = len(state.get("rules", ()))  # what stands behind them in the trace are topics, and the disclosure
    evidence = state.get("evidence")
    told = [*(s.text for s in sentences), *(clean(f"> {question}") for question in missing(state.get("parts", ())))]
    return Made(
        decision=outcome.decision,
        answer=clean(outcome.answer),
        citations=tuple(Cited.model_validate(body) for body in citation_bodies(outcome.citations)),
        sentences=sentences,
        untraced=untraced(clean(outcome.answer), told, policies.approved, passages),
        confidence=outcome.confidence,
        named=evidence is None or evidence.named,
        reason=outcome.reason,
        language=outcome.language,
        topics=tuple(rule for rule in outcome.policy.rules[of_rules:] if rule in policies.about),
        rules=outcome.policy.rules,
        usage=Spent(
            llm_calls=outcome.usage.llm_calls,
            prompt_tokens=outcome.usage.prompt_tokens,
            completion_tokens=outcome.usage.completion_tokens,
        ),
        timings_ms=dict(outcome.timings_ms),
        seconds=seconds,
        run_id=state["run_id"],
    )


def sentences_of(state: TurnState) -> tuple[Sentence, ...]:
    """What the answer claims, in its order."""
    hits: Sequence[Hit] = state.get("hits", ())
    found = []
    for claim in state.get("claims", ()):
        passage = hits[claim.hit].passage
        found.append(
            Sentence(
                text=clean(claim.text).strip("\n").rstrip(),
                span=clean(claim.quote),
                doc_id=passage.doc_id,
                passage_id=passage.passage_id,
                place=" › ".join((passage.title, *passage.heading_path)),
                url=passage.url,
                support=claim.support,
                is_quote=claim.is_quote,
            )
        )
    return tuple(found)


def untraced(answer: str, sentences: Sequence[str], approved: Collection[str], passages: Sequence[Passage]) -> tuple[str, ...]:
    """Lines of an answer that are none of these sentences, no approved text and no heading or listed title of these passages.

    It reads the finished text alone and shares nothing with what put it together, so that what slipped in shows.
    """
    rest = answer
    for known in sorted({*sentences, *approved}, key=len, reverse=True):
        rest = rest.replace(known, "\n") if known.strip() else rest
    headings = {part for passage in passages for part in _headings(passage)}
    found = []
    for line in _NUMBER.sub("\n", rest).splitlines():
        named = _BOLD.fullmatch(line.strip()) or _OPTION.fullmatch(line.strip())
        if line.strip() and not (named and named[1] in headings):
            found.append(line.strip())
    return tuple(found)


def clean(text: str) -> str:
    """Text that a file can hold: half of a surrogate pair, which a customer's client may send, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _headings(passage: Passage) -> tuple[str, ...]:
    """How a passage may be headed in an answer: by title and headings, or by headings or title alone."""
    path = " – ".join(passage.heading_path)
    below = " – ".join(heading for heading in passage.heading_path if heading != passage.title)
    return f"{passage.title} – {below}", passage.title, path
