import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.errors import IndexUnavailable
from knowledge.sync import SyncOptions
from knowledge.types import Audience, Query
from tests.integration.knowledge.help_centre import put

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    port = free_port()
    chroma = Path(sys.executable).with_name("chroma")
    with (tmp_path / "chroma.log").open("wb") as log:
        process = subprocess.Popen(
            [str(chroma), "run", "--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(1200):
        try:
            if httpx.get(f"{url}/api/v2/heartbeat").is_success:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    yield url, process
    process.kill()
    process.wait()


def test_two_machines_share_a_server(
    server: tuple[str, "subprocess.Popen[bytes]"], docs: Path, tmp_path: Path, embedder: SentenceTransformerEmbedder
):
    url, process = server
    one, two = (KnowledgeBase(KnowledgeSettings(tmp_path / name, chroma_url=url), embedder) for name in ("one", "two"))
    assert len(one.sync([docs]).added) == 5
    hit = two.search(Query("router"))[0]
    assert (hit.passage.doc_id, hit.lexical > 0) == ("wifi", True)
    put(docs, "sauna", "---\nid: sauna\naudience: internal\n---\nThe sauna is heated on Fridays.\n")
    (docs / "keys.md").unlink()
    report = one.sync([docs])
    assert (report.added, report.removed) == (("sauna",), ("keys",))
    assert "sauna" not in [hit.passage.doc_id for hit in two.search(Query("sauna", k=20))]
    hit = two.search(Query("sauna", frozenset({Audience.INTERNAL})))[0]
    assert (hit.passage.doc_id, hit.lexical > 0) == ("sauna", True)
    assert two.counts() == {Audience.PUBLIC: 3, Audience.INTERNAL: 2}

    put(docs, "sauna-de", "---\nid: sauna-de\nlanguage: de-AT\nasked: [Wann kann ich schwitzen?]\n---\nFreitags ist Sauna.\n")
    put(docs, "sauna-fr", "---\nid: sauna-fr\nlanguage: français (Québec)\n---\nLe sauna est chaud le vendredi.\n")
    one.sync([docs])
    hits = two.search(Query("Wann kann ich schwitzen?", k=20, languages=frozenset({"de"})))
    assert (hits[0].passage.doc_id, hits[0].nearest > hits[0].dense) == ("sauna-de", True)
    assert "sauna-fr" not in [hit.passage.doc_id for hit in hits]
    hit = two.search(Query("sauna", languages=frozenset({"Français (Québec)"})))[0]
    assert (hit.passage.doc_id, hit.lexical > 0) == ("sauna-fr", True)
    assert two.counts() == {Audience.PUBLIC: 5, Audience.INTERNAL: 2}

    rebuilt = one.sync([docs / "wifi.md"], options=SyncOptions(rebuild=True))
    assert (rebuilt.added, rebuilt.removed) == (("wifi",), ())
    assert two.counts() == {Audience.PUBLIC: 1, Audience.INTERNAL: 0}
    assert [hit.passage.doc_id for hit in two.search(Query("sauna router", frozenset(Audience), k=20))] == ["wifi"]

    process.kill()
    process.wait()
    with pytest.raises(IndexUnavailable, match="Chroma server"):
        two.search(Query("router"))
    with pytest.raises(IndexUnavailable, match="Chroma server"):
        KnowledgeBase(KnowledgeSettings(tmp_path / "three", chroma_url=url), embedder).check()
    one.close()
    two.close()
