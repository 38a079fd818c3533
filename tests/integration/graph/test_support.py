"""The check of claims and the quotes, with the packaged encoder and every sample article."""

from pathlib import Path

import pytest

from agent.graph.quoting import MAX_QUOTE_WORDS, document_quotes
from agent.grounding.claims import Finding, check
from agent.grounding.passages import heading, passage_sentences
from knowledge.chunk import split
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.sources.files import read_sources
from knowledge.types import Document, Passage
from tests.fakes import HashedWordsEmbedder

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parents[3] / "knowledge" / "samples" / "help_centre"


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


@pytest.fixture(scope="module")
def passages() -> list[Passage]:
    return [p for d in read_sources([FOLDER]) if isinstance(d, Document) for p in split(d)]


def find(embedder: SentenceTransformerEmbedder, passages: list[Passage], doc_id: str, claim: str) -> list[Finding]:
    found = []
    for passage in (p for p in passages if p.doc_id == doc_id):
        sentences = passage_sentences(passage)
        vectors = embedder.embed([claim, *sentences])
        likeness = vectors[1:] @ vectors[0]
        found.append(check(claim, heading(passage), sentences, lambda near=likeness: near))
    return found


@pytest.mark.parametrize(
    "claim",
    [
        "You get 50% of the price of the nights back if you cancel three days before check-in under the Moderate policy.",
        "The cleaning fee and the tourist tax are refunded in full whenever you cancel before check-in.",
        "You will receive a full refund if you cancel within 24 hours after booking and check-in is at least 7 days away.",
    ],
)
def test_faithful_claim_is_supported(embedder: SentenceTransformerEmbedder, passages: list[Passage], claim: str) -> None:
    assert any(f.supported for f in find(embedder, passages, "cancel-moderate", claim))


@pytest.mark.parametrize(
    "claim",
    [
        "You will get a full refund.",
        "You get 75% of the price of the nights back if you cancel three days before check-in under the Moderate policy.",
        "You get 50% of the price of the nights back if you cancel three days before check-in under the Strict policy.",
        "The service fee is refunded in full whenever you cancel before check-in.",
        "We will refund the nights.",
        "You get €300 for the nights back.",
        "If you cancel within 24 hours after booking, you get a full refund.",
    ],
)
def test_unfaithful_claim_is_refused(embedder: SentenceTransformerEmbedder, passages: list[Passage], claim: str) -> None:
    assert not any(f.supported for f in find(embedder, passages, "cancel-moderate", claim))


def test_quotes_are_whole_pieces_of_every_passage(passages: list[Passage]) -> None:
    for passage in passages:
        [found] = document_quotes(HashedWordsEmbedder(), ["how much do I get back and when"], [passage], most=1)
        quote = found.text
        assert quote.strip()
        assert len(quote.split()) <= MAX_QUOTE_WORDS
        assert all(line in passage.text for line in quote.splitlines()), passage.passage_id
