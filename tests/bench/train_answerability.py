"""Set the weights of `agent.graph.answerability`: `python -m tests.bench.train_answerability [DATA] [--write]`.

Fits a multinomial logistic model on the 270 requests of mtrag_un_decisions, which people judged, and with a little weight
on requests of four other collections, with their articles (to be answered) and without (not known): the sample questions,
covidfaq, stackfaq and the English part of xquad_crosslingual. Each collection stands in a knowledge base of its own, built
anew in a temporary folder. Prints what the model does on requests that it was not fitted on (cross-validation in groups,
the mean of twenty splits): F1 and confusion on mtrag_un_decisions, and the share of each choice on the others. With `--write`
it writes answerability.json.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agent.graph.answerability import EVIDENT, FEATURES, Choice, evidence_of_request, features, is_nameless
from agent.graph.followup import said_before, search_texts
from agent.graph.nodes.retrieve import Searched, search_each_way
from agent.types import Author, Message, MessageId
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.evaluation.run import fill
from knowledge.measure import CorpusDocument, Dataset, load_dataset
from knowledge.types import Audience, Hit, Query
from tests.bench.articles import DEFAULT_DATA

SAMPLES = Path("knowledge/samples")
TARGET = Path("agent/graph/answerability.json")
OURS = "mtrag_un_decisions"
LABELS = {
    "answerable": Choice.ANSWER,
    "partial": Choice.PART,
    "unanswerable": Choice.UNKNOWN,
    "underspecified": Choice.ASK_BACK,
}
KINDS = {
    "covered": Choice.ANSWER,
    "follow_up": Choice.ANSWER,
    "uncovered": Choice.UNKNOWN,
    "internal": Choice.UNKNOWN,
    "unclear": Choice.ASK_BACK,
}
OTHERS = {"covidfaq": 150, "stackfaq": 150, "xquad_crosslingual": 140}
"""So many queries of each."""
CHOICES = list(Choice)
C = 0.05
BALANCE = {Choice.ANSWER: 1.5, Choice.PART: 1.2, Choice.UNKNOWN: 1.0, Choice.ASK_BACK: 1.1}
"""What each choice weighs, all its requests together."""
CARRY = 0.05
"""What a choice weighs in each other collection beside that in ours: more mends more there, and harms here."""
FEW = 12
"""A choice with no more requests than that in a collection weighs as much less as they are fewer than twice that."""
FOLDS = 5
SPLITS = 20
DEPTH = 60
"""So many hits are searched for where some articles are to be missed, ..."""
LEAST = 8
"""... and what is left must be so many, or too little is left to search in."""


@dataclass(frozen=True)
class Row:
    """A request. `group` goes into one fold; `evidence` is as the product weighs it."""

    kind: str
    label: Choice
    group: str
    features: tuple[float, ...]
    evidence: float


class Without:
    """A retriever that misses some documents."""

    def __init__(self, base: KnowledgeBase, documents: frozenset[str]) -> None:
        self._base = base
        self._documents = documents

    def search(self, query: Query) -> list[Hit]:
        if not self._documents:
            return self._base.search(query)
        hits = self._base.search(replace(query, k=DEPTH))
        return [hit for hit in hits if hit.passage.doc_id not in self._documents][: query.k]


def searched(base: KnowledgeBase, said: Sequence[Message], without: frozenset[str] = frozenset()) -> Searched:
    retriever: Any = Without(base, without)
    return search_each_way(retriever, base.embedder, search_texts(said), said_before(said), frozenset({Audience.PUBLIC}))


def row(
    base: KnowledgeBase, kind: str, label: Choice, group: str, said: Sequence[Message], without: frozenset[str] = frozenset()
) -> Iterator[Row]:
    """One; none if too little is found, or if it names nothing: the model is never asked then."""
    if is_nameless(said):
        return
    found = searched(base, said, without)
    if min(len(found.alone.hits), len(found.in_context.hits)) >= LEAST:
        values = features(base.embedder, said, found.alone.hits, found.in_context.hits)
        yield Row(kind, label, group, values, evidence_of_request(base.embedder, said, found.in_context.hits))


def messages(conversation: Sequence[Mapping[str, str]]) -> list[Message]:
    """Authors are `customer` and some other word for our side."""
    authors = [Author.CUSTOMER if m.get("author", m.get("role")) == "customer" else Author.ASSISTANT for m in conversation]
    return [Message(MessageId(str(n)), a, m["text"], "") for n, (a, m) in enumerate(zip(authors, conversation, strict=True))]


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of_ours(base: KnowledgeBase, folder: Path) -> Iterator[Row]:
    documents = [CorpusDocument(d["id"], d["title"], d["text"]) for d in read_lines(folder / "passages.jsonl")]
    build(base, Dataset(OURS, tuple(documents), {}, {}))
    for task in read_lines(folder / "tasks.jsonl"):
        yield from row(base, OURS, LABELS[task["answerability"]], task["group"], messages(task["conversation"]))


def rows_of_samples(base: KnowledgeBase) -> Iterator[Row]:
    base.sync([SAMPLES / "help_centre"])
    for question in read_lines(SAMPLES / "questions.jsonl"):
        kind, said = question["kind"], messages(question["conversation"])
        if kind in KINDS:
            yield from row(base, f"samples {kind}", KINDS[kind], question["id"], said)
            if KINDS[kind] is Choice.ANSWER:
                yield from row(base, "samples removed", Choice.UNKNOWN, question["id"], said, frozenset(question["doc_ids"]))


def rows_of_other(base: KnowledgeBase, folder: Path) -> Iterator[Row]:
    dataset = load_dataset(folder)
    build(base, dataset)
    ids = [i for i in dataset.judged if folder.name != "xquad_crosslingual" or i.startswith("en")]
    for query_id in random.Random(0).sample(ids, OTHERS[folder.name]):
        said, wanted = (
            messages([{"author": "customer", "text": dataset.queries[query_id]}]),
            frozenset(dataset.relevance[query_id]),
        )
        yield from row(base, f"{folder.name} found", Choice.ANSWER, min(wanted), said)
        yield from row(base, f"{folder.name} removed", Choice.UNKNOWN, min(wanted), said, wanted)


def build(base: KnowledgeBase, dataset: Dataset) -> None:
    took = fill(base, dataset)
    say(f"{dataset.name}: {len(dataset.documents)} documents indexed in {took or 0:.0f} s")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def gather(data: Path, threads: int | None) -> list[Row]:
    """All rows, ours first."""
    found: list[Row] = []
    for name in (OURS, "samples", *OTHERS):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            base = KnowledgeBase(KnowledgeSettings(Path(folder), threads=threads))
            if name == "samples":
                rows = rows_of_samples(base)
            else:
                rows = rows_of_ours(base, data / name) if name == OURS else rows_of_other(base, data / name)
            for count, one in enumerate(rows, 1):
                found.append(one)
                if not count % 50:
                    say(f"{name}: {count} requests asked")
            base.close()
        say(f"{name}: done in {time.perf_counter() - began:.0f} s")
    return found


@dataclass(frozen=True)
class Table:
    """Rows as arrays, those of one place in the same order."""

    x: Any
    y: Any
    groups: Any
    kinds: Any
    evidence: Any

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Table":
        return cls(
            np.array([r.features for r in rows]),
            np.array([CHOICES.index(r.label) for r in rows]),
            np.array([r.group for r in rows]),
            np.array([r.kind for r in rows]),
            np.array([r.evidence for r in rows]),
        )

    def only(self, chosen: Any) -> "Table":
        return Table(self.x[chosen], self.y[chosen], self.groups[chosen], self.kinds[chosen], self.evidence[chosen])


def fit(ours: Table, others: Table) -> Any:
    """Scaled by ours alone."""
    balance = np.array([BALANCE[choice] for choice in CHOICES]) * len(ours.y) / len(CHOICES)
    weights = balance[ours.y] / np.bincount(ours.y, minlength=len(CHOICES))[ours.y]
    families = np.array([kind.split()[0] for kind in others.kinds])
    counts = np.array([np.sum((families == f) & (others.y == c)) for f, c in zip(families, others.y, strict=True)])
    other_weights = CARRY * balance[others.y] / np.where(counts > FEW, counts, 2 * FEW)
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(ours.x)
    line = LogisticRegression(C=C, max_iter=3000).fit(
        scaled.transform(np.concatenate([ours.x, others.x])),
        np.concatenate([ours.y, others.y]),
        sample_weight=np.concatenate([weights, other_weights]),
    )
    return make_pipeline(*(step for _, step in scaled.steps), line)


def held_out(ours: Table, others: Table, seed: int) -> tuple[Any, Any]:
    """Chances of each choice for ours and for the others, each row by a model that has seen none of its group."""
    chances, other_chances = np.zeros((len(ours.y), len(CHOICES))), np.zeros((len(others.y), len(CHOICES)))
    names = np.unique(others.groups)
    fold_of = dict(zip(names, np.random.default_rng(seed).integers(0, FOLDS, len(names)), strict=True))
    other_folds = np.array([fold_of[group] for group in others.groups])
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(ours.x, ours.y, ours.groups)
    for fold, (seen, unseen) in enumerate(split):
        model = fit(ours.only(seen), others.only(other_folds != fold))
        chances[unseen] = model.predict_proba(ours.x[unseen])
        other_chances[other_folds == fold] = model.predict_proba(others.x[other_folds == fold])
    return chances, other_chances


def chosen(chances: Any, evidence: Any) -> Any:
    return np.where(evidence >= EVIDENT, CHOICES.index(Choice.ANSWER), chances.argmax(1))


def show(ours: Table, others: Table) -> None:
    runs = [held_out(ours, others, seed) for seed in range(SPLITS)]
    for name, taken in (
        ("with what is evident answered", [chosen(mine, ours.evidence) for mine, _ in runs]),
        ("by the model alone", [mine.argmax(1) for mine, _ in runs]),
    ):
        macro = [f1_score(ours.y, one, average="macro") for one in taken]
        each = np.mean([f1_score(ours.y, one, average=None) for one in taken], axis=0)
        print(
            f"{OURS}, {len(ours.y)} requests, {name}: macro-F1 {np.mean(macro):.3f} (sd of {SPLITS} splits {np.std(macro):.3f})"
        )
        print("  F1: " + ", ".join(f"{choice} {f1:.2f}" for choice, f1 in zip(CHOICES, each, strict=True)))
        print(f"  {'is, and how often taken for':28s}" + "".join(f"{choice:>10s}" for choice in CHOICES))
        for choice, line in zip(CHOICES, np.mean([confusion_matrix(ours.y, one) for one in taken], axis=0), strict=True):
            print(f"  {choice:28s}" + "".join(f"{count:10.1f}" for count in line))
    print("share of each choice on other collections, with what is evident answered; in brackets by the model alone")
    for kind in dict.fromkeys(others.kinds):
        at = others.kinds == kind
        shares = [
            np.mean([np.bincount(one, minlength=len(CHOICES)) for one in taken], axis=0) / at.sum()
            for taken in ([chosen(c[at], others.evidence[at]) for _, c in runs], [c[at].argmax(1) for _, c in runs])
        ]
        line = " ".join(f"{c} {share:.2f} ({plain:.2f})" for c, share, plain in zip(CHOICES, *shares, strict=True))
        print(f"  {kind:26s} {at.sum():4d}: {line}")


def as_json(model: Any) -> dict[str, Any]:
    usual, scale, line = model[0], model[1], model[2]
    weights = line.coef_ / scale.scale_
    bias = line.intercept_ - weights @ scale.mean_

    def named(values: Any) -> dict[str, float]:
        return {name: round(float(value), 3) for name, value in zip(FEATURES, values, strict=True)}

    return {
        "weights": {choice.value: named(of) for choice, of in zip(CHOICES, weights, strict=True)},
        "bias": {choice.value: round(float(value), 3) for choice, value in zip(CHOICES, bias, strict=True)},
        "median": named(usual.statistics_),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=DEFAULT_DATA, help="folder of the data sets")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--threads", type=int, help="of the embedding model")
    options = parser.parse_args()
    for name in (OURS, *OTHERS):
        if not (options.data / name).is_dir():
            parser.error(f"{options.data / name}: no such data set; name the folder of the data sets")
    rows = gather(options.data, options.threads)
    ours, others = Table.of([r for r in rows if r.kind == OURS]), Table.of([r for r in rows if r.kind != OURS])
    show(ours, others)
    result = as_json(fit(ours, others))
    print(json.dumps(result, indent=1))
    if options.write:
        TARGET.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
