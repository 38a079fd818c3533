import re
from datetime import date

import numpy as np

from knowledge.health.page import render
from knowledge.health.report import Finding, HealthReport, Kind, LinkHost, Place, Severity, ordered
from knowledge.health.shelf import QUOTE, make_shelf
from knowledge.health.unused import never_found
from knowledge.types import Audience, DocumentId, PassageId
from knowledge.usage import UsageSince
from tests.shelves import article

HOSTILE = "<script>alert('x')</script> \"&\"></a>"
TODAY = date(2026, 6, 1)
LONG_AGO = date(2026, 1, 1)
VECTOR = np.zeros(2, dtype=np.float32)


def report(*findings: Finding) -> HealthReport:
    return HealthReport("2026-06-01T10:00:00+00:00", 3, 9, ordered(findings), (HOSTILE,), (LinkHost("<b>.example", 2),))


def finding(kind: Kind, severity: Severity, url: str | None = None) -> Finding:
    place = Place(DocumentId(HOSTILE), HOSTILE, Audience.INTERNAL, "javascript:alert(1)", url, HOSTILE, HOSTILE)
    return Finding(kind, severity, HOSTILE, HOSTILE, (place,) * 7)


def test_the_page_shows_other_peoples_text_as_text() -> None:
    page = render(report(finding(Kind.LINK, Severity.LOW, "javascript:alert(2)"), finding(Kind.SHAPE, Severity.HIGH)))
    assert "<script" not in page
    assert "<b>.example" not in page
    assert re.findall(r'href="([^"]*)"', page) == ["#link", "#shape"]
    assert "&lt;script&gt;alert(&#39;x&#39;)" in page
    assert "2 things to look at" in page


def test_the_page_needs_nothing_from_outside() -> None:
    page = render(report(finding(Kind.LINK, Severity.LOW, "https://help.example.com/a?b=1&c=2")))
    assert 'href="https://help.example.com/a?b=1&amp;c=2"' in page
    assert "default-src 'none'" in page
    assert not any(word in page for word in ("src=", "@import", "url(", "<link", "<img"))


def test_what_differs_in_a_contradiction_is_marked() -> None:
    said = ("The <fee> is €12 per night.", "The <fee> is €15 per night, at most.")
    places = tuple(Place(DocumentId(text), "Fees", Audience.PUBLIC, "fees.md", quote=text) for text in said)
    page = render(report(Finding(Kind.CONTRADICTION, Severity.HIGH, "seen", "action", places)))
    assert "The &lt;fee&gt; is <mark>€12</mark> per night." in page
    assert "The &lt;fee&gt; is <mark>€15</mark> per night, at most." in page


def test_an_empty_report_says_so() -> None:
    assert "Nothing to look at" in render(report())


def test_findings_stand_by_kind_and_the_worst_first() -> None:
    rows = report(finding(Kind.SHAPE, Severity.LOW), finding(Kind.LINK, Severity.LOW), finding(Kind.LINK, Severity.HIGH))
    assert [(kind, [f.severity for f in found]) for kind, found in rows.groups()] == [
        (Kind.LINK, [Severity.HIGH, Severity.LOW]),
        (Kind.SHAPE, [Severity.LOW]),
    ]
    assert rows.count(Severity.LOW) == 2


def test_of_two_versions_the_whole_one_is_looked_at_and_long_quotes_are_cut() -> None:
    old, new = article("a", "Old text."), article("a", "## One\n\n" + "New text. " * 40 + "\n\n## Two\n\n" + "More words. " * 40)
    found = make_shelf([(p, VECTOR) for p in (*old.passages, *reversed(new.passages))], {new.doc_id: "/docs/a.md"})
    (kept,) = found.articles
    assert [p.ordinal for p in kept.passages] == list(range(len(new.passages)))
    assert (kept.source, found.vectors.shape) == ("/docs/a.md", (len(new.passages), 2))
    assert len(kept.place(kept.passages[0], kept.passages[0].text).quote) <= QUOTE


def test_without_a_record_nothing_is_called_unused() -> None:
    assert never_found([article("a", "T.")], UsageSince(None, 0, {}), TODAY, 90) == (
        [],
        "No search has been recorded yet, so nothing can be said about what is never found.",
    )


def test_too_few_searches_or_days_say_so_instead() -> None:
    articles = [article("a", "T."), article("b", "T.")]
    for usage in (UsageSince(LONG_AGO, 5, {}), UsageSince(date(2026, 5, 30), 500, {})):
        findings, note = never_found(articles, usage, TODAY, 90)
        assert findings == []
        assert f"{usage.searches} searches" in note


def test_what_no_search_returned_is_found_but_not_what_is_new() -> None:
    articles = [article("a", "T."), article("b", "T."), article("new", "T.", updated="2026-05-20")]
    usage = UsageSince(LONG_AGO, 100, {PassageId("a:0123456789abcdef:0"): 3})
    (found,), note = never_found(articles, usage, TODAY, 90)
    assert ([place.doc_id for place in found.places], note) == (["b"], "")


def test_passages_are_looked_at_one_by_one_only_once_this_version_was_found_often() -> None:
    text = "\n\n".join(f"## Part {n}\n\n" + "Many words about it. " * 10 for n in range(3))
    one = article("a", text)
    often = UsageSince(LONG_AGO, 100, {one.passages[0].passage_id: 20})
    (found,), _ = never_found([one], often, TODAY, 90)
    assert [place.heading for place in found.places] == ["Part 1", "Part 2"]
    before_the_edit = UsageSince(LONG_AGO, 100, {PassageId("a:older:0"): 500})
    assert never_found([one], before_the_edit, TODAY, 90) == ([], "")
