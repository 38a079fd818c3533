"""A YAML file with the lines of its values, so that a problem can be told where it stands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from knowledge.errors import ListingInvalid

MAX_BYTES = 200_000
"""A list of sources is some kilobytes, and YAML is slow to read."""
Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class YamlPage:
    """The values of a file, and the syntax tree that knows their lines."""

    path: Path
    data: Any
    node: Node | None

    def problem(self, location: Location, what: str) -> str:
        """One line: file, line, where in the file, what."""
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        return f"{self.path}:{self._line(location)}: {where + ': ' if where else ''}{what}"

    def _line(self, location: Location) -> int:
        node, line = self.node, 1
        for part in location:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line


def parse_yaml(path: Path, content: bytes) -> YamlPage:
    """The file's values.

    Raises:
        ListingInvalid: it is not YAML, or not UTF-8, or too large.
    """
    if len(content) > MAX_BYTES:
        raise ListingInvalid((f"{path}: is larger than {MAX_BYTES:,} bytes; shorten it",))
    try:
        reader = YAML(typ="safe", pure=True)
        node = reader.compose(content.decode("utf-8-sig"))
        return YamlPage(path, reader.constructor.construct_document(node) if node is not None else None, node)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ListingInvalid((f"{path}:{line}: is not UTF-8; save it as UTF-8",)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 1
        raise ListingInvalid((f"{path}:{line}: is not valid YAML ({' '.join(what.split())}); correct it",)) from error
    except (YAMLError, ValueError) as error:
        raise ListingInvalid((f"{path}:1: is not valid YAML ({' '.join(str(error).split())}); correct it",)) from error
    except RecursionError as error:
        raise ListingInvalid((f"{path}:1: is nested too deeply; flatten it",)) from error


def _child(node: Node | None, part: int | str) -> tuple[int, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
