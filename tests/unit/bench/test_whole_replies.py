import numpy as np

from agent.grounding.features import FEATURES as OF_CLAIM
from agent.grounding.reply import FEATURES
from agent.grounding.source import source_of_texts
from tests.bench.grounding.rows import Row
from tests.bench.grounding.table import Table
from tests.bench.grounding.whole import replies

SOURCE = source_of_texts([["It costs 8 euros.", "It opens at nine."]])


def claim(text: str, kind: str = "true", original: str = "", item: str = "r1", supported: bool = True) -> Row:
    return Row("begin", f"group of {item}", item, text, supported, kind, SOURCE, "How much?", original)


def of(rows: list[Row]) -> Table:
    return Table(rows, np.zeros((len(rows), len(OF_CLAIM)), np.float32), [np.zeros((0, 1))] * len(rows), [None] * len(rows))


def test_a_reply_is_put_together_as_written_and_with_one_claim_made_wrong():
    rows = [
        claim("It costs 8 euros."),
        claim("It opens at nine."),
        claim("It costs 9 euros.", "number", "It costs 8 euros.", supported=False),
    ]
    found = replies(of(rows), np.array([0.9, 0.8, 0.1]), ("begin",))
    assert found.supported.tolist() == [True, False]
    assert found.made.tolist() == [False, True]
    assert found.weakest.tolist() == [0.8, 0.1]
    assert found.rows[:, FEATURES.index("claims")].tolist() == [2, 2]
    assert found.groups.tolist() == [0, 0]


def test_a_greeting_is_no_claim_unless_there_is_nothing_else():
    rows = [claim("Thanks for asking!"), claim("It costs 8 euros."), claim("Thanks for asking!", item="r2", supported=False)]
    found = replies(of(rows), np.array([0.1, 0.9, 0.2]), ("begin",))
    assert found.weakest.tolist() == [0.9, 0.2]
