"""Curves and bars as coordinates of an SVG picture, and what they show in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.evaluation.curves import Bin, Point

LEFT, RIGHT, TOP, BOTTOM = 38.0, 312.0, 18.0, 158.0
"""Of a plot's field, in units of its picture."""
TOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Where a vertical axis may end."""
GAP = 3.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, and where the number of what it is made of stands."""

    x: float
    y: float
    width: float
    height: float
    count: int
    label_y: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture.

    Attributes:
        told: what it shows, for who can't see it.
        levels: heights with their labels, from 0 upwards.
        line: points of a polyline; empty for a single point.
        dots: single points.
        bars: of a bar chart.
    """

    told: str
    levels: tuple[tuple[float, str], ...]
    line: str = ""
    dots: tuple[tuple[float, float], ...] = ()
    bars: tuple[Bar, ...] = ()


def risk_plot(points: Sequence[Point], of: str) -> Plot:
    """Risk over coverage. One threshold alone makes a dot, for a line needs two.

    Args:
        points: the strictest threshold first; at least one.
        of: what is accepted, in the plural.
    """
    top = next(top for top in TOPS if top >= max(point.risk for point in points))
    placed = [(_x(point.coverage), _y(point.risk / top)) for point in points]
    first, last = points[0], points[-1]
    told = (
        f"Risk-coverage curve. With the strictest threshold {_percent(first.coverage)} of the {of} are accepted and "
        f"{_percent(first.risk)} of those are wrong; with all accepted {_percent(last.risk)} are wrong."
    )
    if len(points) == 1:
        told = f"Risk-coverage curve of one point: all {of} are equally sure, and {_percent(last.risk)} of them are wrong."
        return Plot(told, _levels(top), dots=tuple(placed))
    return Plot(told, _levels(top), line=" ".join(f"{x},{y}" for x, y in placed), dots=(placed[0], placed[-1]))


def reliability_plot(bins: Sequence[Bin]) -> Plot:
    """How much came true of what was foretold, in bars."""
    bars = []
    for one in bins:
        y = _y(one.share)
        x, width = _x(one.low) + GAP, _x(one.high) - _x(one.low) - 2 * GAP
        bars.append(Bar(round(x, 1), y, round(width, 1), round(BOTTOM - y, 1), one.count, round(y - 4, 1)))
    shown = "; ".join(f"of {one.count} that are {_percent(one.mean)} sure {_percent(one.share)} are right" for one in bins)
    return Plot(f"Reliability diagram: {shown or 'nothing to show'}.", _levels(1.0), bars=tuple(bars))


def _levels(top: float) -> tuple[tuple[float, str], ...]:
    return tuple((_y(part), f"{100 * top * part:g}%") for part in (0.0, 0.5, 1.0))


def _x(share: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * share, 1)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} percent"
