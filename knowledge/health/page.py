"""The report as one HTML page that needs nothing else: no script, no outside resource, all text escaped."""

import re
from datetime import datetime
from difflib import SequenceMatcher

from markupsafe import Markup, escape

from knowledge.health.report import HEADINGS, Finding, HealthReport, Kind, Place, Severity, plural
from knowledge.pages import page_environment

_WORDS = re.compile(r"[^\s]*[\w%]+|\W")


def render(report: HealthReport) -> str:
    """The page. It asks for nothing from anywhere, and says so to the browser by its content security policy."""
    environment = page_environment("knowledge.health")
    environment.filters["link"] = link
    environment.filters["quotes"] = quotes
    environment.filters["plural"] = plural
    environment.filters["day"] = lambda made: f"{datetime.fromisoformat(made):%Y-%m-%d %H:%M %Z}"
    return environment.get_template("page.html").render(
        report=report, headings=HEADINGS, Severity=Severity, Kind=Kind, worst=worst
    )


def link(place: Place) -> str:
    """The address of a document if a browser may follow it: http and https, never `javascript:`."""
    for address in (place.url, place.source):
        if address and address.lower().startswith(("http://", "https://")):
            return address
    return ""


def quotes(finding: Finding) -> list[tuple[Place, Markup]]:
    """Its places, each with its quote as HTML. In a contradiction of two, the words that differ are marked."""
    if finding.kind is not Kind.CONTRADICTION or len(finding.places) != 2:
        return [(place, escape(place.quote)) for place in finding.places]
    one, other = (_WORDS.findall(place.quote) for place in finding.places)
    steps = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    marked = (
        Markup().join(_marked(one[i:j], tag) for tag, i, j, _, _ in steps),
        Markup().join(_marked(other[i:j], tag) for tag, _, _, i, j in steps),
    )
    return list(zip(finding.places, marked, strict=True))


def _marked(words: list[str], tag: str) -> Markup:
    text = "".join(words)
    # Only what stands in another's place: what one article says besides doesn't contradict.
    return Markup("<mark>{}</mark>").format(text) if tag == "replace" and text.strip() else escape(text)


def worst(findings: tuple[Finding, ...]) -> Severity:
    """The worst severity among them, at least one."""
    return next(severity for severity in Severity if any(finding.severity is severity for finding in findings))
