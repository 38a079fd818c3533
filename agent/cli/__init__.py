"""The command `innkeeper`: thin commands over the wiring. Results go to stdout, errors to stderr."""

from agent.cli.commands import app

__all__ = ["app"]
