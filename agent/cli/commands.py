"""Every command. A failed job exits with 1, wrong use with 2; no error shows a traceback."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import audit, bundle, customer, evaluate, policy, services, show
from agent.cli import knowledge as knowledge_commands
from agent.cli import models as models_commands
from agent.cli import tools as tools_commands
from agent.cli.frame import Json, loading, read_settings, reports_errors
from knowledge.types import Audience, Query

app = typer.Typer(
    name="innkeeper",
    help="A self-hosted customer-service agent: answers tickets from your knowledge base, with citations, or hands them over.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(evaluate.app, name="eval")
app.add_typer(knowledge_commands.app, name="knowledge")
app.add_typer(models_commands.app, name="models")
app.add_typer(bundle.app, name="bundle")
app.add_typer(tools_commands.app, name="tools")
app.add_typer(policy.app, name="policy")
app.add_typer(audit.app, name="audit")
app.add_typer(customer.app, name="customer")
for one in (services.up, services.serve, services.worker):
    app.command()(one)


@app.command()
@reports_errors
def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or website addresses; the sources of the list if none is named.", show_default=False),
    ] = None,
    audience: Annotated[Audience, typer.Option(help="Who may read documents that don't say it themselves.")] = Audience.PUBLIC,
    samples: Annotated[bool, typer.Option("--samples", help="The sample company's help centre.")] = False,
    source: Annotated[list[str] | None, typer.Option(help="Only this source of the list; may be repeated.")] = None,
    forget: Annotated[str | None, typer.Option(help="Remove all documents of this source or address.", metavar="NAME")] = None,
    allow_mass_removal: Annotated[
        bool, typer.Option("--allow-mass-removal", help="Remove what is gone even if that is most of a source.")
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Empty the index first: for another embedding model, or after an upgrade. What isn't named now is gone.",
        ),
    ] = False,
    example: Annotated[bool, typer.Option("--example", help="Print a commented list of sources.")] = False,
    json: Json = False,
) -> None:
    """Bring the knowledge base in line with the sources: what changed is replaced, what is gone is removed."""
    from agent.cli import ingest as run

    if example:
        sys.stdout.write(run.example())
        return
    given = [*(paths or []), *([str(run.sample_folder())] if samples else [])]
    run.run(read_settings(), run.Request(tuple(given), audience, tuple(source or ()), forget, allow_mass_removal, rebuild, json))


@app.command()
@reports_errors
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 5,
    internal: Annotated[bool, typer.Option("--internal", help="Also what only agents may read.")] = False,
    language: Annotated[
        list[str] | None,
        typer.Option(help="Only documents in this language, e.g. de, and those that name none; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Retrieval alone: the passages that a question finds."""
    if not query.strip():
        raise typer.BadParameter("the query is empty")
    languages = frozenset(language or ())
    if not all(one.strip() for one in languages):
        raise typer.BadParameter("the language is empty", param_hint="--language")
    settings = read_settings()
    from agent.wiring import shelf

    shelf.guard_egress(settings)
    knowledge = shelf.build_knowledge(settings)
    audiences = frozenset(Audience) if internal else frozenset({Audience.PUBLIC})
    try:
        found = knowledge.search(Query(query, audiences, k, languages=languages))
        is_empty = not found and not any(knowledge.counts().values())
    finally:
        knowledge.close()
    if json:
        rows = [(h.passage.doc_id, h.passage.passage_id, h.passage.title, round(h.score, 4), h.passage.text) for h in found]
        show.as_json([dict(zip(("doc_id", "passage_id", "title", "score", "text"), row, strict=True)) for row in rows])
    elif found:
        show.hits(found)
    elif is_empty:
        show.err.print("the knowledge base is empty: fill it with `innkeeper ingest PATH` (or --samples)")
    else:
        show.err.print("nothing found: no article is for these readers and languages (see --internal and --language)")


@app.command()
@reports_errors
def ask(
    question: str,
    language: Annotated[str | None, typer.Option(help="Language of the customer, if the text doesn't tell.")] = None,
    json: Json = False,
) -> None:
    """One turn through the whole graph, as an anonymous customer. Needs no running services."""
    if not question.strip():
        raise typer.BadParameter("the question is empty")
    settings = read_settings("WARNING")
    with loading():
        from agent.surface import answer_body
        from agent.wiring.asking import open_answerer
        from agent.wiring.asking import question as one_message

    async def run() -> None:
        async with open_answerer(settings) as answer:
            body = answer_body(await answer(one_message(question), language))
        show.as_json(body) if json else show.answer(body)

    asyncio.run(run())


@app.command()
@reports_errors
def shadow(json: Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")] = False) -> None:
    """What would have been sent, as recorded in shadow mode (`mode: shadow` in policy.yaml), oldest first."""
    from agent.cli.shadow import run_shadow

    run_shadow(read_settings("WARNING"), json)


@app.command()
@reports_errors
def undelivered(json: Annotated[bool, typer.Option("--json", help="Print JSON, one line each.")] = False) -> None:
    """What was set aside for a person: replies that no helpdesk took or a person forestalled, hand-offs nobody was told of."""
    from agent.cli.undelivered import run_undelivered

    run_undelivered(read_settings("WARNING"), json)


@app.command()
@reports_errors
def replay(
    since: Annotated[str | None, typer.Option(metavar="TIME", help="7d, 12h, 2w or a date; everything if not given.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many, the newest.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with every changed answer.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN.jsonl", help="Keep a run file, so that a stopped replay goes on.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RUN.jsonl", help="Compare with the run file of an earlier replay, not with what was sent."),
    ] = None,
    policies: Annotated[Path | None, typer.Option(metavar="DIR", help="Try this policy folder.")] = None,
    knowledge: Annotated[Path | None, typer.Option(metavar="DIR", help="Try the knowledge base of this data folder.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; an earlier run of --out is kept.")] = False,
    json: Json = False,
) -> None:
    """Run recorded tickets again on the current model, knowledge base and policies, and show what would differ.

    Recorded are the conversations in Redis, and what was decided in shadow mode. Nothing is sent and nothing is written
    into conversations. Another model is tried by INNKEEPER_LLM_BASE_URL, _MODEL and _PROFILE. Exit code 1 if any failed.
    """
    from agent.cli.evaluate import check_place
    from agent.cli.replay import Options, run_replay

    check_place(report)
    run_replay(read_settings("ERROR"), Options(since, limit, report, out, against, policies, knowledge, fresh, json))


@app.command()
@reports_errors
def connect(
    system: Annotated[str | None, typer.Argument(help="Which kind of helpdesk; all are listed if none is named.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call it here; the system's name if not given.")] = None,
    url: Annotated[str | None, typer.Option(help="Address of the helpdesk.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its token or password; - for standard input. Asked for if not given.")
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Secret of its webhook, where the helpdesk has its own; made here if not given."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Innkeeper's address as the helpdesk sees it, e.g. https://innkeeper.internal."),
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Another setting of it; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Connect a helpdesk: check it with real calls, keep its settings, say what to set up in it, send a test event.

    Give it again to check a helpdesk that is connected already.
    """
    from agent.cli import connect as run

    if system is None:
        run.show_systems()
        return
    given = tuple(values or ())
    run.run(read_settings("ERROR"), run.Request(system, name, url, token_file, secret_file, public_url, given, json))


@app.command()
@reports_errors
def doctor(json: Json = False) -> None:
    """Check every dependency and say what to do; show what may be reached, and what was refused."""
    settings = read_settings("ERROR")
    from agent.cli.doctor import examine, show_findings

    report = asyncio.run(examine(settings))
    show.as_json(report) if json else show_findings(report)
    if not report["ok"]:
        raise typer.Exit(1)


@app.command(name="prove-egress")
@reports_errors
def prove_egress(
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the document for an auditor: .html, .md or .json.")
    ] = None,
    tickets: Annotated[int, typer.Option(min=5, max=20_000, help="How many, over all channels.")] = 200,
    json: Json = False,
) -> None:
    """Prove that nothing leaves: run the product where every way out is watched, and list whoever tried one.

    Starts it with a data folder of its own in a network namespace, ingests the sample company, sends tickets by every channel,
    evaluates, and lets a day's scheduled work pass in minutes. Your policies, local models and switches are used; stand-ins take
    the place of your helpdesks, and the packaged model that of your model server. Needs Linux, and root or user namespaces.
    Exit code 1 if anything was attempted outside of the allow-list.
    """
    from agent.cli.prove import run_proof

    run_proof(read_settings("ERROR"), report, tickets, json)


app.command()(services.secret)
app.command(name="demo-desk")(services.demo_desk)
app.command(name="demo-bookings")(services.demo_bookings)
