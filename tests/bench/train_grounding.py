"""Train and measure the built-in verifier: `python -m tests.bench.train_grounding [DATA] [--write]`.

DATA holds the public sets `begin`, `mtrag_un_decisions`, `mtrag_faithful`, `mtrag_un` and `tau_banking`; the sample
articles and replies are the project's own. Prints what the forests do on what they have not seen (folds in which no
conversation, context or article is on both sides; the test part of the replies and the articles it rests on are never
learnt from): of replies with one thing made wrong the share that is stopped, by kind, for several shares of faithful
replies that are stopped too; and AUROC and recall at 95% precision on people's judgements. With `--write` it fits on
everything but the test part and writes `agent/grounding/weights.npz` and `weights.json`.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from knowledge.embed import SentenceTransformerEmbedder
from tests.bench.grounding import rows as sets
from tests.bench.grounding.rows import Row
from tests.bench.grounding.table import Table, chances, fit, folds, table

FOLDER = Path("agent/grounding")
FOLDS = 3


def gather(data: Path, embedder: SentenceTransformerEmbedder) -> Iterator[Row]:
    dice = random.Random(11)
    yield from sets.people_s_targets(data, embedder, dice)
    yield from sets.begin(data, dice)
    yield from sets.faithful(data)
    yield from sets.articles(embedder, dice)
    yield from sets.paraphrases(data)
    yield from sets.paraphrases(data, sets.MORE)
    yield from sets.replies("dev")
    yield from sets.replies("test")


def held_out(data: Table) -> np.ndarray:
    """The probability of each claim, by forests that have not seen its group."""
    kept = sets.test_articles()
    is_test = np.array([row.corpus in ("articles", "replies_test") and row.group in kept for row in data.rows])
    fold = folds(data, FOLDS, 0)
    found = np.zeros(len(data.rows))
    for k in range(FOLDS):
        seen, unseen = np.where((fold != k) & ~is_test)[0], np.where((fold == k) & ~is_test)[0]
        found[unseen] = chances(data, unseen, fit(data, seen))
    seen, unseen = np.where(~is_test)[0], np.where(is_test)[0]
    found[unseen] = chances(data, unseen, fit(data, seen))
    return found


def report(data: Table, found: np.ndarray, corpus: str, shares: tuple[float, ...] = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5)) -> None:
    """A reply is stopped if one of its claims is; a passage of an article counts as a reply."""
    chosen = data.which(corpus=(corpus,))
    true: dict[str, dict[str, float]] = defaultdict(dict)
    for n in chosen:
        if data.rows[n].kind == "true":
            true[data.rows[n].item][data.rows[n].original] = found[n]
    weakest = {item: min(values.values()) for item, values in true.items()}
    y = data.supported[chosen]
    print(f"{corpus}: {len(weakest)} replies, {int((~y).sum())} corrupted; AUROC of claims {roc_auc_score(y, found[chosen]):.3f}")
    for share in shares:
        threshold = float(np.quantile(list(weakest.values()), share))
        all_of, stopped = Counter[str](), Counter[str]()
        for n in chosen:
            if not data.supported[n]:
                all_of[data.rows[n].kind] += 1
                rest = [p for text, p in true[data.rows[n].item].items() if text != data.rows[n].original]
                stopped[data.rows[n].kind] += min([found[n], *rest]) < threshold
        by_kind = ", ".join(f"{kind} {stopped[kind] / count:.2f}" for kind, count in sorted(all_of.items()))
        print(
            f"  faithful stopped {share:.0%} (below {threshold:.3f}): {stopped.total() / all_of.total():.1%} stopped; {by_kind}"
        )


def people(data: Table, found: np.ndarray, corpus: str, kinds: tuple[str, ...]) -> None:
    """On people's judgements of whole replies, by their weakest and by their mean claim."""
    by_item: dict[str, list[float]] = defaultdict(list)
    label: dict[str, bool] = {}
    for n in data.which(corpus=(corpus,), kind=kinds):
        by_item[data.rows[n].item].append(found[n])
        label[data.rows[n].item] = data.rows[n].supported
    y = np.array([label[item] for item in by_item])
    for name, of in (("weakest", min), ("mean", np.mean)):
        score = np.array([of(values) for values in by_item.values()])
        print(
            f"{corpus}, {len(y)} replies, {int(y.sum())} supported, by the {name} claim: AUROC {roc_auc_score(y, score):.3f}, "
            f"recall at 95% precision {recall_at(y, score, 0.95):.2f}"
        )


def recall_at(y: np.ndarray, score: np.ndarray, precision: float) -> float:
    """The largest share of what is supported that some threshold finds with at least that precision."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(y[order])
    last = np.r_[np.diff(score[order]) != 0, True]
    good = (hits / np.arange(1, len(y) + 1) >= precision) & last
    return float(hits[good].max() / y.sum()) if good.any() else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--threshold", type=float, default=0.95)
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    data = table(list(gather(options.data, embedder)), embedder)
    found = held_out(data)
    for corpus in ("targets", "articles", "paraphrases", "replies_dev", "replies_test"):
        report(data, found, corpus)
    people(data, found, "begin", ("true", "judged", sets.SOME_WRONG))
    people(data, found, "faithful", ("true", sets.SOME_WRONG))
    if options.write:
        kept = sets.test_articles()
        words, whole = fit(data, np.array([n for n, row in enumerate(data.rows) if row.group not in kept]))
        np.savez_compressed(FOLDER / "weights.npz", **words.stored("words"), **whole.stored("claims"))
        told = {"threshold": options.threshold, "rows": len(data.rows)}
        (FOLDER / "weights.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
