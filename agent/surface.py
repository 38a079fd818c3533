"""How an outcome looks to programs: the one JSON object of `ask --json` and `POST /v1/answers`. Pure."""

from typing_extensions import TypedDict

from agent.types import Citation, Outcome


class CitationBody(TypedDict):
    """A citation; `n` is the [n] in the text."""

    n: int
    doc_id: str
    passage_id: str
    title: str
    url: str | None
    quote: str


class PolicyBody(TypedDict):
    """Which policy decided, and which of its rules applied."""

    version: str
    sha256: str
    rules: list[str]


class UsageBody(TypedDict):
    """What the turn cost at the model server."""

    llm_calls: int
    prompt_tokens: int
    completion_tokens: int


class AnswerBody(TypedDict):
    """The whole object."""

    decision: str
    answer: str
    citations: list[CitationBody]
    confidence: float
    reason: str
    language: str
    policy: PolicyBody
    usage: UsageBody
    timings_ms: dict[str, float]


def answer_body(outcome: Outcome) -> AnswerBody:
    """The object for one outcome."""
    return {
        "decision": outcome.decision.value,
        "answer": outcome.answer,
        "citations": citation_bodies(outcome.citations),
        "confidence": round(outcome.confidence, 4),
        "reason": outcome.reason,
        "language": outcome.language,
        "policy": {
            "version": outcome.policy.version,
            "sha256": outcome.policy.sha256,
            "rules": list(outcome.policy.rules),
        },
        "usage": {
            "llm_calls": outcome.usage.llm_calls,
            "prompt_tokens": outcome.usage.prompt_tokens,
            "completion_tokens": outcome.usage.completion_tokens,
        },
        "timings_ms": {node: round(spent, 2) for node, spent in outcome.timings_ms.items()},
    }


def citation_bodies(citations: tuple[Citation, ...]) -> list[CitationBody]:
    """Citations in their order."""
    return [
        {"n": c.n, "doc_id": c.doc_id, "passage_id": c.passage_id, "title": c.title, "url": c.url, "quote": c.quote}
        for c in citations
    ]
