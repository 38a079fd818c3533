"""The file in the data folder in which engineers write down the company's systems."""

from pathlib import Path

from pydantic import TypeAdapter

from agent.tables_file import read_tables
from agent.tool_settings import AnySystem, check_system_names

_SYSTEMS: TypeAdapter[dict[str, AnySystem]] = TypeAdapter(dict[str, AnySystem])


def tools_path(data_dir: Path) -> Path:
    """One table for each system."""
    return data_dir / "tools.toml"


def read_tools(path: Path) -> dict[str, AnySystem]:
    """The systems of such a file; none if there is no file.

    Raises:
        SettingsInvalid: it can't be read, or holds what is none.
    """
    return read_tables(path, _SYSTEMS, check_system_names)
