"""What the built-in verifier costs: `python -m tests.bench.bench_grounding [--second-look] [--whole]`.

Five sentences of replies against five passages of the sample help centre, each passage and sentence new to the process:
nothing is in the embedder's memory, as at the first question about an article. With `--whole` each draft is judged twice, once as
in a turn and once with all claims weighed together, by a verifier with its own embedder; which comes first takes turns, since the
second finds the passages cut into words. Prints milliseconds; asserts nothing.
"""

import argparse
import random
import time

import numpy as np

from agent.grounding.verifier import BuiltInVerifier
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.pair_reader import PairReader
from knowledge.types import Passage
from tests.bench.grounding import rows

SENTENCES = PASSAGES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--second-look", action="store_true")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    dice = random.Random(3)
    embedders = [SentenceTransformerEmbedder() for _ in range(1 + options.whole)]
    verifiers = [BuiltInVerifier(embedder, reader=PairReader() if options.second_look else None) for embedder in embedders]
    centre = rows.help_centre()
    passages = [passage for found in centre.values() for passage in found]
    by_text: dict[str, list[Passage]] = {}
    said = []
    for reply in rows.lines(rows.SAMPLES / "replies.jsonl"):
        for sentence in rows.claims(reply["reply"]):
            by_text[sentence] = [p for doc_id in reply["doc_ids"] for p in centre[doc_id]]
            said.append(sentence)
    dice.shuffle(said)
    for verifier in verifiers:
        verifier.verify_reply("warm up", "warm up", said[:2], passages[:1])
    spent: list[list[float]] = [[] for _ in verifiers]
    for at in range(1, len(said) - SENTENCES, SENTENCES):
        sentences = said[at : at + SENTENCES]
        given = [by_text[sentence][0] for sentence in sentences][:PASSAGES]
        question = f"What about {at}?"
        for which in sorted(range(len(verifiers)), reverse=at % 2 == 0):
            embedders[which].embed([question])  # a turn has searched with it before
            start = time.perf_counter()
            if which:
                verifiers[which].verify_reply(question, " ".join(sentences), sentences, given)
            else:
                verifiers[which].verify(question, sentences, given)
            spent[which].append(1000 * (time.perf_counter() - start))
    for which, name in enumerate(("judged one by one", "and weighed together")[: len(verifiers)]):
        took = sorted(spent[which])
        print(
            f"{len(took)} drafts of {SENTENCES} sentences, {PASSAGES} passages, {name}: median {took[len(took) // 2]:.1f} ms, "
            f"95th percentile {took[int(0.95 * len(took))]:.1f} ms"
        )
    if options.whole:
        one, other = (float(np.median(found)) for found in spent)
        print(f"weighing them together: {other / one:.2f} times as long")


if __name__ == "__main__":
    main()
