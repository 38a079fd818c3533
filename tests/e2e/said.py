"""What a customer may be told, read from the policy pack and the help centre's files alone.

On purpose it shares nothing with the code that it judges: no passages, no check of claims, no rules but these. A piece of
a reply is approved text, or whole sentences of one public article under that article's heading, or a sentence that the
test knows to be true.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from policies.load import default_folder, load_pack
from tests.e2e.product import ROOT

HELP_CENTRE = ROOT / "knowledge" / "samples" / "help_centre"

_ITEM = re.compile(r"^\s*([-*+•]|\d+[.)])\s+")
_RULE = re.compile(r"^[\s|:-]*$")
_NUMBER = re.compile(r"\s*\[\d{1,2}\]")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_ENDS = re.compile(r"[.!?:]$")


@dataclass(frozen=True)
class Article:
    """A public article: its lines as a reader sees them, by the heading that they stand under ("" before the first)."""

    doc_id: str
    title: str
    sections: Mapping[str, tuple[str, ...]]

    def says(self, line: str, heading: str) -> bool:
        """True if the line is whole sentences of that section, one after the other."""
        said = plain(line)
        return any(said in own and _is_span(said, own) for own in self.sections.get(heading, ()))

    def says_somewhere(self, line: str) -> bool:
        return any(self.says(line, heading) for heading in self.sections) or plain(line) in self.rows

    @cached_property
    def rows(self) -> set[str]:
        """Rows of tables as they are quoted in a citation: `Column: value; Column: value`."""
        found = set()
        for lines in self.sections.values():
            head: list[str] = []
            for line in lines:
                cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
                head = head if cells and head else cells
                found.add("; ".join(f"{h}: {v}" if h else v for h, v in zip(head, cells, strict=False) if v))
        return found


@cache
def articles() -> Mapping[str, Article]:
    """The public articles of the sample help centre, by id."""
    found = {}
    for path in sorted(HELP_CENTRE.rglob("*.md")):
        _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
        facts = dict(re.findall(r"^(\w+): *(.+)$", front, re.MULTILINE))
        if facts["audience"] == "public":
            found[facts["id"]] = Article(facts["id"], facts["title"], _sections(text))
    return found


@cache
def approved() -> frozenset[str]:
    """Every text of the policy pack, in every language."""
    pack = load_pack(default_folder())
    texts = [*pack.disclosure.text.values(), *(text for one in pack.escalation.texts.values() for text in one.values())]
    return frozenset(text.replace("{company}", pack.policy.company) for text in texts)


def unsupported(reply: str, true: Sequence[str]) -> list[str]:
    """The pieces of a reply that nothing supports."""
    title = heading = ""
    found = []
    for paragraph in reply.split("\n\n"):
        if paragraph in approved():
            continue
        for line in paragraph.split("\n"):
            if bold := _BOLD.fullmatch(line.strip()):
                title, heading = _place(bold[1], title)
                continue
            pieces = [piece.strip() for piece in _NUMBER.split(line)]
            found += [p for p in pieces if p and not _RULE.match(p) and not _is_supported(p, title, heading, true)]
    return found


def unsupported_citations(citations: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of the citations' quotes that their articles don't have."""
    found = []
    for citation in citations:
        article = articles().get(citation["doc_id"])
        if article is None or article.title != citation["title"]:
            found.append(f"no public article: {citation['doc_id']}")
            continue
        lines = [line for part in citation["quote"].split(" … ") for line in part.split("\n")]
        found += [line for line in lines if plain(line) and not _BOLD.fullmatch(line) and not article.says_somewhere(line)]
    return found


def plain(text: str) -> str:
    """A line without white space and Markdown marks that don't matter."""
    if _RULE.match(text):
        return ""
    return re.sub(r"\s+", " ", _ITEM.sub("", text).replace("*", "").replace("`", "")).strip()


def occurs(what: str, text: str) -> bool:
    """True if it stands in a text, and not only as a part of a longer word or number."""
    return bool(re.search(rf"(?<![\w.,]){re.escape(what)}(?![\w]|[.,]\d)", text))


def _sections(text: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {"": []}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
            found[heading] = []
        elif plain(line):
            found[heading].append(plain(line))
    return {name: tuple(lines) for name, lines in found.items()}


def _place(line: str, title: str) -> tuple[str, str]:
    """The article and heading that a bold line names; without an article's title it is a heading of the one before.

    A section may have the name of another article ("Assistance animals"): under its own article it is that section.
    """
    if any(line in article.sections for article in articles().values() if article.title == title):
        return title, line
    for article in articles().values():
        if line == article.title or line.startswith(f"{article.title} – "):
            return article.title, line.removeprefix(article.title).removeprefix(" – ")
    return title, line


def _is_supported(piece: str, title: str, heading: str, true: Sequence[str]) -> bool:
    if plain(piece) in {plain(sentence) for sentence in true}:
        return True
    return any(article.says(piece, heading) for article in articles().values() if article.title == title)


def _is_span(said: str, line: str) -> bool:
    return any(
        (start == 0 or _ENDS.search(line[:start].rstrip())) and (start + len(said) == len(line) or _ENDS.search(said))
        for start in _starts(said, line)
    )


def _starts(said: str, line: str) -> Iterator[int]:
    return (found.start() for found in re.finditer(rf"(?={re.escape(said)})", line)) if said else iter(())
