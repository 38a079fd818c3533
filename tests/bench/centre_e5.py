"""Measure the means of `knowledge.embed_both`: `python -m tests.bench.centre_e5 FOLDER_OF_A_SET… [--write]`.

Each data set counts the same, whatever its size: its first passages, and the last turn of its first queries. It takes
some minutes. The file that ships was made of stackfaq, covidfaq, mtrag_un, dstc11_travel and tau_banking, none of which
has a question in another language.
"""

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np

from knowledge import chunk, embed_both
from knowledge.embed import passage_text
from knowledge.embed_e5 import E5Embedder
from knowledge.evaluation.run import turns
from knowledge.measure import Dataset, load_dataset
from knowledge.types import Audience, Document, DocumentId, Vectors

TARGET = Path("knowledge") / embed_both.CENTRE
PASSAGES = 400
QUERIES = 200
DECIMALS = 4


def means(embedder: E5Embedder, data: Dataset) -> tuple[Vectors, Vectors]:
    documents = (
        Document(DocumentId(d.doc_id), d.title, d.text, Audience.PUBLIC, source=data.name)
        for d in data.documents
        if d.text.strip()
    )
    passages = islice((passage for document in documents for passage in chunk.split(document)), PASSAGES)
    last_turns = [turns(text)[-1] for text in islice(data.queries.values(), QUERIES)]
    return embedder.embed([passage_text(p) for p in passages]).mean(axis=0), embedder.embed_queries(last_turns).mean(axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the mean vectors of multilingual-e5-small.")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET}")
    arguments = parser.parse_args()
    embedder = E5Embedder()
    found = [means(embedder, load_dataset(folder)) for folder in arguments.folders]
    for which, rows in zip(("passages", "queries"), zip(*found, strict=True), strict=True):
        mean = np.mean(rows, axis=0)
        shipped = np.array(json.loads(TARGET.read_text(encoding="utf-8"))[which])
        near = float(mean @ shipped / np.linalg.norm(mean) / np.linalg.norm(shipped))
        print(f"{which}: length {np.linalg.norm(mean):.3f}, cosine with the one that ships {near:.4f}")
    if arguments.write:
        lines = [
            f'  "{which}": {json.dumps([round(float(x), DECIMALS) for x in np.mean(rows, axis=0)])}'
            for which, rows in zip(("passages", "queries"), zip(*found, strict=True), strict=True)
        ]
        TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
