"""Words around verified claims: the reply with its citations, and the summary for a person. Pure."""

from collections.abc import Sequence

from agent.graph.claims import Claim
from agent.graph.followup import latest_request
from agent.graph.terms import content_terms
from agent.types import Author, Citation, Message
from knowledge.types import Hit

MAX_ASKED_BACK = 2
SUMMARY_PASSAGES = 3


def answer(claims: Sequence[Claim], hits: Sequence[Hit]) -> tuple[str, tuple[Citation, ...]]:
    """The reply: each claim with the [n] of its passage, and the citations in order of n."""
    numbers: dict[int, int] = {}
    quotes: dict[int, list[str]] = {}
    parts: list[str] = []
    for claim in claims:
        n = numbers.setdefault(claim.hit, len(numbers) + 1)
        quotes.setdefault(claim.hit, []).append(claim.quote)
        joint = "\n\n" if claim.text.count("\n") or claim.text.lstrip().startswith(("-", "|", "*")) else " "
        parts.append(f"{claim.text.rstrip()}{joint if joint != ' ' else ' '}[{n}]")
    citations = tuple(
        Citation(
            n=n,
            doc_id=hits[i].passage.doc_id,
            passage_id=hits[i].passage.passage_id,
            title=hits[i].passage.title,
            url=hits[i].passage.url,
            quote=" … ".join(dict.fromkeys(quotes[i])),
        )
        for i, n in numbers.items()
    )
    return " ".join(parts) if all("\n" not in p for p in parts) else "\n\n".join(parts), citations


def may_ask_back(messages: Sequence[Message]) -> bool:
    """True if the request names too little to look up, and we have not just asked back twice."""
    asked = 0
    for message in reversed(messages):
        if message.author is Author.ASSISTANT and message.text.rstrip().endswith("?"):
            asked += 1
    earlier = [m for m in messages if m.author is Author.CUSTOMER]
    return len(content_terms(latest_request(messages))) <= 1 and len(earlier) <= 1 + asked and asked < MAX_ASKED_BACK


def summary(messages: Sequence[Message], reason: str, hits: Sequence[Hit]) -> str:
    """For the person who takes over: the request in the customer's words, why, what was looked at."""
    lines = [f"Customer asks: {latest_request(messages).strip()}", f"Handed over because: {reason}."]
    if len(messages) > 1:
        lines.append(f"Messages so far: {len(messages)}.")
    seen = dict.fromkeys(h.passage.title for h in hits)
    if seen:
        lines.append("Looked at: " + "; ".join(list(seen)[:SUMMARY_PASSAGES]) + ".")
    return "\n".join(lines)
