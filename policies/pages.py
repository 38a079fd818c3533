"""One YAML file of a policy folder: its values, its shape, and on which line what is wrong. Touches no disk."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

MAX_FILE_BYTES = 1_000_000
"""A policy file that is larger is a mistake, and YAML is slow to read."""

MOST_VALUES = 500_000
"""Of a file, with each value counted as often as it is repeated by `*`."""

_HOLDS_NONE = {
    "dict": "holds no mapping; write `key: value` lines",
    "list": "holds no list; begin each case with `- name: …`",
}

Location = tuple[int | str, ...]
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Page:
    """The values of a file, and the syntax tree that knows their lines."""

    path: Path
    data: Any
    node: Node | None

    def problem(self, location: Location, what: str) -> str:
        """`file:line: place: what`."""
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        return f"{self.path}:{self.line(location)}: {where + ': ' if where else ''}{what}"

    def line(self, location: Location) -> int:
        """Where that stands, or else what is around it; the first line is 1."""
        node, line = self.node, 1
        for part in location:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line


def _child(node: Node | None, part: int | str) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def parse_page(path: Path, content: bytes, problems: list[str], kind: type = dict) -> Page | None:
    """The values of a file. None, and a line more in `problems`, if it can't be read or isn't of that kind as a whole."""
    if len(content) > MAX_FILE_BYTES:
        problems.append(f"{path}: is larger than {MAX_FILE_BYTES:,} bytes; split or shorten it")
        return None
    try:
        reader = YAML(typ="safe", pure=True)
        node = reader.compose(content.decode("utf-8-sig"))
        if is_endless(node):
            raise ValueError("it repeats itself by & and * without end, or too often")
        page = Page(path, reader.constructor.construct_document(node) if node is not None else None, node)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problems.append(f"{path}:{line}: is not UTF-8; save it as UTF-8")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        problems.append(f"{path}:{mark.line + 1 if mark else 1}: is not valid YAML ({' '.join(what.split())}); correct it")
    except (YAMLError, ValueError) as error:
        problems.append(f"{path}:1: is not valid YAML ({' '.join(str(error).split())}); correct it")
    except RecursionError:
        problems.append(f"{path}:1: is nested too deeply; flatten it")
    else:
        if isinstance(page.data, kind):
            return page
        problems.append(f"{path}:1: {_HOLDS_NONE[kind.__name__]}, see the pack that ships")
    return None


def is_endless(node: Node | None) -> bool:
    """Whether values hold themselves, or are repeated so often that nobody could read them to the end."""
    left: list[Node] = [] if node is None else [node]
    for _ in range(MOST_VALUES):
        if not left:
            return False
        one = left.pop()
        if isinstance(one, MappingNode):
            left += [part for pair in one.value for part in pair]
        elif isinstance(one, SequenceNode):
            left += one.value
    return True


def validate_page(page: Page, schema: type[_Model], problems: list[str]) -> _Model | None:
    """The file as its model. None, and a line in `problems` for each thing that is wrong."""
    try:
        return schema.model_validate(page.data)
    except ValidationError as error:
        for detail in error.errors():
            location = tuple(part for part in detail["loc"] if part != "[key]")
            if detail["type"] == "extra_forbidden":
                problems.append(page.problem(location, "unknown key" + _nearest(schema, location)))
            elif detail["type"] == "missing":
                problems.append(page.problem(location[:-1], f"`{location[-1]}` is missing; add it"))
            else:
                problems.append(page.problem(location, detail["msg"].removeprefix("Value error, ")))
    return None


def _nearest(schema: type[BaseModel], location: Location) -> str:
    """The known key that looks most like the unknown one at the end of `location`."""
    kind: Any = schema
    for part in location[:-1]:
        kind = _inside(kind, part)
    fields = list(_model_in(kind).model_fields) if _model_in(kind) else []
    near = difflib.get_close_matches(str(location[-1]), fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(fields)}"


def _inside(kind: Any, part: int | str) -> Any:
    if isinstance(kind, type) and issubclass(kind, RootModel):
        kind = kind.model_fields["root"].annotation
    model = _model_in(kind) if isinstance(part, str) else None
    if model is not None and part in model.model_fields:
        return model.model_fields[str(part)].annotation
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    return arguments[-1] if arguments else kind


def _model_in(kind: Any) -> Any:
    """The model that an annotation such as `Model | None` or `tuple[Model, ...]` speaks of."""
    if get_origin(kind) in {Union, UnionType, tuple}:
        return next((model for argument in get_args(kind) if (model := _model_in(argument))), None)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
