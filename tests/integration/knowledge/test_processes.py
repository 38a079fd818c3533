"""Several processes on one data folder: kills, a full disk, readers that follow a writer."""

import json
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.errors import IndexUnavailable
from knowledge.types import Audience, Query
from tests.integration.knowledge.help_centre import ARTICLES, put

pytestmark = pytest.mark.slow
Child = Callable[..., "subprocess.Popen[str]"]
BOTH = frozenset(Audience)


def many(folder: Path, count: int, price: int = 5) -> None:
    for n in range(count):
        text = f"---\nid: place-{n}\ntitle: House {n}\n---\n"
        text += "\n\n".join(f"## Room {r}\n\nRoom {r} of house {n} costs {price} euros for each night. " * 2 for r in range(2))
        put(folder, f"place-{n}", text)


def state(base: KnowledgeBase) -> set[tuple[str, str, str, int]]:
    return {(copy.doc_id, copy.version, copy.audience, len(copy.passage_ids)) for copy in base.documents()}


def word_hits(base: KnowledgeBase, text: str) -> set[str]:
    return {i for i, _ in base._lexical.search(text, {}, base._index.partitions(), 10_000)}


def test_a_reader_sees_what_another_process_wrote_changed_and_removed(base: KnowledgeBase, docs: Path, data: Path, child: Child):
    base.sync([docs])
    reader = child("read", data)
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"

    def ask(text: str) -> list[list[object]]:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(text + "\n")
        reader.stdin.flush()
        answer: list[list[object]] = json.loads(reader.stdout.readline())
        return answer

    assert ask("two dogs")[0][0] == "pets"
    put(docs, "sauna", "---\nid: sauna\n---\nThe sauna is heated on Fridays.\n")
    put(docs, "pets", ARTICLES["pets"].replace("4 euros", "9 euros"))
    (docs / "keys.md").unlink()
    base.sync([docs])
    first = ask("sauna on Fridays")[0]
    assert (first[0], first[2]) == ("sauna", True)
    dogs = ask("what does a dog cost")
    assert "9 euros" in str(dogs[0][1])
    assert len([hit for hit in dogs if hit[0] == "pets"]) == 1
    assert "keys" not in [hit[0] for hit in ask("a lost key costs 35 euros")]


def test_a_reader_finds_a_language_that_another_process_was_the_first_to_write(
    base: KnowledgeBase, docs: Path, data: Path, child: Child
):
    base.sync([docs])
    reader = child("read", data, "de")
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for language, name in (("fr", "sauna-fr"), ("de-AT", "sauna-de")):
        put(docs, name, f"---\nid: {name}\nlanguage: {language}\n---\nDie Sauna ist am Freitag warm.\n")
    base.sync([docs])
    reader.stdin.write("Sauna am Freitag\n")
    reader.stdin.flush()
    found = json.loads(reader.stdout.readline())
    assert (found[0][0], found[0][2]) == ("sauna-de", True)
    assert "sauna-fr" not in [hit[0] for hit in found]


def test_a_long_lived_process_can_write_after_another_one_did(docs: Path, data: Path, embedder: SentenceTransformerEmbedder):
    one, two = (KnowledgeBase(KnowledgeSettings(data), embedder) for _ in range(2))
    one.sync([docs])
    assert two.search(Query("dogs"))[0].passage.doc_id == "pets"
    for n in range(4):
        writer, reader = (one, two) if n % 2 else (two, one)
        put(docs, f"extra-{n}", f"---\nid: extra-{n}\n---\nThe extra number {n} has the code word zebra{n}.\n")
        assert writer.sync([docs]).added == (f"extra-{n}",)
        hit = reader.search(Query(f"zebra{n}"))[0]
        assert (hit.passage.doc_id, hit.lexical > 0) == (f"extra-{n}", True)
    one.close()
    two.close()


@pytest.mark.parametrize("after", [1, 9])
def test_a_killed_sync_is_mended_by_the_next(base: KnowledgeBase, docs: Path, data: Path, child: Child, after: int):
    many(docs, 10, price=5)
    base.sync([docs])
    many(docs, 14, price=7)
    process = child("sync", data, docs)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"{after}/"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Meanwhile a reader gets whole passages, old or new.
    between = base.search(Query("price of room 2 in house 3", BOTH, k=20))
    assert between
    report = base.sync([docs])
    assert report.failed == ()
    assert base.sync([docs]).added == ()
    expected = sorted([*ARTICLES, *(f"place-{n}" for n in range(14))])
    assert sorted(copy.doc_id for copy in base.documents()) == expected
    hits = base.search(Query("house room euros each night", BOTH, k=500))
    assert not any("costs 5 euros" in hit.passage.text for hit in hits)
    assert word_hits(base, "house") == {i for c in base.documents() if c.doc_id.startswith("place") for i in c.passage_ids}


def test_a_full_disk_is_told_and_the_rest_stays_intact(base: KnowledgeBase, docs: Path, data: Path, child: Child):
    base.sync([docs])
    before = state(base)
    many(docs, 20)
    size = (data / "chroma" / "chroma.sqlite3").stat().st_size
    process = child("sync", data, docs, str(size + 40_000))
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 3, output
    last = output.splitlines()[-1]
    assert last.startswith("IndexUnavailable")
    assert "disk" in last
    assert before <= state(base)
    assert base.search(Query("two dogs"))[0].passage.doc_id == "pets"
    report = base.sync([docs])
    assert (report.failed, report.removed) == ((), ())
    assert len(base.documents()) == 25


def test_a_second_sync_at_the_same_time_is_refused(base: KnowledgeBase, docs: Path, data: Path, child: Child):
    many(docs, 8)
    process = child("sync", data, docs)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("1/")
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(IndexUnavailable, match="another sync"):
        base.sync([docs])
    process.send_signal(signal.SIGCONT)
    assert process.stdout.read().endswith("added 13\n")


def test_no_query_of_a_customer_finds_an_internal_passage(base: KnowledgeBase, docs: Path):
    secrets = [f"The hidden ceiling number {n} is {n * 7} euros and only supervisor {n} may lift it." for n in range(12)]
    for n, secret in enumerate(secrets):
        put(docs, f"secret-{n}", f"---\nid: secret-{n}\ntitle: Ceiling {n}\naudience: internal\n---\n{secret}\n")
    many(docs, 5)
    base.sync([docs])
    words = " ".join([*secrets, *ARTICLES.values()]).split()
    choose = random.Random(7)
    queries = [*secrets, "Goodwill", ARTICLES["goodwill"]]
    queries += [" ".join(choose.sample(words, choose.randint(1, 15))) for _ in range(50)]
    for text in queries:
        hits = base.search(Query(text, k=100))
        assert hits
        assert all(hit.passage.audience is Audience.PUBLIC for hit in hits)
        assert not any("ceiling" in hit.passage.text.lower() for hit in hits)
    own = base.search(Query(secrets[3], frozenset({Audience.INTERNAL})))
    assert own[0].passage.doc_id == "secret-3"
    assert base.search(Query(secrets[3], frozenset())) == []
