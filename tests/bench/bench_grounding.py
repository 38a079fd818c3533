"""What the built-in verifier costs: `python -m tests.bench.bench_grounding [--second-look]`.

Five sentences of replies against five passages of the sample help centre, each passage and sentence new to the process:
nothing is in the embedder's memory, as at the first question about an article. Prints milliseconds; asserts nothing.
"""

import argparse
import random
import time

from agent.grounding.verifier import BuiltInVerifier
from knowledge.embed import SentenceTransformerEmbedder
from knowledge.pair_reader import PairReader
from knowledge.types import Passage
from tests.bench.grounding import rows

SENTENCES = PASSAGES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--second-look", action="store_true")
    options = parser.parse_args()
    dice = random.Random(3)
    embedder = SentenceTransformerEmbedder()
    verifier = BuiltInVerifier(embedder, reader=PairReader() if options.second_look else None)
    centre = rows.help_centre()
    passages = [passage for found in centre.values() for passage in found]
    by_text: dict[str, list[Passage]] = {}
    said = []
    for reply in rows.lines(rows.SAMPLES / "replies.jsonl"):
        for sentence in rows.claims(reply["reply"]):
            by_text[sentence] = [p for doc_id in reply["doc_ids"] for p in centre[doc_id]]
            said.append(sentence)
    dice.shuffle(said)
    verifier.verify("warm up", said[:2], passages[:1])
    spent = []
    for at in range(1, len(said) - SENTENCES, SENTENCES):
        sentences = said[at : at + SENTENCES]
        given = [by_text[sentence][0] for sentence in sentences][:PASSAGES]
        question = f"What about {at}?"
        embedder.embed([question])  # a turn has searched with it before
        start = time.perf_counter()
        verifier.verify(question, sentences, given)
        spent.append(1000 * (time.perf_counter() - start))
    spent.sort()
    print(
        f"{len(spent)} drafts of {SENTENCES} sentences, {PASSAGES} passages: median {spent[len(spent) // 2]:.1f} ms, "
        f"95th percentile {spent[int(0.95 * len(spent))]:.1f} ms"
    )


if __name__ == "__main__":
    main()
