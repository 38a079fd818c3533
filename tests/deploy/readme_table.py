"""The table of values in the chart's README, made of values.yaml and values.schema.json.

`python -m tests.deploy.readme_table` writes it there anew.
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.rendered import CHART

README = CHART / "README.md"
BEGIN, END = "<!-- values -->\n", "<!-- end of values -->\n"


def rows() -> Iterator[tuple[str, str, str]]:
    """Path, default and description of every value; what is described once for several, as a part of each."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    yield from _rows("", schema, values, schema["$defs"])


def table() -> str:
    """The table, as Markdown."""
    lines = ["| value | default | what it is |", "| --- | --- | --- |"]
    lines += [f"| `{path}` | {f'`{default}`' if default else ''} | {what} |" for path, default, what in rows()]
    return "\n".join(lines) + "\n"


def _rows(path: str, schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, given in schema["properties"].items():
        own = f"{path}.{name}" if path else name
        inner = _looked_up(given, defs)
        default = value.get(name) if isinstance(value, dict) else None
        whole = "$ref" in given and given["$ref"].endswith(("/resources", "/image", "/autoscaling", "/disruption"))
        if inner.get("properties") and not whole and default is not None:
            yield from _rows(own, inner, default, defs)
        else:
            yield own, _shown(default), given["description"].replace("|", "\\|")
            yield from _below(own, inner, defs)


def _below(path: str, schema: dict[str, Any], defs: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The keys of what stands under a name of one's own, or in a list."""
    named = schema.get("patternProperties", {})
    inner = next(iter(named.values()), None) or schema.get("items") or schema.get("additionalProperties")
    if isinstance(inner, dict) and inner.get("properties") and inner.get("description"):
        yield from _rows(f"{path}[]" if "items" in schema else f"{path}.NAME", inner, None, defs)


def _looked_up(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return dict(defs[reference.rpartition("/")[2]]) if reference else schema


def _shown(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False, separators=(", ", ": "))
    return "" if default is None else text.replace("|", "\\|")


def main() -> None:
    """Write the table into the README."""
    text = README.read_text("utf-8")
    before, rest = text.split(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
