"""The file in the data folder in which `innkeeper connect` writes down helpdesks, and what none may be named."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent.errors import SettingsInvalid
from agent.helpdesk_settings import AnyHelpdesk, check_names
from agent.site_settings import WIDGET_SOURCE

_HELPDESKS: TypeAdapter[dict[str, AnyHelpdesk]] = TypeAdapter(dict[str, AnyHelpdesk])


def helpdesks_path(data_dir: Path) -> Path:
    """The file that `innkeeper connect` writes: one table for each helpdesk."""
    return data_dir / "helpdesks.toml"


def read_helpdesks(path: Path) -> dict[str, AnyHelpdesk]:
    """The helpdesks of such a file; none if there is no file.

    Raises:
        SettingsInvalid: it can't be read, or holds what is none.
    """
    try:
        found = _HELPDESKS.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
        check_helpdesk_names(found)
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


def check_helpdesk_names(helpdesks: Mapping[str, AnyHelpdesk]) -> None:
    """Raise `ValueError` for a name that no helpdesk can have."""
    if WIDGET_SOURCE in helpdesks:
        raise ValueError(f"{WIDGET_SOURCE!r} is what the chat widget goes by; name the helpdesk otherwise")
    check_names(helpdesks)
