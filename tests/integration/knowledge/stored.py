"""All that a data folder holds, read past the program: rows of Chroma, documents of the word index."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

from knowledge import chroma, titles

TOLERANCE = 1e-4
Row = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Stored:
    """By collection and id: columns and vector; the ids of the word index, all and by word."""

    rows: dict[tuple[str, str], Row]
    vectors: dict[tuple[str, str], Any]
    words: dict[str, list[str]]


def stored_in(data: Path, words: tuple[str, ...]) -> Stored:
    """What a folder holds that no process is writing. `words` are looked for in the texts."""
    rows: dict[tuple[str, str], Row] = {}
    vectors: dict[tuple[str, str], Any] = {}
    system, api = chroma.start(data / "chroma", None)
    try:
        for collection in api.list_collections():
            found = api._get(collection.id, include=["metadatas", "embeddings"])  # type: ignore[attr-defined]
            for n, row_id in enumerate(found["ids"]):
                rows[collection.name, row_id] = found["metadatas"][n]
                vectors[collection.name, row_id] = np.asarray(found["embeddings"][n], np.float32)
    finally:
        chroma.stop(system)
    return Stored(rows, vectors, _words_in(data / "lexical", words))


def assert_same(one: Stored, other: Stored) -> None:
    assert one.rows == other.rows
    assert one.words == other.words
    for key, vector in one.vectors.items():
        assert np.abs(vector - other.vectors[key]).max() < TOLERANCE, key


def _words_in(folder: Path, words: tuple[str, ...]) -> dict[str, list[str]]:
    pointer = json.loads((folder / "current.json").read_bytes())
    index = tantivy.Index.open(str(folder / pointer["folder"]))
    index.register_tokenizer("words", titles.analyzer())
    searcher = index.searcher()
    queries = {"": tantivy.Query.all_query()}
    queries |= {word: tantivy.Query.term_query(index.schema, "words", titles.terms(word)[0]) for word in words}
    return {word: _ids(searcher, query) for word, query in queries.items()}


def _ids(searcher: tantivy.Searcher, query: tantivy.Query) -> list[str]:
    hits = searcher.search(query, limit=100_000).hits
    return sorted(searcher.doc(address).to_dict()["passage_id"][0] for _, address in hits)
