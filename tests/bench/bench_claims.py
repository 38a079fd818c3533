"""How well the check of claims does: `python -m tests.bench.bench_claims [BEGIN/data.jsonl] [--rows N] [--show N]`.

On people's judgements of replies (the BEGIN data set) and on sentences of the sample help centre: corrupted ones must be
refused, rewritten ones that say the same should pass. Prints figures; asserts nothing.
"""

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.grounding.claims import Finding, check
from agent.grounding.passages import heading, passage_sentences
from knowledge.chunk import split
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.sentences import split_sentences
from knowledge.sources.files import read_sources
from knowledge.types import Audience, Document
from tests.bench.grounding.corruptions import (
    BOUNDS,
    UNITS,
    capital,
    cut_phrases,
    dropped_clauses,
    exchanged_numbers,
    names_in,
    other_name,
    other_negation,
    other_number,
    promises,
    swap,
)
from tests.bench.grounding.rows import rewritten

HELP_CENTRE = Path("knowledge/samples/help_centre")


@dataclass(frozen=True)
class Source:
    context: str
    sentences: list[str]
    doc_id: str


def sources() -> list[Source]:
    found = []
    for document in read_sources([HELP_CENTRE]):
        assert isinstance(document, Document)
        if document.audience is Audience.PUBLIC:
            found += [Source(heading(p), passage_sentences(p), p.doc_id) for p in split(document)]
    return found


FEES = ("cleaning fee", "service fee", "tourist tax", "pet fee", "security deposit", "extra guest fee", "nights")


def other_fee(text: str, dice: random.Random) -> Iterator[str]:
    for fee in FEES:
        if fee in text.lower():
            yield capital(re.sub(fee, dice.choice([f for f in FEES if f != fee]), text, count=1, flags=re.I))


def other_role(text: str) -> Iterator[str]:
    if re.search(r"\bhosts?\b", text, re.I) and re.search(r"\b(guests?|you)\b", text, re.I):
        table = {"host": "guest", "hosts": "guests", "guest": "host", "guests": "hosts", "you": "the host"}
        yield capital(re.sub(r"\b(hosts?|guests?|you)\b", lambda m: table[m[0].lower()], text, flags=re.I))


class Judge:
    def __init__(self) -> None:
        self.embedder = SentenceTransformerEmbedder()
        self.vectors: dict[str, np.ndarray] = {}

    def prepare(self, texts: list[str]) -> None:
        new = list(dict.fromkeys(t for t in texts if t not in self.vectors))
        if new:
            self.vectors.update(zip(new, self.embedder.embed(new), strict=True))

    def __call__(self, claim: str, source: Source) -> Finding:
        self.prepare([claim, *source.sentences])
        if not source.sentences:
            return Finding(False, 0.0, 0)
        near = np.array([self.vectors[s] for s in source.sentences], np.float32) @ self.vectors[claim]
        return check(claim, source.context, source.sentences, lambda: near)


def corrupted(found: list[Source]) -> dict[str, list[tuple[str, str, Source]]]:
    dice = random.Random(7)
    names = names_in([t for s in found for t in s.sentences])
    ways: dict[str, Callable[[str], Iterator[str]]] = {
        "number changed": lambda t: other_number(t, dice),
        "numbers exchanged": exchanged_numbers,
        "unit changed": lambda t: swap(t, UNITS),
        "bound or modal changed": lambda t: swap(t, BOUNDS),
        "negation flipped": other_negation,
        "clause dropped": dropped_clauses,
        "name swapped": lambda t: other_name(t, names, dice),
        "fee swapped": lambda t: other_fee(t, dice),
        "roles exchanged": other_role,
        "word cut": cut_phrases,
        "promise": promises,
    }
    rows: dict[str, list[tuple[str, str, Source]]] = defaultdict(list)
    for source in found:
        for sentence in source.sentences:
            for name, way in ways.items():
                rows[name] += [(new, sentence, source) for new in way(sentence) if new != sentence]
    return rows


def turned_round(found: list[Source]) -> list[tuple[str, str, Source]]:
    """What stands under a heading with a "not", said without it."""
    rows = []
    for source in found:
        if re.search(r"\b(not|no) ", source.context, re.I) and not re.search(r" – If\b", source.context):
            for sentence in source.sentences:
                rows += [(new, sentence, source) for new in (sentence, f"{sentence.rstrip('.')} is covered.")]
    return rows


def of_other_articles(judge: Judge, found: list[Source]) -> list[tuple[str, str, Source]]:
    """Each sentence against the nearest passage of another article."""
    flat = [(s, t) for s in found for t in s.sentences]
    matrix = np.array([judge.vectors[t] for _, t in flat])
    rows = []
    for i, (own, sentence) in enumerate(flat):
        near = matrix @ matrix[i]
        best = max((j for j in range(len(flat)) if flat[j][0].doc_id != own.doc_id), key=lambda j: float(near[j]))
        if flat[best][1] != sentence:
            rows.append((sentence, flat[best][1], flat[best][0]))
    return rows


def report(judge: Judge, title: str, rows: list[tuple[str, str, Source]], show: int, wanted: bool) -> tuple[int, int]:
    judge.prepare([claim for claim, _, _ in rows])
    wrong = []
    for claim, sentence, source in rows:
        finding = judge(claim, source)
        if finding.supported is not wanted:
            wrong.append((claim, sentence, finding.reason))
    right = len(rows) - len(wrong)
    print(f"  {title:24} {right:5} of {len(rows):5}  {right / max(1, len(rows)):7.2%}")
    for claim, sentence, reason in random.Random(3).sample(wrong, min(show, len(wrong))):
        print(f"      claim  {claim}\n      source {sentence}\n      {reason}")
    return right, len(rows)


def begin(judge: Judge, path: Path, count: int, show: int) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    rows = [r for r in rows if r["label"] in {"fully_attributable", "not_fully_attributable"}]
    rows = random.Random(1).sample(rows, min(count, len(rows)))
    judge.prepare([t for row in rows for key in ("answer", "context") for t in split_sentences(row[key], "en")])
    labels, verdicts, scores = [], [], []
    reasons: dict[str, int] = defaultdict(int)
    for row in rows:
        claims = split_sentences(row["answer"], "en")
        source = Source("", split_sentences(row["context"], "en"), "")
        findings = [judge(claim, source) for claim in claims] or [Finding(False, 0.0, 0)]
        labels.append(row["label"] == "fully_attributable")
        verdicts.append(all(f.supported for f in findings))
        scores.append(min(f.support for f in findings))
        if verdicts[-1] != labels[-1]:
            reasons[next((re.sub(r"[:(].*|'.*", "", f.reason) for f in findings if f.reason), "passed")] += 1
            if verdicts[-1] and show:
                print(f"      claim  {row['answer']}\n      source {row['context'][:300]}")
    truth, said, score = np.array(labels), np.array(verdicts), np.array(scores)
    hit = int((truth & said).sum())
    above = (score[truth][:, None] > score[~truth][None]).mean() + 0.5 * (score[truth][:, None] == score[~truth][None]).mean()
    print(f"BEGIN, {len(rows)} replies, {int(truth.sum())} supported: precision {hit / max(1, said.sum()):.3f}, "
          f"recall {hit / truth.sum():.3f}, AUROC of the support score {above:.3f}")  # fmt: skip
    print("  wrong by reason: " + ", ".join(f"{k.strip()} {v}" for k, v in sorted(reasons.items(), key=lambda kv: -kv[1])))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("begin", type=Path, nargs="?")
    arguments.add_argument("--rows", type=int, default=1200)
    arguments.add_argument("--show", type=int, default=0)
    given = arguments.parse_args()
    judge, found = Judge(), sources()
    judge.prepare([t for s in found for t in s.sentences])
    print(f"Sample help centre, {len(found)} passages, {sum(len(s.sentences) for s in found)} sentences. Corrupted, refused:")
    caught = [report(judge, name, rows, given.show, wanted=False) for name, rows in corrupted(found).items()]
    caught.append(report(judge, "of another article", of_other_articles(judge, found), given.show, wanted=False))
    caught.append(report(judge, "without its heading", turned_round(found), given.show, wanted=False))
    print(f"  all {sum(r for r, _ in caught) / sum(n for _, n in caught):.2%}\nRewritten, passed:")
    kept: dict[str, list[tuple[str, str, Source]]] = defaultdict(list)
    for source in found:
        for sentence in source.sentences:
            for name, new in rewritten(sentence).items():
                kept[name].append((new, sentence, source))
    passed = [report(judge, name, rows, given.show, wanted=True) for name, rows in kept.items()]
    print(f"  all {sum(r for r, _ in passed) / sum(n for _, n in passed):.2%}")
    if given.begin:
        begin(judge, given.begin, given.rows, given.show)


if __name__ == "__main__":
    main()
