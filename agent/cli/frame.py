"""What every command stands in: the settings are read and the log set up, and an error ends in one message."""

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

from agent.cli import show
from agent.errors import AgentError
from agent.settings import Settings, load_settings
from knowledge.errors import KnowledgeError
from policies.errors import PolicyError

F = TypeVar("F", bound=Callable[..., Any])
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def reports_errors(command: F) -> F:
    """Our errors become one message on stderr and exit code 1; Ctrl-C is no error."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (AgentError, KnowledgeError, PolicyError) as error:
            show.err.print(f"[bold red]error:[/] {type(error).__name__}: ", end="")
            show.err.print(str(error), markup=False)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return wrapped  # type: ignore[return-value]


@contextmanager
def loading() -> Iterator[None]:
    """While modules are imported that stay to the end: to look for garbage among them is a tenth of the time that they take."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def read_settings(least_level: str | None = None) -> Settings:
    """The settings, with the log set up by them.

    Args:
        least_level: nothing below it is logged, whatever the settings say.

    Raises:
        SettingsInvalid: they can't be used.
    """
    from agent.telemetry import configure_logging

    settings = load_settings()
    order = ["DEBUG", "INFO", "WARNING", "ERROR"]
    level = settings.log_level if least_level is None else max(settings.log_level, least_level, key=order.index)
    configure_logging(level)
    return settings
