"""The word index (BM25) in tantivy, beside Chroma and always rebuildable from it. The only importer of tantivy.

One process writes at a time, under a lock; any number read. `current.json` names the folder in use
and the generation of Chroma that it mirrors, and is replaced in one step: a crash between leaves an
old generation, which means "build me again".
"""

import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import titles
from knowledge.embed import passage_text
from knowledge.errors import IndexUnavailable
from knowledge.partitions import Partition
from knowledge.types import Passage, PassageId

if TYPE_CHECKING:
    import tantivy

SCHEMA = "4"
"""Raise it when fields or analysis change: word indexes are then built again."""
MAX_TERMS = 100
"""A customer's letter has many words; the rarest say what it is about, and each term costs time."""
NAMED = 2.0
"""How much a named term in a title counts beside the words, when passages about what was named are gathered."""
_HEAP_BYTES = 50_000_000
Placed = tuple[Partition, Passage]
"""A passage with where it is in Chroma."""


@dataclass(frozen=True, slots=True)
class Match:
    """How a passage matches, by its words and by its title.

    Attributes:
        words: BM25 of each text that was searched with (0 and up).
        title: BM25 of the title alone, and the first of those texts (0 and up).
        named: the share of the title that was named before (0 to 1).
    """

    words: tuple[float, ...] = ()
    title: float = 0.0
    named: float = 0.0


class LexicalIndex:
    """Words to passages. Safe to share between threads, and between processes that open the same folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._lock = threading.RLock()
        self._pointer: tuple[str, str] | None = None
        self._index: tantivy.Index | None = None

    def generation(self) -> str | None:
        """The generation of Chroma that this index mirrors; None if there is no usable index."""
        with self._lock:
            return self._pointer[1] if self._refresh() and self._pointer else None

    def search(
        self, text: str, named: Mapping[str, float], partitions: Sequence[Partition], k: int
    ) -> list[tuple[PassageId, Partition]]:
        """Passages that have the words of a text, and such whose title has what was named, with where they are.

        Args:
            text: words, never query syntax.
            named: terms that were named before, with how much each counts (see `titles.named_in`).
            partitions: only these are looked at.
            k: most passages for the words, and again for the names.
        """
        with self._lock, self._translated("search"):
            if not self._refresh() or self._index is None or not partitions:
                return []
            searcher = self._index.searcher()
            words = self._words(text, searcher)
            queries = [query for query in (words, self._about(words, named, searcher)) if query is not None]
            homes = {partition.name: partition for partition in partitions}
            found = [row for query in queries for row in _rows(searcher, self._only("partition", homes, query), k)]
            return list(dict.fromkeys((PassageId(doc["passage_id"][0]), homes[doc["partition"][0]]) for _, doc in found))

    def matches(
        self, texts: Sequence[str], title: str, named: Mapping[str, float], ids: Sequence[PassageId]
    ) -> dict[PassageId, Match]:
        """How well those of the passages that the index has match.

        Args:
            texts: each is matched with all of a passage.
            title: is matched with its title.
            named: terms that were named before, with how much each counts (see `titles.named_in`).
            ids: the passages.
        """
        with self._lock, self._translated("search"):
            if not self._refresh() or self._index is None or not ids:
                return {}
            searcher = self._index.searcher()
            # Read once: that costs more than to score them.
            known = self._known(searcher, ids)
            words = [self._scores(searcher, known, self._words(text, searcher)) for text in texts]
            by_title = self._scores(searcher, known, self._words(title, searcher, "title"))
            count = cache(lambda term: searcher.doc_freq("title", term))
            share = cache(lambda of: titles.share(of, named, count, searcher.num_docs))
            return {
                i: Match(tuple(of.get(i, 0.0) for of in words), by_title.get(i, 0.0), share(of_title))
                for i, of_title in known.values()
            }

    def apply(self, added: Iterable[Placed], removed: Sequence[PassageId], generation: str) -> None:
        """Bring the index from the generation it mirrors to the next one. Call it under the sync lock."""
        with self._lock, self._translated("write"):
            if not self._refresh() or self._index is None or self._pointer is None:
                raise IndexUnavailable(f"there is no word index at {self._folder} to add to; build it first")
            writer = self._index.writer(heap_size=_HEAP_BYTES, num_threads=1)
            for passage_id in removed:
                writer.delete_documents_by_term("passage_id", passage_id)
            _add(writer, added, self._index.schema)
            writer.commit()
            writer.wait_merging_threads()
            self._point_to(self._pointer[0], generation)

    def rebuild(self, passages: Iterable[Placed], generation: str) -> None:
        """Build a new index and put it in place of the old one in one step. Call it under the sync lock."""
        import tantivy

        with self._lock, self._translated("write"):
            name = uuid.uuid4().hex[:12]
            (self._folder / name).mkdir(parents=True)
            index = tantivy.Index(_schema(), path=str(self._folder / name))
            _register(index)
            writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
            _add(writer, passages, index.schema)
            writer.commit()
            writer.wait_merging_threads()
            self._point_to(name, generation)
            for other in self._folder.iterdir():
                if other.is_dir() and other.name != name:
                    shutil.rmtree(other, ignore_errors=True)

    def close(self) -> None:
        """Release the files; the next use opens again."""
        with self._lock:
            self._index, self._pointer = None, None

    def _refresh(self) -> bool:
        """Follow what another process committed. False if there is no usable index."""
        pointer = self._read_pointer()
        if pointer is None:
            self._index, self._pointer = None, None
            return False
        if pointer == self._pointer and self._index is not None:
            return True
        try:
            if self._index is None or self._pointer is None or pointer[0] != self._pointer[0]:
                self._index = self._open(pointer[0])
            self._index.reload()
        except (ValueError, OSError):
            # A damaged folder is as good as none: it is built again from Chroma.
            self._index, self._pointer = None, None
            return False
        self._pointer = pointer
        return True

    def _open(self, name: str) -> "tantivy.Index":
        import tantivy

        index = tantivy.Index.open(str(self._folder / name))
        _register(index)
        index.config_reader(reload_policy="manual")
        return index

    def _read_pointer(self) -> tuple[str, str] | None:
        try:
            found = json.loads((self._folder / "current.json").read_bytes())
            if found["schema"] != SCHEMA:
                return None
            return str(found["folder"]), str(found["generation"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _point_to(self, name: str, generation: str) -> None:
        draft = self._folder / f"current.{os.getpid()}.tmp"
        draft.write_text(json.dumps({"folder": name, "generation": generation, "schema": SCHEMA}))
        draft.replace(self._folder / "current.json")

    def _known(self, searcher: "tantivy.Searcher", ids: Sequence[PassageId]) -> dict[tuple[int, int], tuple[PassageId, str]]:
        """Id and title of those of the passages that are there, by their place in the index."""
        # Twice as many: a killed sync can leave a passage in two partitions.
        hits = searcher.search(self._only("passage_id", ids, None), limit=2 * len(ids), count=False).hits
        docs = {(address.segment_ord, address.doc): searcher.doc(address).to_dict() for _, address in hits}
        return {place: (PassageId(doc["passage_id"][0]), doc["title"][0]) for place, doc in docs.items()}

    def _scores(
        self,
        searcher: "tantivy.Searcher",
        known: Mapping[tuple[int, int], tuple[PassageId, str]],
        query: "tantivy.Query | None",
    ) -> dict[PassageId, float]:
        """BM25 of those of the known passages that match."""
        if query is None or not known:
            return {}
        ids = {i for i, _ in known.values()}
        hits = searcher.search(self._only("passage_id", ids, query), limit=len(known), count=False).hits
        return {known[address.segment_ord, address.doc][0]: float(score) for score, address in hits}

    def _words(self, text: str, searcher: "tantivy.Searcher", field: str = "words") -> "tantivy.Query | None":
        terms = list(dict.fromkeys(titles.terms(text)))
        if len(terms) > MAX_TERMS:
            terms = sorted(terms, key=lambda term: searcher.doc_freq(field, term) or 1 << 30)[:MAX_TERMS]
        return self._any({(field, term): 1.0 for term in terms})

    def _about(
        self, words: "tantivy.Query | None", named: Mapping[str, float], searcher: "tantivy.Searcher"
    ) -> "tantivy.Query | None":
        """Titles with what was named, those first that have the words, too."""
        import tantivy

        known = {term: weight for term, weight in named.items() if searcher.doc_freq("title", term)}
        rarest = sorted(known, key=lambda term: searcher.doc_freq("title", term))[:MAX_TERMS]
        about = self._any({("title", term): NAMED * known[term] for term in rarest})
        if about is None or words is None:
            return about
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, about), (tantivy.Occur.Should, words)])

    def _any(self, terms: Mapping[tuple[str, str], float]) -> "tantivy.Query | None":
        import tantivy

        assert self._index is not None
        found = [
            (tantivy.Occur.Should, tantivy.Query.boost_query(tantivy.Query.term_query(self._index.schema, field, term), boost))
            for (field, term), boost in terms.items()
        ]
        return tantivy.Query.boolean_query(found) if found else None

    def _only(self, field: str, values: Iterable[str], query: "tantivy.Query | None") -> "tantivy.Query":
        """Restrict a query to some values of a field, which count nothing themselves."""
        import tantivy

        assert self._index is not None
        # Not a term set: that walks the whole dictionary, which for 250 ids among 20,000 takes twice as long.
        terms = [tantivy.Query.term_query(self._index.schema, field, value) for value in values]
        allowed = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
        clauses = [(tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0))]
        if query is not None:
            clauses.append((tantivy.Occur.Must, query))
        return tantivy.Query.boolean_query(clauses)

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError, RuntimeError) as error:
            raise IndexUnavailable(f"the word index at {self._folder} can't {action}: {error}. Is the disk full?") from error


def _schema() -> "tantivy.Schema":
    import tantivy

    builder = tantivy.SchemaBuilder()
    for name in ("passage_id", "partition"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("title", "words"):
        builder.add_text_field(name, stored=name == "title", tokenizer_name="words", index_option="freq")
    return builder.build()


def _register(index: "tantivy.Index") -> None:
    index.register_tokenizer("words", titles.analyzer())


def _add(writer: "tantivy.IndexWriter", passages: Iterable[Placed], schema: "tantivy.Schema") -> None:
    import tantivy

    for partition, passage in passages:
        doc = tantivy.Document()
        doc.add_text("passage_id", passage.passage_id)
        doc.add_text("partition", partition.name)
        doc.add_text("title", passage.title)
        # One field of it all: BM25 of several fields added up ranks worse, each with its own lengths and rare words.
        doc.add_text("words", passage_text(passage))
        writer.add_document(doc)


def _rows(searcher: "tantivy.Searcher", query: "tantivy.Query", k: int) -> list[tuple[float, dict[str, list[Any]]]]:
    found = searcher.search(query, limit=k, count=False).hits
    return [(float(score), searcher.doc(address).to_dict()) for score, address in found]
