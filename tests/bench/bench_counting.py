"""False alarms of the rules that count, on public messages: `python -m tests.bench.bench_counting FOLDER`.

Single messages that are of the kind of the pack's `anger`, and messages in conversations that ask the same as one before.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agent.graph.examples import embed_examples, likeness
from knowledge.embed import SentenceTransformerEmbedder
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.repeats import asked_before
from policies.types import Facts

RULE = "anger"
ALONE = {
    "banking77": ("banking77/test.jsonl",),
    "clinc150": ("clinc150/data.jsonl",),
    "hint3": tuple(f"hint3/{bot}.train.jsonl" for bot in ("curekart", "powerplay11", "sofmattress")),
}
TALKS = ("dstc11_travel", "mtrag_un")
SAYS = "Customer: "
EVERY = 4
"""Of clinc150's messages every fourth is read."""


def rows(path: Path) -> list[Mapping[str, str]]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def talks(path: Path) -> Iterator[list[str]]:
    """What the customer says in each conversation."""
    for row in rows(path):
        yield [line.removeprefix(SAYS) for line in row["text"].split("\n") if line.startswith(SAYS)]


def cross(texts: Sequence[str]) -> list[str]:
    """Those that are of the kind of the rule."""
    engine, embedder = PolicyEngine(load_pack(default_folder())), SentenceTransformerEmbedder()
    examples = {key: own for key, own in engine.examples().items() if key.partition("/")[0] == RULE}
    table = embed_examples(embedder, examples)
    facts = (Facts(text, "en", first_message=False, similarity=likeness(embedder, table, text)) for text in texts)
    return [one.text for one in facts if RULE in {trigger.id for trigger in engine.waiting(one)}]


def main(data: Path) -> None:
    """Print a line for each set."""
    alone = {name: [row["text"] for file in files for row in rows(data / file)] for name, files in ALONE.items()}
    alone["clinc150"] = [row["text"] for row in rows(data / "clinc150/data.jsonl") if row["split"] != "test"][::EVERY]
    alone |= {name: [text for said in talks(data / name / "queries.jsonl") for text in said] for name in TALKS}
    for name, texts in alone.items():
        found = cross(texts)
        print(f"{name}: {len(found)} of {len(texts)} messages are of the kind of {RULE} ({len(found) / len(texts):.2%})")
    for name in TALKS:
        said = list(talks(data / name / "queries.jsonl"))
        again = sum(bool(asked_before(text, one[:at])) for one in said for at, text in enumerate(one) if at)
        print(f"{name}: {again} of {sum(len(one) - 1 for one in said)} later messages in {len(said)} conversations ask the same")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help=f"a folder with {', '.join([*ALONE, *TALKS])}")
    given = parser.parse_args().data
    if missing := [name for name in (*ALONE, *TALKS) if not (given / name).is_dir()]:
        parser.error(f"{given} has no {', '.join(missing)}")
    main(given)
