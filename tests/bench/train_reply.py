"""Train and measure the model of whole replies: `python -m tests.bench.train_reply [DATA] [--write] [--seeds 5]`.

DATA holds the sets that `tests.bench.train_grounding` learns from; the forests' word on each claim comes from forests that have
not seen its group, what the encoder makes of its pieces is read here. Learns from BEGIN alone (people's judgements of the replies
of dialogue models). Prints, of folds in which no context is on both sides, AUROC and recall at 95% precision, with several seeds,
since the second jumps about; beside it what the share of known words and the weakest claim do, the model without the encoder's
pieces, and other shares of the weakest claim. The halves are of contexts, each judged by what was trained on the other. Never
learnt from here: mtrag_faithful (replies of large models, votes 1 to 4; those over 2 count as supported), and replies beside the
same with one thing made wrong, which show what it is not made for. With `--write` it fits on all of BEGIN and writes
`agent/grounding/reply.npz`. Takes a quarter of an hour.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from agent.evaluation.curves import calibration_error, reliability
from agent.grounding.reply import FARTHEST, FEATURES, ReplyModel, with_weakest
from knowledge.embed import SentenceTransformerEmbedder
from tests.bench.grounding.table import exported, table
from tests.bench.grounding.whole import Replies, replies
from tests.bench.train_grounding import gather, held_out, recall_at

FILE = Path("agent/grounding/reply.npz")
MADE = ("targets", "paraphrases", "replies_dev")
"""Corpora of replies that are measured beside the same with one thing made wrong."""
FOLDS = 8
SHARES = (0.0, 0.15, 0.25, 0.5)
STRENGTH = 0.02
"""Inverse of the logistic model's regularisation."""


def plain(found: Replies) -> Replies:
    """Without what the encoder makes of pieces."""
    return replace(found, rows=found.rows[:, : len(FEATURES)])


def fit(found: Replies, chosen: np.ndarray, seed: int = 0) -> ReplyModel:
    """On those of the chosen replies that people judged, of BEGIN."""
    chosen = np.intersect1d(chosen, found.which("begin", made=False))
    rows, supported = found.rows[chosen], found.supported[chosen]
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale < 1e-9] = 1.0
    near = np.clip((rows - mean) / scale, -FARTHEST, FARTHEST)
    linear = LogisticRegression(C=STRENGTH, max_iter=2_000).fit(near, supported)
    trees = HistGradientBoostingClassifier(
        max_iter=200,
        learning_rate=0.05,
        max_leaf_nodes=6,
        min_samples_leaf=20,
        l2_regularization=5,
        max_features=0.3,
        random_state=seed,
    ).fit(rows, supported)
    return ReplyModel(mean, scale, linear.coef_[0], float(linear.intercept_[0]), exported(trees))


def chances(found: Replies, folds: int, seed: int) -> np.ndarray:
    """The probability of each reply, by a model that has not seen its context."""
    fold = np.random.default_rng(seed).permutation(found.groups.max() + 1)[found.groups] % folds
    given = np.zeros(len(found.supported))
    for k in range(folds):
        given[fold == k] = fit(found, np.where(fold != k)[0], seed).chances(found.rows[fold == k])
    return given


def told(name: str, supported: np.ndarray, given: np.ndarray) -> str:
    area, recall = roc_auc_score(supported, given), recall_at(supported, given, 0.95)
    return f"{name}: AUROC {area:.3f}, recall at 95% precision {recall:.2f}"


def report(found: Replies, seeds: int) -> None:
    people, faithful = found.which("begin", made=False), found.which("faithful", made=False)
    alone = [chances(found, FOLDS, seed) for seed in range(seeds)]
    every = [with_weakest(given, found.weakest) for given in alone]
    y = found.supported[people]
    print(f"begin, {len(y)} replies, {int(y.sum())} supported")
    print(told("  share of words known", y, found.rows[people, FEATURES.index("words_known")]))
    print(told("  weakest claim", y, found.weakest[people]))
    for seed, given in enumerate(every):
        print(told(f"  {FOLDS} folds, seed {seed}", y, given[people]))
    unread = [with_weakest(chances(plain(found), FOLDS, seed), found.weakest) for seed in range(seeds)]
    means = [(f"mean of {seeds} seeds", every), ("without what the encoder makes of pieces", unread)]
    means += [(f"with {share} of the weakest claim", [with_weakest(g, found.weakest, share) for g in alone]) for share in SHARES]
    for name, all_given in means:
        areas, recalls = zip(*((roc_auc_score(y, g[people]), recall_at(y, g[people], 0.95)) for g in all_given), strict=True)
        print(f"  {name}: AUROC {np.mean(areas):.3f}, recall at 95% precision {np.mean(recalls):.2f}")
    bins = reliability(y.tolist(), every[0][people].tolist())
    print(f"  calibration error {calibration_error(bins):.3f}")
    halves(found, people)
    others = [("mtrag_faithful", faithful)]
    others += [(corpus, np.concatenate([found.which(corpus, made=made) for made in (False, True)])) for corpus in MADE]
    for corpus, mine in others:
        label = found.supported[mine]
        wrong = "with one thing made wrong" if corpus in MADE else "voted 1 or 2"
        print(f"{corpus}, {int(label.sum())} replies and {int((~label).sum())} {wrong}")
        print(told("  weakest claim", label, found.weakest[mine]))
        print(told("  whole", label, every[0][mine]))
        for share in SHARES:
            print(told(f"  with {share} of the weakest claim", label, with_weakest(alone[0], found.weakest, share)[mine]))


def halves(found: Replies, people: np.ndarray) -> None:
    half = np.random.default_rng(0).permutation(found.groups.max() + 1)[found.groups] % 2
    given = with_weakest(chances(found, 2, 0), found.weakest)
    for k in range(2):
        mine = people[half[people] == k]
        print(told(f"  half {k + 1}, trained on the other", found.supported[mine], given[mine]))


def write(found: Replies, token_model: str) -> None:
    every = np.arange(len(found.supported))
    stored = fit(found, every).stored("read") | fit(plain(found), every).stored("plain")
    np.savez_compressed(FILE, token_model=np.array(token_model), **stored)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    data = table(list(gather(options.data, embedder)), embedder)
    found = replies(data, held_out(data), ("begin", "faithful", *MADE), embedder)
    report(found, options.seeds)
    if options.write:
        write(found, embedder.token_model())


if __name__ == "__main__":
    main()
