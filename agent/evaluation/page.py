"""Figures as one HTML page that needs nothing else: no script, no outside resource, all text escaped."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.evaluation.curves import Point
from agent.evaluation.grounding import Checked, Figures

SHOWN = 40
LEFT, TOP, WIDTH, HEIGHT = 34.0, 8.0, 276.0, 150.0
"""Of a plot's field, in units of its picture."""


def render_grounding(name: str, figures: Figures, checked: Sequence[Checked]) -> str:
    """The page of `innkeeper eval grounding`: figures, plots, and the replies that a person should look at first."""
    environment = Environment(
        loader=PackageLoader("agent.evaluation", ""),
        autoescape=True,  # replies and passages are other people's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = sorted(checked, key=_first_to_read)[:SHOWN]
    return environment.get_template("grounding.html").render(
        name=name,
        figures=figures,
        shown=shown,
        curve=polyline(figures.curve),
        worst=max((point.risk for point in figures.curve), default=0.0),
    )


def polyline(points: Sequence[Point]) -> str:
    """Risk over coverage as the points of an SVG polyline; the highest risk touches the top."""
    most = max((point.risk for point in points), default=0.0) or 1.0
    return " ".join(f"{LEFT + WIDTH * point.coverage:.1f},{TOP + HEIGHT * (1 - point.risk / most):.1f}" for point in points)


def _first_to_read(one: Checked) -> tuple[int, float]:
    """What would be sent though a person found it unsupported; then what is stopped though it was; then the least sure."""
    if one.case.supported is False and one.passes:
        return 0, -one.probability
    if one.case.supported and not one.passes:
        return 1, one.probability
    return 2, abs(one.probability - 0.5)
