"""Set the weights and thresholds of `agent.graph.evidence`: `python -m tests.bench.calibrate_evidence [--write]`.

Fits a logistic model on the sample questions, with the sample help centre in a real knowledge base, and prints what
it does on questions that it was not fitted on (cross-validation, the mean of five splits): how many answerable
questions get the right article, alone or as one of two, and how many that nothing answers are answered all the same.
Then what ships is held against questions that it was never fitted on. With `--write` it writes calibration.json.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agent.evaluation.curves import auroc, calibration_error, reliability
from agent.graph import evidence
from agent.graph.followup import said_before, search_texts
from agent.graph.nodes.retrieve import best_found
from agent.graph.nodes.verify import runner_up
from agent.types import Author, Message, MessageId
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.types import Audience

SAMPLES = Path("knowledge/samples")
FRESH = "questions_calibration.jsonl"
TARGET = Path("agent/graph/calibration.json")
KINDS = ("covered", "follow_up", "other_language", "uncovered", "internal")
SPLITS = 5


@dataclass(frozen=True)
class Row:
    features: tuple[float, ...]
    wanted: tuple[str, ...]
    cited: tuple[str, ...]  # the best article, and the runner-up if it would be quoted beside it

    @property
    def right(self) -> bool:
        return self.cited[0] in self.wanted

    @property
    def right_of_two(self) -> bool:
        return any(doc in self.wanted for doc in self.cited)


def rows(base: KnowledgeBase, name: str = "questions.jsonl") -> Iterator[Row]:
    for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        if question["kind"] in KINDS:
            said = [
                Message(MessageId(str(n)), Author(m["author"]), m["text"], "") for n, m in enumerate(question["conversation"])
            ]
            found = best_found(base, base.embedder, search_texts(said), said_before(said), frozenset({Audience.PUBLIC}))
            second = runner_up(found.hits, replace(found.evidence, sure=False))
            cited = tuple(found.hits[i].passage.doc_id for i in (found.evidence.best, second) if i is not None)
            features = evidence.features(base.embedder, found.text, found.hits)
            yield Row(features, tuple(question["doc_ids"]), cited)


def model() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))


def held_out(x: Any, y: Any) -> Any:
    chances = np.zeros(len(y))
    for seed in range(SPLITS):
        folds = StratifiedKFold(8, shuffle=True, random_state=seed)
        chances += cross_val_predict(model(), x, y, cv=folds, method="predict_proba")[:, 1] / SPLITS
    return chances


def table(found: Sequence[Row], chances: Any, sure: float) -> None:
    answerable = [row for row in found if row.wanted]
    print(f"AUROC {roc_auc_score([r.right for r in found], chances):.3f}; sure from {sure}")
    for threshold in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7):
        taken = [(r, c) for r, c in zip(found, chances, strict=True) if c >= threshold]
        right = sum(r.right or (c < sure and r.right_of_two) for r, c in taken if r.wanted)
        wrong = sum(1 for r, _ in taken if r.wanted) - right
        plain = sum(1 for r, c in taken if c >= sure and not r.right)
        near = sum(1 for r, _ in taken if not r.wanted)
        print(
            f"  >= {threshold:.2f}: right article cited {right} ({100 * right / len(answerable):.0f}%), others cited {wrong}, "
            f"of {len(answerable)}; nothing answers it, but answered {near} of {len(found) - len(answerable)}; "
            f"sure and wrong {plain}"
        )


def fresh(found: Sequence[Row]) -> None:
    """What ships, on questions that it was not fitted on: what it foretells, and what is true."""
    truth, chances = [row.right for row in found], [evidence.probability(row.features) for row in found]
    bins = reliability(truth, chances)
    print(
        f"{len(found)} questions of {FRESH}: AUROC {auroc(truth, chances):.3f}, calibration error {calibration_error(bins):.3f}"
    )
    for one in bins:
        print(f"  {one.low:.1f} to {one.high:.1f}: {one.count} foretold {one.mean:.2f}, right {one.share:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--answerable", type=float, default=0.4)
    parser.add_argument("--sure", type=float, default=0.8)
    parser.add_argument("--data", type=Path, help="keep the knowledge base here for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = KnowledgeBase(KnowledgeSettings(options.data or Path(folder)))
        base.sync([SAMPLES / "help_centre"])
        found, others = list(rows(base)), list(rows(base, FRESH))
        base.close()
    fresh(others)
    x, y = np.array([r.features for r in found]), np.array([r.right for r in found])
    table(found, held_out(x, y), options.sure)
    fitted = model().fit(x, y)
    scale, line = fitted[0], fitted[1]
    weights = line.coef_[0] / scale.scale_
    result = {
        "weights": {name: round(float(w), 3) for name, w in zip(evidence.FEATURES, weights, strict=True)},
        "bias": round(float(line.intercept_[0] - weights @ scale.mean_), 3),
        "answerable": options.answerable,
        "sure": options.sure,
    }
    print(json.dumps(result, indent=1))
    if options.write:
        TARGET.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
