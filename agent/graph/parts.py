"""Several questions in one message: each is looked up by itself, so that a reply can say which of them it leaves open. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.grounding.claims import Claim
from knowledge.sentences import split_sentences
from knowledge.terms import content_terms
from knowledge.types import Hit

LEAST_TERMS = 2
"""A question with fewer content words leans on the one beside it: "And how much?"."""
MOST_PARTS = 3
"""So many are looked up; a message with more questions is one to read as a whole."""
MOST_SHOWN = 200
"""Characters of a question that is told to be open."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of several questions. `hit` is the index of what answers it best; None if nothing does well enough."""

    text: str
    probability: float
    hit: int | None = None


def questions(request: str) -> tuple[str, ...]:
    """The questions of a request that has two or three; none of any other."""
    asked = [sentence.strip() for sentence in split_sentences(request, "en")]
    found = [s for s in dict.fromkeys(asked) if s.endswith("?") and len(set(content_terms(s))) >= LEAST_TERMS]
    return tuple(found) if 2 <= len(found) <= MOST_PARTS else ()


def unsaid(parts: Sequence[Part], claims: Sequence[Claim], hits: Sequence[Hit]) -> list[tuple[str, int]]:
    """The questions that something answers, each with its hit, of whose article nothing is said yet."""
    said = {hits[claim.hit].passage.doc_id for claim in claims}
    answered = [(part.text, part.hit) for part in parts if part.hit is not None]
    return [(text, hit) for text, hit in answered if hits[hit].passage.doc_id not in said]


def missing(parts: Sequence[Part]) -> tuple[str, ...]:
    """The questions that nothing answers, on one line each; none if nothing answers any: then there is no partial answer."""
    if all(part.hit is None for part in parts):
        return ()
    return tuple(_short(part.text) for part in parts if part.hit is None)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1].rstrip() + "…"
