from dataclasses import replace

import numpy as np

from agent.grounding.features import FEATURES as OF_CLAIM
from agent.grounding.reply import FEATURES, FEATURES_READ
from agent.grounding.source import source_of_texts
from tests.bench.grounding.rows import Row
from tests.bench.grounding.table import Table
from tests.bench.grounding.whole import replies
from tests.fakes import HashedPiecesEmbedder

SOURCE = source_of_texts([["It costs 8 euros.", "It opens at nine."]])


def claim(text: str, kind: str = "true", original: str = "", item: str = "r1", supported: bool = True) -> Row:
    return Row("begin", f"group of {item}", item, text, supported, kind, SOURCE, "How much?", original)


def of(rows: list[Row]) -> Table:
    return Table(
        rows,
        np.zeros((len(rows), len(OF_CLAIM)), np.float32),
        [np.zeros((0, 1))] * len(rows),
        [None] * len(rows),
        np.zeros((len(rows), 2)),
    )


def test_a_reply_is_put_together_as_written_and_with_one_claim_made_wrong():
    rows = [
        claim("It costs 8 euros."),
        claim("It opens at nine."),
        claim("It costs 9 euros.", "number", "It costs 8 euros.", supported=False),
    ]
    found = replies(of(rows), np.array([0.9, 0.8, 0.1]), ("begin",), HashedPiecesEmbedder())
    assert found.supported.tolist() == [True, False]
    assert found.made.tolist() == [False, True]
    assert found.weakest.tolist() == [0.8, 0.1]
    assert found.rows[:, FEATURES.index("claims")].tolist() == [2, 2]
    assert found.groups.tolist() == [0, 0]
    assert found.rows.shape == (2, len(FEATURES_READ))
    near = found.rows[:, FEATURES_READ.index("near_least")]
    assert near[0] == 1.0
    assert near[1] < 0.5


def test_a_greeting_is_no_claim_unless_there_is_nothing_else():
    rows = [claim("Thanks for asking!"), claim("It costs 8 euros."), claim("Thanks for asking!", item="r2", supported=False)]
    found = replies(of(rows), np.array([0.1, 0.9, 0.2]), ("begin",), HashedPiecesEmbedder())
    assert found.weakest.tolist() == [0.9, 0.2]


def test_the_whole_is_as_it_was_written_with_what_is_no_claim():
    whole = "Yes! It costs 8 euros."
    rows = [
        replace(claim("It costs 8 euros."), reply=whole),
        replace(claim("It costs 12 euros.", "number", "It costs 8 euros.", supported=False), reply=whole),
        replace(claim("Dogs are free.", "invented", supported=False), reply=whole),
    ]
    found = replies(of(rows), np.array([0.9, 0.1, 0.2]), ("begin",), HashedPiecesEmbedder())
    as_written, *made = found.rows
    assert [as_written[FEATURES.index(name)] for name in ("opens_with_yes_no", "numbers_unknown")] == [1, 0]
    assert sorted(row[FEATURES.index("numbers_unknown")] for row in made) == [0, 1]
    assert sorted(round(np.expm1(row[FEATURES.index("length")])) for row in made) == [5, 8]
