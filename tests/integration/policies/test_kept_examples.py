"""What a pack's rules are told by is embedded once for a data folder, with the packaged model."""

from collections.abc import Sequence
from pathlib import Path

from agent.wiring.pack_reader import PackReader
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.kept_vectors import FOLDER, KeptVectors
from knowledge.types import Vectors
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack

MESSAGE = "The host has threatened me, and the heating is broken."


class Counted:
    """An embedder, and how many texts it was given."""

    def __init__(self, real: SentenceTransformerEmbedder) -> None:
        self._real = real
        self.texts: list[str] = []

    @property
    def name(self) -> str:
        return self._real.name

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return self._real.embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed(texts)

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        return self._real.embed_passages(passages)


def test_the_next_process_embeds_only_the_message_and_judges_it_alike(
    embedder: SentenceTransformerEmbedder, tmp_path: Path
) -> None:
    policies = PolicyEngine(load_pack(default_folder()))
    by_itself = PackReader(embedder, policies).similarity(MESSAGE)
    first, second = Counted(embedder), Counted(embedder)
    made = PackReader(first, policies, KeptVectors(first, tmp_path)).similarity(MESSAGE)
    read = PackReader(second, policies, KeptVectors(second, tmp_path)).similarity(MESSAGE)
    assert len(list((tmp_path / FOLDER).iterdir())) == 1
    assert len(first.texts) > 200
    assert second.texts == [MESSAGE]
    assert read == made == by_itself
    assert by_itself["safety"] > 0.5
