"""What ships, on replies to the sample articles: `python -m tests.bench.bench_replies [--part fresh] [--second-look]`.

Whole replies in an agent's own words, each with variants that have one thing made wrong, judged as in a turn. Prints how
many would be sent whole, and of the wrong ones the share that is stopped, by kind, for several shares of faithful replies
that are stopped too. Nothing was learnt from the articles of `test` and `fresh`, and nothing chosen by `fresh`.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.grounding.claims import is_courtesy, is_unknowing
from agent.grounding.verifier import BuiltInVerifier
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.pair_reader import PairReader
from knowledge.sentences import split_sentences
from knowledge.types import Passage
from tests.bench.grounding import rows as sets

SHARES = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Judged:
    """A reply. `kind` is what is wrong, empty for a faithful one; `probability` that of its weakest sentence."""

    kind: str
    probability: float
    passes: bool


def judged(verifier: BuiltInVerifier, part: str) -> Iterator[Judged]:
    centre = sets.help_centre()
    for reply in sets.lines(sets.SAMPLES / ("replies_fresh.jsonl" if part == "fresh" else "replies.jsonl")):
        if reply.get("part", "fresh") == part:
            passages = [p for doc_id in reply["doc_ids"] for p in centre[doc_id]]
            yield judge(verifier, reply["question"], reply["reply"], "", passages)
            for wrong in reply["corruptions"]:
                yield judge(verifier, reply["question"], wrong["text"], wrong["kind"], passages)


def judge(verifier: BuiltInVerifier, question: str, text: str, kind: str, passages: Sequence[Passage]) -> Judged:
    sentences = [s for s in split_sentences(text, "en") if not is_courtesy(s) and not is_unknowing(s)]
    found = verifier.verify(question, sentences, passages)
    return Judged(kind, min((one.probability for one in found), default=1.0), all(one.supported for one in found))


def report(found: Sequence[Judged]) -> Iterator[str]:
    true, wrong = [one for one in found if not one.kind], [one for one in found if one.kind]
    whole, lies = sum(one.passes for one in true), sum(one.passes for one in wrong)
    yield f"{len(true)} faithful replies: {whole} sent whole; {len(wrong)} wrong ones: {lies} sent whole"
    for share in SHARES:
        threshold = float(np.quantile([one.probability for one in true], share))
        stopped = Counter(one.kind for one in wrong if one.probability < threshold)
        kinds = Counter(one.kind for one in wrong)
        by_kind = ", ".join(f"{kind} {stopped[kind] / count:.2f}" for kind, count in sorted(kinds.items()))
        yield f"  faithful stopped {share:.0%} (below {threshold:.3f}): {stopped.total() / len(wrong):.1%} stopped; {by_kind}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("dev", "test", "fresh"), default="fresh")
    parser.add_argument("--second-look", action="store_true")
    options = parser.parse_args()
    reader = PairReader() if options.second_look else None
    verifier = BuiltInVerifier(SentenceTransformerEmbedder(), reader=reader)
    print("\n".join(report(list(judged(verifier, options.part)))))


if __name__ == "__main__":
    main()
