"""The file in the data folder in which `innkeeper connect` writes down helpdesks, and what none may be named."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from agent.helpdesk_settings import AnyHelpdesk, check_names
from agent.site_settings import WIDGET_SOURCE
from agent.tables_file import read_tables

_HELPDESKS: TypeAdapter[dict[str, AnyHelpdesk]] = TypeAdapter(dict[str, AnyHelpdesk])


def helpdesks_path(data_dir: Path) -> Path:
    """The file that `innkeeper connect` writes: one table for each helpdesk."""
    return data_dir / "helpdesks.toml"


def read_helpdesks(path: Path) -> dict[str, AnyHelpdesk]:
    """The helpdesks of such a file; none if there is no file.

    Raises:
        SettingsInvalid: it can't be read, or holds what is none.
    """
    return read_tables(path, _HELPDESKS, check_helpdesk_names)


def check_helpdesk_names(helpdesks: Mapping[str, AnyHelpdesk]) -> None:
    """Raise `ValueError` for a name that no helpdesk can have."""
    if WIDGET_SOURCE in helpdesks:
        raise ValueError(f"{WIDGET_SOURCE!r} is what the chat widget goes by; name the helpdesk otherwise")
    check_names(helpdesks)
