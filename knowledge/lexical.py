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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import IndexUnavailable
from knowledge.types import Audience, Passage, PassageId

if TYPE_CHECKING:
    import tantivy

SCHEMA = "1"
"""Raise it when fields or analysis change: word indexes are then built again."""
BOOSTS = {"title": 1.5, "headings": 1.2, "text": 1.0}
MAX_TERMS = 100
"""A customer's letter has many words; the rarest say what it is about, and each term costs time."""
_HEAP_BYTES = 50_000_000


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

    def search(self, text: str, audiences: frozenset[Audience], k: int) -> list[tuple[PassageId, Audience, float]]:
        """Passages with their audience and BM25 score, best first. The text is words, never query syntax."""
        import tantivy

        with self._lock, self._translated("search"):
            if not self._refresh() or self._index is None:
                return []
            searcher = self._index.searcher()
            query = self._query(text, audiences, searcher, self._index.schema)
            if query is None:
                return []
            hits: list[tuple[PassageId, Audience, float]] = []
            for score, address in searcher.search(query, limit=k, count=False).hits:
                doc: tantivy.Document = searcher.doc(address)
                hits.append((PassageId(doc.get_first("passage_id")), Audience(doc.get_first("audience")), float(score)))  # type: ignore[arg-type]
            return hits

    def apply(self, added: Iterable[Passage], removed: Sequence[PassageId], generation: str) -> None:
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

    def rebuild(self, passages: Iterable[Passage], generation: str) -> None:
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

    def _query(
        self, text: str, audiences: frozenset[Audience], searcher: "tantivy.Searcher", schema: "tantivy.Schema"
    ) -> "tantivy.Query | None":
        import tantivy

        terms = list(dict.fromkeys(_analyzer().analyze(text.encode("utf-8", "replace").decode())))
        if len(terms) > MAX_TERMS:
            terms = sorted(terms, key=lambda term: searcher.doc_freq("text", term) or 1 << 30)[:MAX_TERMS]
        if not terms or not audiences:
            return None
        words = [
            (tantivy.Occur.Should, tantivy.Query.boost_query(tantivy.Query.term_query(schema, field, term), boost))
            for term in terms
            for field, boost in BOOSTS.items()
        ]
        allowed = tantivy.Query.term_set_query(schema, "audience", [audience.value for audience in audiences])
        return tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0)),
                (tantivy.Occur.Must, tantivy.Query.boolean_query(words)),
            ]
        )

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, OSError, RuntimeError) as error:
            raise IndexUnavailable(f"the word index at {self._folder} can't {action}: {error}. Is the disk full?") from error


def _schema() -> "tantivy.Schema":
    import tantivy

    builder = tantivy.SchemaBuilder()
    for name in ("passage_id", "audience"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in BOOSTS:
        builder.add_text_field(name, tokenizer_name="words", index_option="freq")
    return builder.build()


def _analyzer() -> "tantivy.TextAnalyzer":
    import tantivy

    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def _register(index: "tantivy.Index") -> None:
    index.register_tokenizer("words", _analyzer())


def _add(writer: "tantivy.IndexWriter", passages: Iterable[Passage], schema: "tantivy.Schema") -> None:
    import tantivy

    for passage in passages:
        doc = tantivy.Document()
        doc.add_text("passage_id", passage.passage_id)
        doc.add_text("audience", passage.audience.value)
        doc.add_text("title", passage.title)
        doc.add_text("headings", "\n".join(passage.heading_path))
        doc.add_text("text", passage.text)
        writer.add_document(doc)
