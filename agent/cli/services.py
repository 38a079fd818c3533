"""The commands that run a service: all of it, one process of it, and what the demonstration adds."""

import asyncio
import sys
from typing import Annotated

import typer

from agent.cli.frame import loading, read_settings, reports_errors

Inherited = Annotated[int | None, typer.Option("--fd", hidden=True, help="A listening socket that `up` hands over.")]


@reports_errors
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Ingest the sample help centre, open the demo desk, send three tickets.")
    ] = False,
) -> None:
    """Start everything on this machine, print the URLs, stop cleanly on Ctrl-C."""
    from agent.cli.house import run_up

    run_up(read_settings("WARNING"), demo=demo)


@reports_errors
def serve(fd: Inherited = None) -> None:
    """Take messages in: webhooks, POST /v1/answers, health, metrics."""
    with loading():
        from agent.wiring.processes import serve as run

    asyncio.run(run(read_settings(), fd))


@reports_errors
def worker() -> None:
    """Answer what has come in, and deliver the replies."""
    with loading():
        from agent.wiring.processes import work

    asyncio.run(work(read_settings()))


@reports_errors
def secret() -> None:
    """Make a fresh webhook secret."""
    from agent.wiring.up import new_secret

    sys.stdout.write(new_secret() + "\n")


@reports_errors
def demo_desk(
    webhook_url: Annotated[str, typer.Option(help="Innkeeper's webhook for this desk.")] = "http://127.0.0.1:8080/webhooks/demo",
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 8090,
    fd: Inherited = None,
) -> None:
    """A tiny helpdesk with a web page, to see tickets go in and replies come back."""
    from agent.wiring.desk import run_desk

    asyncio.run(run_desk(read_settings("WARNING"), webhook_url, port, fd))


@reports_errors
def demo_bookings(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 8091,
    fd: Inherited = None,
) -> None:
    """The sample company's booking system, to try tools with; its token is in run/bookings.token of the data folder."""
    from agent.wiring.bookings import run_bookings

    asyncio.run(run_bookings(read_settings("WARNING"), port, fd))
