"""Harmless messages in the words of attacks are not stopped."""

import pytest

from knowledge.embed import SentenceTransformerEmbedder
from tests.bench.bench_injection import SCOPE, Gate, texts_of
from tests.injection.attacks import DATA
from tests.injection.harmless import CUSTOMERS, HARMLESS

pytestmark = pytest.mark.slow
MOST = 0.01
SETS = ("notinject", "banking77", "clinc150")
SAMPLE = 400


@pytest.fixture(scope="module")
def gate(embedder: SentenceTransformerEmbedder) -> Gate:
    return Gate(embedder)


def test_no_rule_for_attacks_stops_a_harmless_message(gate: Gate) -> None:
    found = gate.measure(HARMLESS)
    assert found.blocked <= MOST, found.by


def test_no_rule_at_all_stops_what_customers_write(gate: Gate) -> None:
    assert gate.measure(CUSTOMERS).by == {}


@pytest.mark.skipif(DATA is None, reason="INNKEEPER_TEST_DATA names no folder")
@pytest.mark.parametrize("name", SETS)
def test_foreign_messages_are_not_stopped(gate: Gate, name: str) -> None:
    assert DATA is not None
    files = sorted((DATA / name).glob("*.jsonl"))
    texts = [text for file in files for text in texts_of(file)[:SAMPLE]]
    found = gate.measure(texts)
    others = {rule: stopped for rule, stopped in found.by.items() if rule != SCOPE}
    assert found.messages
    assert found.blocked <= MOST, others
    assert sum(map(len, others.values())) <= MOST * found.messages, others
