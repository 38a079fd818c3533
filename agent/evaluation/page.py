"""Figures as one HTML page that needs nothing else: no script, no outside resource, all text escaped."""

from collections.abc import Sequence

from jinja2 import Environment

from agent.evaluation.answers import figures, slowest_first, worst_first
from agent.evaluation.changes import compare
from agent.evaluation.dials import LEAST_TOLD, TopicFigures
from agent.evaluation.grounding import Checked
from agent.evaluation.grounding import Figures as GroundingFigures
from agent.evaluation.plots import reliability_plot, risk_plot
from agent.evaluation.records import Record, missing_facts
from agent.evaluation.runs import Header, pick
from agent.evaluation.words import compared, is_judged, percent, seconds
from knowledge.pages import page_environment

SHOWN = 40
SLOWEST = 10
OPEN = 3
"""So many cases of a list are unfolded at first."""


def render_grounding(name: str, figures: GroundingFigures, checked: Sequence[Checked]) -> str:
    """The page of `innkeeper eval grounding`: figures, plots, and the replies that a person should look at first."""
    return (
        _environment()
        .get_template("grounding.html")
        .render(
            name=name,
            figures=figures,
            shown=sorted(checked, key=_first_to_read)[:SHOWN],
            curve=risk_plot(figures.curve, "replies") if len(figures.curve) else None,
            reliability=reliability_plot(figures.bins),
            open=OPEN,
        )
    )


def render_answers(
    title: str,
    header: Header,
    records: Sequence[Record],
    topics: Sequence[TopicFigures],
    earlier: Sequence[Record] | None = None,
) -> str:
    """The page of `innkeeper eval answers` and `innkeeper replay`.

    Figures and plots, what differs from an earlier run, the worst and the slowest cases with their evidence, and every
    sentence that would be sent beside its source.
    """
    found = figures(records)
    before = None if earlier is None else pick(earlier, [one.id for one in records])
    return (
        _environment()
        .get_template("answers.html")
        .render(
            title=title,
            header=header,
            figures=found,
            judged=is_judged(found),
            topics=topics,
            least_told=LEAST_TOLD,
            comparison=None if before is None else compare(before, records),
            compared=[] if before is None else compared(figures(before), found),
            curve=risk_plot(found.curve, "judged answers") if found.curve else None,
            reliability=reliability_plot(found.bins),
            worst=worst_first(records)[:SHOWN],
            slowest=slowest_first(records)[:SLOWEST],
            spoken=[one for one in records if one.made and one.made.sentences],
            records=records,
            open=OPEN,
        )
    )


def _environment() -> Environment:
    environment = page_environment("agent.evaluation")
    environment.filters["percent"] = percent
    environment.filters["seconds"] = seconds
    environment.filters["lacking"] = _lacking
    environment.globals["count"] = _count
    return environment


def _lacking(record: Record) -> list[str]:
    return missing_facts(record.expected, record.made) if record.made else []


def _count(n: int, one: str, many: str = "") -> str:
    """`1 reply`, `2 replies`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _first_to_read(one: Checked) -> tuple[int, float]:
    """What would be sent though a person found it unsupported; then what is stopped though it was; then the least sure."""
    if one.case.supported is False and one.passes:
        return 0, -one.probability
    if one.case.supported and not one.passes:
        return 1, one.probability
    return 2, abs(one.probability - 0.5)
