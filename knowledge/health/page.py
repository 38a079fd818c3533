"""The report as one HTML page that needs nothing else: no script, no outside resource, all text escaped."""

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from knowledge.health.report import HEADINGS, Finding, HealthReport, Kind, Place, Severity, plural


def render(report: HealthReport) -> str:
    """The page. It asks for nothing from anywhere, and says so to the browser by its content security policy."""
    # autoescape=True: titles and quotes are other people's text.
    environment = Environment(
        loader=PackageLoader("knowledge.health", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["link"] = link
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


def worst(findings: tuple[Finding, ...]) -> Severity:
    """The worst severity among them, at least one."""
    return next(severity for severity in Severity if any(finding.severity is severity for finding in findings))
