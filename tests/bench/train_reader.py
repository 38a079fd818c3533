"""Trains and measures the second look at claims: `python -m tests.bench.train_reader [DATA] [--write]`.

DATA as for `tests.bench.train_grounding`, from whose rows and forests this starts; to the rows come what agents said
earlier in the conversations of `mtrag_un`, faithful replies made wrong, and `paraphrases_more.jsonl`. The reader learns from
two thirds of the conversations, passages and articles and is measured on the rest, beside forests that have not seen it
either: of replies with one thing made wrong the share that is stopped, by the forests alone and with the second look. With
`--write` it goes on for an epoch with everything but the test part and writes `knowledge/pair_reader.npz` and
`agent/grounding/second_look.json`. About an hour and a half on one core.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer

from agent.grounding.second_look import Mix
from agent.grounding.verifier import weights
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.pair_reader import folder
from tests.bench import train_grounding
from tests.bench.grounding import rows as sets
from tests.bench.grounding.fitting import Fitted, fit, read_all
from tests.bench.grounding.pairs import Example, examples
from tests.bench.grounding.parts import parts
from tests.bench.grounding.rows import Row
from tests.bench.grounding.table import Table, table

ADDITIONS = Path("knowledge/pair_reader.npz")
MIX = Path("agent/grounding/second_look.json")
EPOCHS, RATE = 2, 7e-4
MORE_EPOCHS, MORE_RATE = 1, 3.5e-4
MEASURED = ("targets", "paraphrases", "replies_dev")
WEIGHT = {"targets": 2.0, "paraphrases": 1.5, "replies_dev": 3.0, "begin": 0.5}
LEAST = 0.05


def further(data: Path) -> list[Row]:
    """What only the reader learns from."""
    corrupted = [row for row in sets.faithful(data, random.Random(12)) if not row.supported and row.kind != sets.SOME_WRONG]
    return [*corrupted, *sets.agents_turns(data, random.Random(13)), *sets.paraphrases(data, sets.MORE)]


def fit_mix(first: np.ndarray, logits: np.ndarray, rows: Sequence[Row]) -> Mix:
    """The logistic over both, on rows that neither has seen; no laxer than the forests at the threshold that ships.

    Its bias is lowered until no more of the wrong claims reach that threshold than by the forests' word alone.
    """
    y = np.array([row.supported for row in rows])
    w = np.array([WEIGHT.get(row.corpus, 0.1) for row in rows])
    w = w * np.where(y, w[~y].sum() / w[y].sum(), 1.0)
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(_both(first, logits), y, sample_weight=w)
    one, other = fitted.coef_[0]
    rule = Mix(float(fitted.intercept_[0]), float(one), float(other), LEAST)
    threshold, wrong = weights().threshold, ~y & np.array([row.corpus in MEASURED or row.corpus == "begin" for row in rows])
    while (mixed(rule, first, logits)[wrong] >= threshold).sum() > (first[wrong] >= threshold).sum():
        rule = replace(rule, bias=rule.bias - 0.02)
    return rule


def mixed(rule: Mix, first: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """As `agent.grounding.second_look`."""
    return np.array([rule.chance(a, b) if a >= rule.least else a for a, b in zip(first, logits, strict=True)])


def _both(first: np.ndarray, logits: np.ndarray) -> np.ndarray:
    kept = np.clip(first, 1e-4, 1 - 1e-4)
    return np.c_[np.log(kept / (1 - kept)), logits]


def report(data: Table, chosen: Sequence[int], first: np.ndarray, second: np.ndarray) -> None:
    rows = [data.rows[n] for n in chosen]
    own = Table(
        rows, data.claims[list(chosen)], [data.words[n] for n in chosen], [data.wrong[n] for n in chosen], data.near[list(chosen)]
    )
    for name, found in (("forests", first), ("with the second look", second)):
        print(f"== {name}")
        for corpus in MEASURED:
            train_grounding.report(own, found, corpus, (0.1, 0.25, 0.5))
        train_grounding.people(own, found, "begin", ("true", "judged", sets.SOME_WRONG))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    known = list(train_grounding.gather(options.data, embedder))
    tabled = table(known, embedder)
    first = train_grounding.held_out(tabled)
    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    read = examples([*known, *further(options.data)], tokenizer)
    seen, unseen = divided(read)
    fitted = fit(read, seen, EPOCHS, RATE, 0)
    logits = {id(read[n].row): told for n, told in read_all(fitted, read, unseen).items()}
    chosen = [n for n, row in enumerate(tabled.rows) if id(row) in logits]
    both = np.array([logits[id(tabled.rows[n])] for n in chosen])
    sure = [i for i, n in enumerate(chosen) if tabled.rows[n].kind != sets.SOME_WRONG]
    rule = fit_mix(first[chosen][sure], both[sure], [tabled.rows[chosen[i]] for i in sure])
    report(tabled, chosen, first[chosen], mixed(rule, first[chosen], both))
    if options.write:
        write(fit(read, [*seen, *unseen], MORE_EPOCHS, MORE_RATE, 1, fitted), rule)


def divided(read: Sequence[Example]) -> tuple[list[int], list[int]]:
    """Two thirds and one, without the test part of the replies and the articles it rests on."""
    kept = sets.test_articles()
    part = parts([one.row for one in read], 3, 0)
    may = [n for n, one in enumerate(read) if one.row.group not in kept and one.row.corpus != "replies_test"]
    return [n for n in may if part[n]], [n for n in may if not part[n]]


def write(fitted: Fitted, rule: Mix) -> None:
    np.savez_compressed(ADDITIONS, **fitted.model.additions())
    MIX.write_text(json.dumps(asdict(rule), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
