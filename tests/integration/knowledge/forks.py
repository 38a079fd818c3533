"""A process that has loaded all that a sync needs, and forks one sync after the other.

forks.py FOLDER…       embeds what the folders hold, so that a sync spends its time writing; then says "ready".
Each line of stdin     DATA <tab> DOCS <tab> SECONDS, or nothing for SECONDS to let it end by itself. A fork of this process
                       brings DATA in line with DOCS and is killed after so many seconds. The answer is one line:
                       "killed", or "done" and the seconds that it took, or "failed".
"""

import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import knowledge.sync
from knowledge import chunk
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.points import Known, key_of
from knowledge.sources.files import existing_roots, read_sources
from knowledge.types import Document, Embedder, Vectors
from tests.embedders import Wrapped

POLL_S = 0.002


class Remembering(Wrapped):
    """The real model, run once for each passage."""

    def __init__(self, model: Embedder) -> None:
        super().__init__(model)
        self._rows: Known = {}

    def embed_passages(self, passages: Sequence[tuple[str, str]]) -> Vectors:
        if fresh := [passage for passage in passages if passage not in self._rows]:
            self._rows |= dict(zip(fresh, self._model.embed_passages(fresh), strict=True))
        return np.stack([self._rows[passage] for passage in passages]) if passages else self._model.embed_passages([])


def main() -> None:
    embedder = Remembering(SentenceTransformerEmbedder(threads=1))
    for folder in sys.argv[1:]:
        for document in read_sources(existing_roots([Path(folder)])):
            assert isinstance(document, Document), document
            embedder.embed_passages([key_of(passage) for passage in chunk.split(document)])
            embedder.embed(document.asked)
    # Imported so that the forks need not, but not used: Chroma would then give the same ids in each of them.
    for module in ("chromadb.api.rust", "chromadb.api.models.Collection", "tantivy"):
        importlib.import_module(module)
    # Small batches, so that there is a middle to be killed in.
    knowledge.sync.BATCH = 6
    say("ready")
    for line in sys.stdin:
        data, docs, seconds = line.rstrip("\n").split("\t")
        say(forked(Path(data), Path(docs), float(seconds) if seconds else None, embedder))


def forked(data: Path, docs: Path, seconds: float | None, embedder: Embedder) -> str:
    start = time.monotonic()
    process = os.fork()
    if process == 0:
        sync_and_exit(data, docs, embedder)
    while seconds is None or time.monotonic() - start < seconds:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return f"done {time.monotonic() - start:.3f}" if status == 0 else "failed"
        time.sleep(POLL_S)
    # It was not waited for yet, so the id is still its own.
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return "killed" if os.WIFSIGNALED(status) else f"done {seconds}"


def sync_and_exit(data: Path, docs: Path, embedder: Embedder) -> None:
    try:
        base = KnowledgeBase(KnowledgeSettings(data, threads=1), embedder)
        report = base.sync([docs])
        base.close()
        os._exit(0 if report.failed == () else 2)
    finally:
        # Only an error gets here, and a fork must not go on as its parent.
        traceback.print_exc()
        os._exit(1)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
