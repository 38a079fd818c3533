"""Set the weights and thresholds of `agent.graph.evidence`: `python -m tests.bench.calibrate_evidence [--write]`.

Trained on the ways of asking that the sample help centre's articles list (`asked`), never on its test questions.
In each of several rounds a part of the articles is taken away whole, and half of the ways of asking of the others:
the latter are then questions that the rest answers, and those of the missing articles are near misses, in the same
words, that nothing answers. Everything runs through the real knowledge base. Prints how well the number tells answered from
unanswered questions, on held-out rounds and on the 150 sample questions, and with `--write` writes calibration.json.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import frontmatter
import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from agent.graph import evidence
from agent.graph.followup import search_text
from agent.types import Author, Message, MessageId
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.types import Hit, Query

SAMPLES = Path("knowledge/samples")
ROUNDS = 6
HITS = 8
TARGET = Path("agent/graph/calibration.json")


@dataclass(frozen=True)
class Asked:
    """One question with what was found; `right` says whether the best hit's document answers it."""

    text: str
    hits: Sequence[Hit]
    wanted: tuple[str, ...]
    round: int
    kind: str = "asked"

    @property
    def right(self) -> bool:
        return bool(self.hits) and self.hits[0].passage.doc_id in self.wanted


def articles() -> list[Any]:
    found = [frontmatter.load(str(path)) for path in sorted((SAMPLES / "help_centre").rglob("*.md"))]
    return [article for article in found if article["audience"] == "public"]


def rounds(embedder: SentenceTransformerEmbedder) -> Iterator[Asked]:
    everything = articles()
    shuffled = random.Random(7).sample(everything, len(everything))
    for number in range(ROUNDS):
        gone = {article["id"] for article in shuffled[number::ROUNDS]}
        kept = [article for article in everything if article["id"] not in gone]
        with tempfile.TemporaryDirectory() as folder:
            base = build(Path(folder), kept, embedder, number % 2)
            for article in everything:
                missing = article["id"] in gone
                asked = article["asked"] if missing else article["asked"][1 - number % 2 :: 2]
                # As many questions without an answer as with one.
                for text in asked if missing else asked[:: ROUNDS // 2]:
                    yield Asked(text, base.search(Query(text, k=HITS)), () if missing else (article["id"],), number)
            base.close()


def build(folder: Path, kept: Sequence[Any], embedder: SentenceTransformerEmbedder, half: int | None) -> KnowledgeBase:
    (folder / "source").mkdir()
    for article in kept:
        asked = article["asked"] if half is None else article["asked"][half::2]
        meta = {**article.metadata, "asked": asked, "updated": str(article["updated"])}
        text = f"---\n{yaml.safe_dump(meta, allow_unicode=True)}---\n{article.content}"
        (folder / "source" / f"{article['id']}.md").write_text(text, encoding="utf-8")
    base = KnowledgeBase(KnowledgeSettings(folder / "data"), embedder=embedder)
    base.sync([folder / "source"])
    return base


def sample_questions(embedder: SentenceTransformerEmbedder) -> Iterator[Asked]:
    with tempfile.TemporaryDirectory() as folder:
        base = build(Path(folder), articles(), embedder, None)
        for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines():
            question = json.loads(line)
            if question["kind"] in {"covered", "follow_up", "other_language", "uncovered", "internal"}:
                said = [
                    Message(MessageId(str(i)), Author(m["author"]), m["text"], "") for i, m in enumerate(question["conversation"])
                ]
                text = search_text(said)
                yield Asked(text, base.search(Query(text, k=HITS)), tuple(question["doc_ids"]), -1, question["kind"])
        base.close()


def table(questions: Sequence[Asked], chances: np.ndarray[Any, Any], thresholds: Sequence[float]) -> None:
    answerable = [bool(q.wanted) for q in questions]
    for threshold in thresholds:
        taken = chances >= threshold
        right = sum(1 for q, t in zip(questions, taken, strict=True) if t and q.right)
        wrong = sum(1 for q, t in zip(questions, taken, strict=True) if t and q.wanted and not q.right)
        near = sum(1 for q, t in zip(questions, taken, strict=True) if t and not q.wanted)
        print(f"  >= {threshold:.2f}: right article {right}, wrong article {wrong} of {sum(answerable)}; "
              f"unanswerable but answered {near} of {len(questions) - sum(answerable)}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--answerable", type=float, default=0.5)
    parser.add_argument("--close", type=float, default=0.03)
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    train = [q for q in rounds(embedder) if q.hits]
    test = [q for q in sample_questions(embedder) if q.hits]
    x = np.array([evidence.features(embedder, q.text, q.hits) for q in train])
    y = np.array([q.right for q in train])
    held = np.zeros(len(train))
    for fit, check in GroupKFold(ROUNDS).split(x, y, [q.round for q in train]):
        held[check] = model().fit(x[fit], y[fit]).predict_proba(x[check])[:, 1]
    fitted = model().fit(x, y)
    thresholds = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    print(f"ways of asking, held out ({len(train)}, {y.mean():.2f} right): AUROC {roc_auc_score(y, held):.3f}")
    table(train, held, thresholds)
    chances = fitted.predict_proba(np.array([evidence.features(embedder, q.text, q.hits) for q in test]))[:, 1]
    print(f"sample questions ({len(test)}): AUROC {roc_auc_score([q.right for q in test], chances):.3f}")
    table(test, chances, thresholds)
    weights = {name: round(float(w), 3) for name, w in zip(evidence.FEATURES, fitted.coef_[0], strict=True)}
    result = {
        "weights": weights,
        "bias": round(float(fitted.intercept_[0]), 3),
        "answerable": options.answerable,
        "close": options.close,
    }
    print(json.dumps(result, indent=1))
    if options.write:
        TARGET.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def model() -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=2000)


if __name__ == "__main__":
    main()
