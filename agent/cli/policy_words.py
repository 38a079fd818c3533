"""What `innkeeper policy …` says, in a support lead's words."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from agent.cli.show import err, one_line
from policies.action_parts import Argument
from policies.actions import Kind
from policies.cases import NONE
from policies.explain import TOO_SLOW, ActionReading, Explanation, Reading, RuleCheck
from policies.guidelines import ENOUGH, short_of_examples
from policies.schema import Pack
from policies.testing import CaseResult, shown_amount, shown_dial
from policies.types import Action, Dial, Send, Unsure

out = Console(highlight=False, soft_wrap=True)
"""Long lines are left to the terminal: paths and rules are to be copied whole."""
_SHOWN = 5
"""So many names are listed of those that a hint is about."""
_MARK = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]can't be told[/]"}
_COUNTED = {
    "messages": "{so_far} of {needed} messages of its kind so far",
    "repeated": "asked {so_far} times so far, of {needed}",
    "unanswered": "{so_far} of {needed} replies in a row that were no answer so far",
    "tool_failures": "{so_far} of {needed} failed calls so far",
}
_UNSURE = {
    Unsure.CLOSEST: "a less sure one is sent as what comes closest, and says so",
    Unsure.DRAFT: "a less sure one is proposed to a person first",
    Unsure.PERSON: "a less sure one is left to a person",
}


def problems(folder: Path, found: Sequence[str]) -> None:
    """What is wrong with a pack."""
    for problem in found:
        err.print(problem, markup=False)
    err.print(f"\n{_count(len(found), 'thing')} to correct in {folder}; the pack can't be used before", markup=False)


def in_order(folder: Path, pack: Pack) -> None:
    """What a pack without problems holds."""
    parts = (
        _count(len(pack.escalation.triggers), "hard rule"),
        _count(len(pack.topics.topics), "topic"),
        _count(len(pack.guidelines), "guideline"),
        _count(len(pack.actions), "action"),
        f"{_count(len(pack.escalation.texts) + len(pack.canned), 'text')} in {_count(len(pack.policy.locales), 'language')}",
        _count(len(pack.cases), "test"),
    )
    out.print(f"{pack.policy.id} {pack.policy.version} is in order: {', '.join(parts)}", markup=False)
    if few := short_of_examples(pack.guidelines):
        named = ", ".join(f"{rule_id} ({count})" for rule_id, count in few[:_SHOWN])
        more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
        told = f"{_count(len(few), 'guideline')} with fewer than {ENOUGH} examples will be missed more often: {named}{more}"
        out.print(told, markup=False, style="yellow")
    out.print(
        f"{folder}, SHA-256 {pack.sha256[:12]}. Now see what it does: innkeeper policy test {folder}", markup=False, style="dim"
    )


def started(folder: Path) -> None:
    """A pack has been copied."""
    out.print(f"{folder} holds a copy of the pack that ships. Begin with policy.yaml: it names the company.", markup=False)
    out.print("Then, as often as you like:", markup=False)
    for command in (f"check {folder}", f"test {folder}", f'explain "I want my money back" --dir {folder}'):
        out.print(f"  innkeeper policy {command}", markup=False)
    out.print(f"To use it, set INNKEEPER_POLICY_DIR={folder}.", markup=False)


def results(folder: Path, pack: Pack, found: Sequence[CaseResult]) -> None:
    """Failures one by one, and a summary."""
    failed = [one for one in found if not one.passed]
    for one in failed:
        out.print(f"[bold red]failed[/] [bold]{escape(one.name)}[/]  {escape(str(folder / one.place))}")
        out.print(f"  given     {_flow(one.given)}", markup=False)
        for difference in one.differences:
            out.print(f"  {difference.what}", markup=False, style="bold")
            out.print(f"    expected  {_flow(difference.expected)}", markup=False)
            out.print(f"    found     {_flow(difference.found)}", markup=False)
        out.print("  no hard rule stood in the way" if one.rule == NONE else f"  decided by {one.rule}", markup=False)
        if one.left_out:
            out.print(f"  not given: {', '.join(one.left_out)}; a rule that needs it denies", markup=False, style="yellow")
        out.print()
    passed = len(found) - len(failed)
    style = "bold red" if failed else "bold green"
    out.print(f"{passed} passed, {len(failed)} failed", style=style, end="")
    out.print(f"  {pack.policy.id} {pack.policy.version}, SHA-256 {pack.sha256[:12]}", markup=False, style="dim")


def result_body(result: CaseResult) -> dict[str, Any]:
    """A case as plain values."""
    return {**asdict(result), "passed": result.passed}


def explanation(pack: Pack, found: Explanation) -> None:
    """All of it, the decision first."""
    verdict = found.verdict
    out.print(f"[bold]Decision[/]   {_decision(found)}")
    if found.text:
        out.print(f"           “{one_line(found.text)}”", markup=False, style="dim")
    out.print(
        f"[bold]Language[/]   {found.facts.language}"
        + ("" if found.facts.language in pack.policy.locales else "; texts are in the first locale")
    )
    out.print(f"[bold]Customer[/]   {found.identity}: may see {', '.join(found.sees) or 'nothing'} articles")
    if verdict.action.goes_on:
        out.print(f"[bold]Topic[/]      {_topic(found)}")
    _readings("Fired", [one for one in found.readings if one.fired])
    _readings("Came near", [one for one in found.readings if not one.fired])
    if verdict.action.goes_on:
        out.print("[bold]Guidelines for the model[/]" + ("" if found.guidelines else ": none"))
        for guideline in found.guidelines:
            said = [f"says the text `{guideline.say}` behind the answer"] if guideline.say else []
            out.print(f"  {guideline.id}: {'; '.join(filter(None, (one_line(guideline.then), *said)))}", markup=False)
    if found.action is None:
        out.print("[bold]Action[/]     none is asked for" if pack.actions else "[bold]Action[/]     the pack has none")
        if found.shown:
            shown = ", ".join(f"{one.id} ({one.similarity:.2f})" for one in found.shown)
            out.print(f"  a model that picks actions is asked whether it means one of: {shown}", markup=False)
    else:
        _action(found.action, found.identity)


def explanation_body(found: Explanation) -> dict[str, Any]:
    """The same as plain values."""
    action = found.action
    return {
        "decision": found.verdict.action.value,
        "rule": found.verdict.rule,
        "queue": found.verdict.queue,
        "priority": found.verdict.priority,
        "text": found.text,
        "language": found.facts.language,
        "identity": found.identity,
        "audiences": list(found.sees),
        "topic": found.topic.topics[0] if found.topic.topics else "otherwise",
        "dial": shown_dial(found.topic.dial),
        "rules": [asdict(one) for one in found.readings],
        "guidelines": [{"id": one.id, "then": one.then, "say": one.say} for one in found.guidelines],
        "shown_to_model": [asdict(one) for one in found.shown],
        "action": None
        if action is None
        else {
            "id": action.action.id,
            "admitted": action.admitted,
            "named": dict(action.named),
            "missing": list(action.missing),
            "rules": [asdict(one) for one in action.checks],
            "limits": list(action.limits),
            "decision": action.verdict.ruling.value if action.verdict else None,
            "decided_by": action.verdict.rule if action.verdict else None,
            "say": action.verdict.say if action.verdict else None,
            "amount": shown_amount(action.verdict.amount) if action.verdict else None,
            "call": dict(action.verdict.call) if action.verdict else None,
        },
    }


def _decision(found: Explanation) -> str:
    verdict = found.verdict
    if verdict.action is Action.ALLOW:
        return "it may be answered: no hard rule stands in the way"
    if verdict.action is Action.OFFER:
        return f"it may be answered, and the rule [bold]{verdict.rule}[/] has this said behind the reply, once in a conversation:"
    what = "handed to a person" if verdict.action is Action.HANDOFF else "refused"
    where = f", queue {verdict.queue}" if verdict.queue else ""
    urgent = f", {verdict.priority}" if verdict.priority != "normal" else ""
    return f"{what}{where}{urgent}, by the rule [bold]{verdict.rule}[/]; no model is asked"


def _topic(found: Explanation) -> str:
    names = found.topic.topics
    name = f"{names[0]}" if names else "otherwise (no topic claims the words; the article that is cited may)"
    others = f" (also claimed by {', '.join(names[1:])}; the most careful dial counts)" if len(names) > 1 else ""
    return f"{name}{others}: {_dial(found.topic.dial, found.topic.unsure)}"


def _dial(dial: Dial, unsure: Unsure) -> str:
    if dial.kind is Send.PERSON:
        return "always a person"
    if dial.kind is Send.DRAFT:
        return "an answer is proposed to a person first"
    share = f" if at most {dial.most_wrong * 100:g}% of such answers are wrong" if dial.most_wrong is not None else ""
    return f"an answer is sent{share}; {_UNSURE[unsure]}"


def _readings(title: str, readings: Sequence[Reading]) -> None:
    if not readings:
        return
    out.print(f"[bold]{title}[/]")
    for one in readings:
        out.print(f"  {one.kind} {one.id}: {'; '.join(_reasons(one))}", markup=False)


def _reasons(one: Reading) -> Iterable[str]:
    if one.words is not None:
        yield f"its pattern {TOO_SLOW}" if one.words == TOO_SLOW else f"its pattern found “{one.words}”"
    yield from (_COUNTED[count.what].format(so_far=count.so_far, needed=count.needed) for count in one.counts)
    if one.similarity is None or one.threshold is None:
        if not one.words and not one.counts:
            yield "always"
        return
    side = "from" if one.similarity >= one.threshold else "needs"
    if one.example is not None:
        yield f"like “{one.example}” ({one.similarity:.2f}, {side} {one.threshold:.2f})"
    if one.but_not is not None:
        yield f"but more like “{one.but_not}”, which means something else"
    if one.other_language:
        yield "but its examples are for other languages"


def _action(found: ActionReading, identity: str) -> None:
    action = found.action
    kind = "looks something up" if action.kind is Kind.LOOK_UP else "changes something"
    out.print(
        f"[bold]Action[/]     {action.id}: {escape(action.about)} ({kind}" + (f" with {action.tool})" if action.tool else ")")
    )
    needs = action.requires.identity
    enough = "enough" if found.admitted else "[red]not enough[/]: nothing is looked up"
    out.print(f"  the customer must be {needs}; {identity} is {enough}")
    for name, argument in action.arguments.items():
        what = "optional" if argument.optional else "not in the message, so it is asked for"
        if name in found.named:
            what = f"{_told(argument, found.named[name])}, as the message says"
        out.print(f"  argument {name}: {what}", markup=False)
    for name, fact in action.facts.items():
        out.print(f"  fact {name}: read with {fact.tool}", markup=False)
    for limit in found.limits:
        out.print(f"  limit: {limit}", markup=False)
    if action.kind is Kind.CHANGE and action.requires.confirm == "explicit":
        out.print("  the customer confirms before it is done")
    out.print("  its rules:")
    for check in found.checks:
        _rule(check, judged=found.verdict is not None)
    if found.verdict is None:
        out.print("  Give facts to see what would be decided, e.g. --fact " + _sample(found), markup=False, style="dim")
        return
    if found.missing:
        out.print(f"  not given: {', '.join(found.missing)}", markup=False, style="yellow")
    amount = f", {shown_amount(found.verdict.amount)} {action.currency}" if action.amount and found.verdict.amount else ""
    out.print(f"  [bold]so: {found.verdict.ruling.value}[/]{amount}, by {found.verdict.rule}")


def _told(argument: Argument, value: Any) -> str:
    return shown_amount(value) if argument.type == "amount" else str(value)


def _rule(check: RuleCheck, *, judged: bool) -> None:
    out.print(f"    {check.id}: {escape(check.that)}" + (f"  {_MARK[check.holds]}" if judged else ""))
    if judged and check.why:
        out.print(f"      {check.why}", markup=False, style="dim")


def _sample(found: ActionReading) -> str:
    name = next(iter(found.action.facts), next(iter(found.action.arguments), "name"))
    return f"'{name}={{…}}'"


def _flow(value: Any) -> str:
    """Values as they stand in YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
