"""`innkeeper policy …`: check, test, understand and compare policy packs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli import policy_words, show
from agent.cli.frame import read_settings, reports_errors
from agent.errors import AgentError
from agent.settings import Settings
from policies.cases import Given
from policies.condition import LOCALE
from policies.engine import PolicyEngine
from policies.errors import RulesInvalid
from policies.guidelines import short_of_examples
from policies.load import default_folder, load_pack
from policies.pages import is_endless
from policies.schema import Pack

app = typer.Typer(help="Check, test, understand and compare policy packs.", no_args_is_help=True, rich_markup_mode=None)
Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="The pack; INNKEEPER_POLICY_DIR or the one that ships if not given.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_PLACED = re.compile(r"(?P<file>.*?\.ya?ml)(?::(?P<line>\d+))?: (?P<what>.*)", re.DOTALL)
_SCHEMA_LINE = "../schemas/"
_OWN_SCHEMAS = ".schemas/"
"""Hidden, so that it isn't read as a part of the pack."""


@app.command()
def check(folder: Folder = None, json: Json = False) -> None:
    """Read a whole pack and list everything that is wrong with it: file, line, what to do. Exit code 1 if anything is."""
    _run(_check, folder, json)


@app.command(name="test")
def run_tests(
    folder: Folder = None,
    only: Annotated[
        str | None, typer.Option("-k", metavar="WORDS", help="Only cases whose name or file has these words.")
    ] = None,
    json: Json = False,
) -> None:
    """Run the pack's own cases (tests/*.yaml). Nothing is sent, and no model that writes is asked. Exit code 1 if one fails."""
    _run(_test, folder, only, json)


@app.command()
def explain(
    message: Annotated[str, typer.Argument(help="What a customer might write.")],
    folder: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="The pack.", show_default=False)] = None,
    identity: Annotated[
        str, typer.Option(help="anonymous, claimed or verified: how surely the channel knows who it is.")
    ] = "anonymous",
    customer: Annotated[str | None, typer.Option(metavar="ID", help="The customer's id; `me` if not given.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the message; told by its words if not given.")] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="An argument or fact of the action, e.g. 'booking={status: paid}'; may be repeated."
        ),
    ] = None,
    earlier: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="What the same customer wrote before, oldest first; may be repeated."),
    ] = None,
    unanswered: Annotated[int, typer.Option(min=0, help="How many of our replies before, in a row, were no answer.")] = 0,
    tool_failures: Annotated[int, typer.Option(min=0, help="How many calls of the company's systems have failed.")] = 0,
    json: Json = False,
) -> None:
    """What the policies make of a message, and why.

    Rules that fired or came near, topic and dial, guidelines that the model is given, the action that is asked for and its rules.
    """
    known = {"identity": identity, "customer_id": customer, "language": language}
    before = {"earlier": earlier or [], "unanswered": unanswered, "tool_failures": tool_failures}
    _run(_explain, message, folder, {**known, **before}, fact or [], json)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A pack.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another one.")],
    records: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Recorded turns as `innkeeper shadow --json` or `replay --out` writes them."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Turns on record in Redis since then: 7d, 12h, 2w or a date.")
    ] = None,
    json: Json = False,
) -> None:
    """What differs between two packs: rules and texts, and which recorded turns and tests would be decided otherwise."""
    from agent.cli.policy_diff import run_diff

    _run(run_diff, old, new, records, since, json)


@app.command()
def schema(
    file: Annotated[str | None, typer.Argument(help="Which file, e.g. topics.yaml or actions/refund.yaml.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write all of them into this folder.")] = None,
) -> None:
    """The JSON Schema of a pack's file, for editors that complete and check; their names if none is given."""
    _run(_schema, file, out)


@app.command()
def new(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that doesn't exist yet, or is empty.")]) -> None:
    """Copy the pack that ships, to start from."""
    _run(_new, folder)


def settings_of() -> Settings:
    """The settings, with quiet logs."""
    return read_settings("ERROR")


def _run(command: Any, *given: Any) -> None:
    reports_errors(command)(*given)


def _folder(given: Path | None) -> Path:
    from agent.wiring.pack_reader import pack_folder

    return pack_folder(settings_of(), given)


def _check(given: Path | None, json: bool) -> None:
    folder = _folder(given)
    try:
        pack = load_pack(folder)
    except RulesInvalid as error:
        if json:
            show.as_json({"ok": False, "folder": str(folder), "problems": [_placed(problem) for problem in error.problems]})
        else:
            policy_words.problems(folder, error.problems)
        raise typer.Exit(1) from None
    if json:
        few = [{"guideline": rule_id, "examples": count} for rule_id, count in short_of_examples(pack.guidelines)]
        show.as_json({"ok": True, "folder": str(folder), **_stamped(pack), "problems": [], "few_examples": few})
    else:
        policy_words.in_order(folder, pack)


def _test(given: Path | None, only: str | None, json: bool) -> None:
    folder = _folder(given)
    pack = load_pack(folder)
    wanted = (only or "").casefold()
    cases = [one for one in pack.cases if wanted in f"{one.place} {one.case.name}".casefold()]
    if not cases:
        what = f"no case has {only!r} in its name or file" if pack.cases else "the pack has no cases yet"
        raise AgentError(f"{what}: write some into {folder}/tests/, one file for each subject")
    from agent.wiring.pack_reader import pack_readers
    from policies.testing import run_case

    engine = PolicyEngine(pack)
    reader = pack_readers(settings_of())(engine)
    results = []
    with show.progress("testing") as step:
        for number, one in enumerate(cases):
            step(number, len(cases), one.case.name)
            results.append(run_case(engine, one, reader))
    failed = [one for one in results if not one.passed]
    if json:
        rows = [policy_words.result_body(one) for one in results]
        show.as_json(
            {"ok": not failed, **_stamped(pack), "passed": len(results) - len(failed), "failed": len(failed), "cases": rows}
        )
    else:
        policy_words.results(folder, pack, results)
    if failed:
        raise typer.Exit(1)


def _explain(message: str, given: Path | None, known: dict[str, Any], facts: list[str], json: bool) -> None:
    if not message.strip():
        raise typer.BadParameter("the message is empty")
    if not all(text.strip() for text in known["earlier"]):
        raise typer.BadParameter("a message is empty", param_hint="--earlier")
    if known["identity"] not in ("anonymous", "claimed", "verified"):
        raise typer.BadParameter("write anonymous, claimed or verified", param_hint="--identity")
    if known["language"] and not re.fullmatch(LOCALE, known["language"]):
        raise typer.BadParameter("write it with two or three small letters, e.g. en or pt", param_hint="--language")
    values = dict(_fact(one) for one in facts)
    pack = load_pack(_folder(given))
    from agent.graph.acting.arguments import read_arguments
    from agent.wiring.pack_reader import pack_readers
    from policies.explain import explain as explained
    from policies.expressions import Clock
    from policies.judging import Case
    from policies.testing import action_case, message_facts

    engine = PolicyEngine(pack)
    reader = pack_readers(settings_of())(engine)
    given_message = Given.model_validate({"message": message, **{name: value for name, value in known.items() if value}})
    read = message_facts(engine, given_message, reader)
    requested = engine.requested(read)
    clock = Clock(_now(), engine.zone)
    case = Case(given_message.sureness, given_message.id_of_customer, {}, clock)
    if values and not requested:
        raise typer.BadParameter("the message asks for no action, so that there is nothing to judge", param_hint="--fact")
    if values:
        action = requested[0].action
        _check_names(values, (*action.arguments, *action.facts))
        about = given_message.model_copy(update={"action": action.id, "facts": values, "now": clock.now})
        try:
            case = action_case(engine, about)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--fact") from error
    named = read_arguments(requested[0].action.arguments, [message], read.language, clock) if requested else {}
    found = explained(pack, engine, read, lambda examples: reader.nearest(message, examples), case, named)
    show.as_json(policy_words.explanation_body(found)) if json else policy_words.explanation(pack, found)


def _schema(file: str | None, out: Path | None) -> None:
    from policies.schemas import schema_names, write_all, written

    if out is not None:
        for path in write_all(out):
            show.out.print(str(path), markup=False)
        return
    names = list(schema_names())
    if file is None:
        show.out.print("\n".join(names), markup=False)
        return
    parts = Path(file.removesuffix(".yaml")).parts
    name = next((part for part in reversed(parts) if part in names), None)
    if name is None:
        raise typer.BadParameter(f"there is no such file in a pack; known are {', '.join(names)}", param_hint="FILE")
    show.out.file.write(written(name))


def _new(folder: Path) -> None:
    try:
        _copy(folder)
    except OSError as error:
        raise AgentError(f"{error.filename or folder} can't be written: {error.strerror}; name another folder") from error
    policy_words.started(folder)


def _copy(folder: Path) -> None:
    from policies.schemas import write_all

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AgentError(f"{folder} is there already; name a folder that doesn't exist yet")
    shipped = default_folder()
    for path in sorted(shipped.rglob("*.yaml")):
        target = folder / path.relative_to(shipped)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text(encoding="utf-8").replace(_SCHEMA_LINE, _OWN_SCHEMAS, 1), encoding="utf-8")
    list(write_all(folder / _OWN_SCHEMAS))


def _fact(text: str) -> tuple[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    name, sign, value = text.partition("=")
    try:
        reader = YAML(typ="safe", pure=True)
        node = reader.compose(value)
        if name and sign and not is_endless(node):
            return name.strip(), reader.constructor.construct_document(node) if node is not None else None
    except (YAMLError, ValueError, RecursionError):
        pass
    raise typer.BadParameter(f"{text!r} is no fact; write NAME=VALUE, e.g. 'booking={{status: paid}}'", param_hint="--fact")


def _check_names(values: dict[str, Any], known: Sequence[str]) -> None:
    for name in values:
        if name not in known:
            raise typer.BadParameter(f"the action knows no {name!r}; known are {', '.join(known)}", param_hint="--fact")


def _now() -> Any:
    import datetime as dt

    return dt.datetime.now(dt.UTC)


def _placed(problem: str) -> dict[str, Any]:
    found = _PLACED.fullmatch(problem)
    if found is None:
        return {"file": None, "line": None, "what": problem}
    return {"file": found["file"], "line": int(found["line"]) if found["line"] else None, "what": found["what"]}


def _stamped(pack: Pack) -> dict[str, str]:
    return {"id": pack.policy.id, "version": pack.policy.version, "sha256": pack.sha256}
