"""Articles by the thousand for the benches: real sentences of retrieval data sets, put together anew.

Each article has its own title and `SECTIONS` sections under headings of their own. A section takes sentences of several
real passages and is small enough to stay one passage, so that the number of passages is known. Nine of ten articles are
public; the languages are labels alone, whatever the sentences are in. The same arguments give the same articles.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.evaluation.run import turns
from knowledge.measure import Dataset, load_dataset
from knowledge.types import Audience, Document, DocumentId

SECTIONS = 5
LANGUAGES = ("en", "en", "en", "de", "fr", None)
DEFAULT_DATA = Path(__file__).parents[3] / "shared" / "data"
"""Beside the project, as `compare_libraries` has it; `--data` names another place."""
SETS = ("stackfaq", "covidfaq", "mtrag_un", "dstc11_travel", "tau_banking", "xquad_crosslingual")
SMALLEST, LARGEST = 40, 120
"""Words of a section, but for its last sentences; `chunk.GOAL` is 150."""
_END = re.compile(r"(?<=[.!?])\s+")
_MARKUP = re.compile(r"^[#>|*\-\d.\s]+|[|*#`]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """A query of a set: its last turn, and the turns before it."""

    dataset: str
    text: str
    earlier: tuple[str, ...]


def load_sets(folder: Path) -> list[Dataset]:
    """The retrieval sets of a folder that has one folder for each. Ends the program if there is none."""
    sets = [load_dataset(folder / name) for name in SETS if (folder / name / "corpus.jsonl").is_file()]
    if not sets:
        raise SystemExit(f"{folder}: none of {', '.join(SETS)} here; give the folder of the data sets with --data DIR")
    return sets


def questions(sets: Sequence[Dataset], count: int, seed: int = 1) -> list[Question]:
    """So many queries, each text once, drawn from all of them: a large set has a larger share."""
    queries = [(one.name, text) for one in sets for text in one.queries.values()]
    found: dict[str, Question] = {}
    for name, text in random.Random(seed).sample(queries, len(queries)):
        if len(found) == count:
            break
        *earlier, request = turns(text)
        if request:
            found.setdefault(request, Question(name, request, tuple(earlier)))
    return list(found.values())


def articles(sets: Sequence[Dataset], passages: int, root: Path, seed: int = 7) -> Iterator[Document]:
    """Articles with so many passages together, at least."""
    chance = random.Random(seed)
    real = [row for one in sets for row in one.documents]
    pool = [part for part in (_sentences(row.text) for row in real) if part]
    names = [words for row in real if 0 < len(words := row.title.split()) <= 8] or [["Article"]]
    for n in range(-(-passages // SECTIONS)):
        title = f"{' '.join(chance.choice(names))} {n}"
        sections = [f"## {_heading(chance, pool)}\n\n{_section(chance, pool)}" for _ in range(SECTIONS)]
        yield Document(
            doc_id=DocumentId(f"article-{n}"),
            title=title,
            text="\n\n".join(sections),
            audience=Audience.INTERNAL if n % 10 == 9 else Audience.PUBLIC,
            source=str(root / f"article-{n}.md"),
            language=LANGUAGES[n % len(LANGUAGES)],
        )


def _sentences(text: str) -> list[str]:
    plain = " ".join(_MARKUP.sub(" ", text).split())
    return [part for part in _END.split(plain) if 4 <= len(part.split()) <= 40]


def _heading(chance: random.Random, pool: Sequence[Sequence[str]]) -> str:
    return " ".join(chance.choice(chance.choice(pool)).split()[:6]).rstrip(".!?,:;")


def _section(chance: random.Random, pool: Sequence[Sequence[str]]) -> str:
    """Runs of neighbouring sentences of several real passages."""
    wanted = chance.randint(SMALLEST, LARGEST)
    taken: list[str] = []
    while sum(len(part.split()) for part in taken) < wanted:
        passage = chance.choice(pool)
        start = chance.randrange(len(passage))
        taken += passage[start : start + chance.randint(1, 2)]
    return " ".join(taken)
