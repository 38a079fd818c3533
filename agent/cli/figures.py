"""Figures on answers as a person reads them at a terminal."""

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from agent.cli import show
from agent.cli.running import Finished
from agent.evaluation.answers import Decisions, Figures, figures, unjudged, worst_first
from agent.evaluation.changes import Comparison, Turn
from agent.evaluation.dials import TopicFigures
from agent.evaluation.records import Record
from agent.evaluation.runs import pick
from agent.evaluation.words import compared, confidence_words, is_judged, percent

SHOWN = 10
COLOURS = {Turn.WORSE: "red", Turn.BETTER: "green", Turn.CHANGED: "yellow"}


def show_figures(title: str, finished: Finished, earlier: Sequence[Record] | None) -> None:
    """The figures, the topics, the worst cases, and what differs from an earlier run."""
    found = finished.figures
    show.out.print(f"{title}: {found.cases} asked" + (f", {found.failed} failed" if found.failed else ""), markup=False)
    if is_judged(found):
        _show_judged(found)
        _show_topics(finished.topics)
    elif earlier is None:
        show.out.print("no case says what is expected (`decision`, `doc_ids` or `facts`), so nothing is judged", style="dim")
    if found.p50_s is not None and found.p95_s is not None:
        calls = ", ".join(f"{n} in {count} turns" for n, count in found.llm_calls.items())
        show.out.print(f"a turn takes {found.p50_s:.2f} s (p50), {found.p95_s:.2f} s (p95); model calls: {calls}")
    if found.untraced:
        show.out.print(f"[bold red]{found.untraced} lines were sent that have no source[/]; see the page or --json")
    if earlier is not None:
        before = pick(earlier, [one.id for one in finished.records])
        _show_comparison(finished.beside(earlier), figures(before), found)
    elif worst := [one for one in worst_first(finished.records) if one.made]:
        _show_worst(worst)
    if bare := unjudged(finished.records) if is_judged(found) else 0:
        show.out.print(f"{bare} cases say nothing of what is expected, and aren't judged", style="dim")


def _show_judged(found: Figures) -> None:
    show.out.print(f"right {found.right}, wrong {found.wrong}")
    if found.answerable:
        answered = f"{found.answered} answered ({percent(found.coverage)}), {found.proposed} proposed to a person"
        show.out.print(
            f"answerable {found.answerable}: {answered}; an expected article cited in {found.right_article}, every fact in "
            f"{found.all_facts}; of those answered {percent(found.precision)} are right"
        )
    show.out.print(f"sent at once {found.sent}, of them {found.sent_wrong} wrong")
    show.out.print(confidence_words(found))
    _show_decisions(found.decisions)


def _show_decisions(found: Decisions) -> None:
    if found.macro_f1 is None:
        return
    show.out.print(f"decisions: {found.right} of {found.total} as expected, macro-F1 {found.macro_f1:.2f}")
    table = Table("expected \\ made", *found.labels, box=None, pad_edge=False)
    for label, row in zip(found.labels, found.counts, strict=True):
        if any(row):
            table.add_row(label, *(str(count or "–") for count in row))
    show.out.print(table)


def _show_topics(topics: Sequence[TopicFigures]) -> None:
    heads = ("topic", "dial now", "judged", "wrong", "can bear", "told, wrong", "at most (95%)")
    table = Table(*(Column(head, overflow="fold") for head in heads), box=None, pad_edge=False)
    for one in topics:
        if not one.judged:
            continue
        borne = one.borne
        told = f"{borne.told}, {borne.wrong}" if borne else "–"
        bound = f"{percent(borne.upper)}{'' if borne.is_certain else f': too few examples, {borne.told}'}" if borne else "–"
        table.add_row(one.topic, one.dial, str(one.judged), str(one.wrong), one.advice, told, bound)
    if table.row_count:
        show.out.print(table)


def _show_worst(worst: Sequence[Record]) -> None:
    show.out.print(f"\n{len(worst)} to look at, the worst first:")
    table = Table("case", "made", "sure", "why", "asked", box=None, pad_edge=False)
    for one in worst[:SHOWN]:
        if one.made:
            made, why = one.made.decision or "", "; ".join(one.judgement.why) or "a line without a source"
            table.add_row(*map(Text, (one.id, made, f"{one.made.confidence:.2f}", why, show.one_line(one.question)[:120])))
    show.out.print(table)


def _show_comparison(found: Comparison, before: Figures, now: Figures) -> None:
    counts = ", ".join(f"{found.count(turn)} {turn}" for turn in Turn)
    show.out.print(f"\nbeside the earlier run: {found.same} alike, {len(found.changes)} differ ({counts})")
    if found.added or found.gone:
        show.out.print(f"{len(found.added)} have no earlier outcome, {len(found.gone)} have none now", style="dim")
    table = Table("", "before", "now", box=None, pad_edge=False)
    for label, old, new in compared(before, now):
        table.add_row(label, old, new)
    if table.row_count:
        show.out.print(table)
    for one in found.changes:
        show.out.print(f"\n[bold {COLOURS[one.turn]}]{one.turn}[/] ", end="")
        show.out.print(f"{one.id}: {show.one_line(one.question)[:200]}", markup=False)
        for label, made, judged in (("before", one.before, one.before_judged), ("now", one.after, one.after_judged)):
            why = f" ({'; '.join(judged.why)})" if judged.why else ""
            show.out.print(f"  {label}: {made.decision or 'sent'}{why}", markup=False)
            show.out.print("    " + made.answer.replace("\n", "\n    "), markup=False, style="dim")
