"""Reads `sources.yaml`, the list of what the knowledge base is made of, and tells every problem with its line."""

import difflib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from knowledge.errors import ListingInvalid
from knowledge.sources.kinds import KINDS, BaseSource
from knowledge.sources.yaml_lines import Location, YamlPage, parse_yaml

EXAMPLE = Path(__file__).parents[1] / "samples" / "sources.example.yaml"
_SLUG = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")


def load_listing(path: Path, readable: Collection[str]) -> tuple[BaseSource, ...]:
    """The sources, at least one, in the order of the file.

    Args:
        path: the file; relative paths in it are relative to its folder.
        readable: the kinds that can be read.

    Raises:
        ListingInvalid: with all problems at once; also for a list without entries, since a file that was
            emptied by mistake must not empty the knowledge base.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ListingInvalid((f"{path}: can't be read ({error.strerror}); `innkeeper ingest --example` prints one",)) from error
    return parse_listing(path, content, readable)


def parse_listing(path: Path, content: bytes, readable: Collection[str]) -> tuple[BaseSource, ...]:
    """As `load_listing`, from the bytes of the file."""
    page = parse_yaml(path, content)
    problems = _shape_problems(page)
    if problems:
        raise ListingInvalid(tuple(problems))
    sources: list[BaseSource] = []
    seen: dict[str, int] = {}
    for place, entry in enumerate(page.data["sources"]):
        at: Location = ("sources", place)
        source = _parse_entry(page, at, entry, readable, problems)
        if source is None:
            continue
        sources.append(source)
        if not _SLUG.fullmatch(source.name):
            problems.append(page.problem((*at, "name"), "write small letters, digits, `-`, `_` and `.` only, at most 64"))
        elif (first := seen.setdefault(source.name, place)) != place:
            problems.append(page.problem((*at, "name"), f"`{source.name}` is the name of sources[{first}] too; rename one"))
    if problems:
        raise ListingInvalid(tuple(problems))
    return tuple(sources)


def _shape_problems(page: YamlPage) -> list[str]:
    if page.data is None:
        return [f"{page.path}: is empty; write `sources:` and a list under it, or see `innkeeper ingest --example`"]
    if not isinstance(page.data, dict) or "sources" not in page.data:
        near = difflib.get_close_matches("sources", map(str, page.data), n=1) if isinstance(page.data, dict) else []
        if near:
            return [page.problem((near[0],), "unknown key; did you mean sources?")]
        return [page.problem((), "holds no `sources:`; write it, and a list of sources under it")]
    unknown = [page.problem((str(key),), "unknown key; known is sources") for key in page.data if key != "sources"]
    listed = page.data["sources"]
    if not isinstance(listed, list):
        return [*unknown, page.problem(("sources",), "is no list; write an entry with `- name: …` for each source")]
    if not listed:
        return [
            *unknown,
            page.problem(("sources",), "is empty; `innkeeper ingest --forget NAME` removes the last one's documents"),
        ]
    return unknown


def _parse_entry(page: YamlPage, at: Location, entry: Any, readable: Collection[str], problems: list[str]) -> BaseSource | None:
    if not isinstance(entry, dict):
        problems.append(page.problem(at, "is no source; write `name:`, `kind:` and its settings"))
        return None
    if "kind" not in entry:
        problems.append(page.problem(at, f"`kind` is missing; write one of {', '.join(sorted(readable))}"))
        return None
    kind = str(entry["kind"])
    if kind not in readable:
        near = difflib.get_close_matches(kind, readable, n=1)
        hint = f"did you mean {near[0]}?" if near else f"this version reads {', '.join(sorted(readable))}"
        problems.append(page.problem((*at, "kind"), f"`{kind}` can't be read; {hint}"))
        return None
    schema = KINDS[kind]
    try:
        return schema.model_validate(entry, context={"folder": page.path.absolute().parent})
    except ValidationError as error:
        for detail in error.errors():
            location = (*at, *detail["loc"])
            if detail["type"] == "extra_forbidden":
                problems.append(page.problem(location, "unknown key" + _nearest(schema, str(detail["loc"][-1]))))
            elif detail["type"] == "missing":
                problems.append(page.problem(location[:-1], f"`{location[-1]}` is missing; a source of kind {kind} needs it"))
            else:
                problems.append(page.problem(location, detail["msg"].removeprefix("Value error, ")))
    return None


def _nearest(schema: type[BaseSource], key: str) -> str:
    near = difflib.get_close_matches(key, schema.model_fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(schema.model_fields)}"
