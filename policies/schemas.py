"""JSON Schemas of a pack's files, for editors that complete and check as one writes. They are shipped in `schemas/`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from policies.load import file_shapes

_ABOUT = "https://json-schema.org/draft/2020-12/schema"


def schema_names() -> Mapping[str, type[BaseModel]]:
    """The kinds of files, by the name of their schema: `policy` for `policy.yaml`, `actions` for `actions/*.yaml`."""
    return {name.removesuffix(".yaml").removesuffix("/*"): shape for name, shape in file_shapes().items()}


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a kind of file.

    Raises:
        KeyError: there is no such kind.
    """
    return {"$schema": _ABOUT, **schema_names()[name].model_json_schema()}


def written(name: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def shipped_folder() -> Path:
    """Where the schemas are that ship."""
    return Path(__file__).parent / "schemas"


def write_all(folder: Path) -> Iterator[Path]:
    """Write the schema of every kind of file into a folder; gives each path as it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in schema_names():
        path = folder / f"{name}.json"
        path.write_text(written(name), encoding="utf-8")
        yield path
