"""What a look at the knowledge base found: frozen values, the same for terminal, JSON and page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from knowledge.types import Audience, DocumentId, PassageId


class Severity(StrEnum):
    """How much a finding matters. In the order of declaration, the worst first."""

    HIGH = "high"
    """Customers may be told something wrong, or see what is not for them."""
    MEDIUM = "medium"
    """Likely wrong or outdated; somebody should look."""
    LOW = "low"
    """Would be better otherwise."""


class Kind(StrEnum):
    """What a finding is about. In the order in which a report shows them."""

    CONTRADICTION = "contradiction"
    AUDIENCE = "audience"
    LINK = "link"
    EXPIRED = "expired"
    STALE = "stale"
    DUPLICATE = "duplicate"
    UNUSED = "unused"
    LANGUAGE = "language"
    SHAPE = "shape"


HEADINGS = {
    Kind.CONTRADICTION: "Articles that contradict each other",
    Kind.AUDIENCE: "Articles that may have the wrong audience",
    Kind.LINK: "Broken links",
    Kind.EXPIRED: "Past dates spoken of as to come",
    Kind.STALE: "Articles not updated for long",
    Kind.DUPLICATE: "Articles that nearly say the same",
    Kind.UNUSED: "Never found by a search",
    Kind.LANGUAGE: "Missing in a language",
    Kind.SHAPE: "Length, headings and titles",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was seen: a document, and if it is about a part of it, its heading and a quote.

    `heading` and `quote` are empty for a whole document. `quote` is the text as it stands there, possibly cut.
    """

    doc_id: DocumentId
    title: str
    audience: Audience
    source: str
    url: str | None = None
    heading: str = ""
    quote: str = ""
    passage_id: PassageId | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: what was seen, where, and what to do."""

    kind: Kind
    severity: Severity
    seen: str
    action: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class LinkHost:
    """A host that articles link to and that was not asked, since nothing leaves."""

    host: str
    links: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All that was found.

    Attributes:
        made: when, ISO 8601 in UTC.
        documents: how many were looked at.
        passages: how many were looked at.
        findings: by kind, then the worst first.
        notes: what could not be looked at, and why.
        hosts: external links that were not checked, by host, the most linked first.
    """

    made: str
    documents: int
    passages: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    hosts: tuple[LinkHost, ...] = ()

    def groups(self) -> Iterator[tuple[Kind, tuple[Finding, ...]]]:
        """Findings by kind, without empty ones."""
        for kind in Kind:
            if found := tuple(finding for finding in self.findings if finding.kind is kind):
                yield kind, found

    def count(self, severity: Severity) -> int:
        """Findings of one severity."""
        return sum(finding.severity is severity for finding in self.findings)


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """By kind, then severity, then as they came."""
    kinds, severities = list(Kind), list(Severity)
    return tuple(sorted(findings, key=lambda f: (kinds.index(f.kind), severities.index(f.severity))))


def plural(count: int, one: str, many: str = "") -> str:
    """`1 thing`, `2 things`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
