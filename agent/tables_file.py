"""A TOML file in the data folder that holds one table for each thing of a kind: helpdesks, or the company's systems."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from agent.errors import SettingsInvalid

T = TypeVar("T")


def read_tables(path: Path, form: TypeAdapter[dict[str, T]], check: Callable[[Mapping[str, T]], None]) -> dict[str, T]:
    """The tables of such a file by name; none if there is no file.

    Args:
        path: the file.
        form: what the tables are.
        check: raises `ValueError` for a name that none can have.

    Raises:
        SettingsInvalid: it can't be read, or holds what is none.
    """
    try:
        found = form.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
        check(found)
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
