"""The chart's README and its values say the same."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.conftest import Helm
from tests.deploy.readme_table import BEGIN, END, README, rows, table
from tests.deploy.rendered import CHART, RELEASE

SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))


def test_the_table_is_that_of_the_values():
    shown = README.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    assert shown == table(), "run `python -m tests.deploy.readme_table`"


def test_every_value_is_in_the_table():
    paths = {path for path, _, _ in rows()}
    for path in leaves("", yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))):
        assert any(path == one or path.startswith(f"{one}.") for one in paths), path


def leaves(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(f"{path}.{name}" if path else name, inner)
    else:
        yield path


def test_every_object_of_the_schema_is_closed_or_open_on_purpose():
    open_ones = [
        path for path, one in objects("", SCHEMA) if "properties" in one and one.get("additionalProperties") is not False
    ]
    assert open_ones == []


def test_every_value_is_described():
    for path, one in objects("", SCHEMA):
        for name, inner in one.get("properties", {}).items():
            if "/$defs/peers" not in path:
                assert inner.get("description"), f"{path}.{name}"


def objects(path: str, schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, list):
        for number, one in enumerate(schema):
            yield from objects(f"{path}/{number}", one)
    elif isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, one in schema.items():
            yield from objects(f"{path}/{key}", one)


def test_the_values_that_the_readme_begins_with_render(helm: Helm):
    first = re.search(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert first is not None
    done = helm("template", RELEASE, str(CHART), "-f", "-", stdin=first[1])
    assert done.returncode == 0, done.stderr


def test_the_chart_alone_says_what_it_needs(helm: Helm):
    done = helm("template", RELEASE, str(CHART))
    assert done.returncode != 0
    assert re.search(r"(redis\.auth\.existingSecret: name a secret|llm: there is no model)", done.stderr)
