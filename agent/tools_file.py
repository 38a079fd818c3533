"""The file in the data folder in which engineers write down the company's systems."""

import tomllib
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.errors import SettingsInvalid
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
    try:
        found = _SYSTEMS.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
        check_system_names(found)
        return found
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path} can't be read: {error}") from error
    except ValidationError as error:
        problems = "\n".join(f"  {'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise SettingsInvalid(f"{path} can't be used:\n{problems}") from error
    except ValueError as error:
        raise SettingsInvalid(f"{path} can't be used: {error}") from error
