"""Reads a policy folder, checks all of it, and lists every problem with its file and line.

The only module of the room that touches a disk.
"""

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from policies.errors import RulesInvalid
from policies.schema import (
    REQUIRED_TEXTS,
    DisclosureFile,
    EscalationFile,
    GuidelineRule,
    GuidelinesFile,
    Pack,
    PolicyFile,
    PrivacyFile,
)
from policies.topics import TopicsFile

MAX_FILE_BYTES = 1_000_000
"""A policy file that is larger is a mistake, and YAML is slow to read."""

_FILES: Mapping[str, type[BaseModel]] = {
    "policy.yaml": PolicyFile,
    "disclosure.yaml": DisclosureFile,
    "escalation.yaml": EscalationFile,
    "privacy.yaml": PrivacyFile,
}
_OPTIONAL: Mapping[str, type[BaseModel]] = {"topics.yaml": TopicsFile}
_GUIDELINES = "guidelines"
_RULES_OF = {EscalationFile: "triggers", GuidelinesFile: "guidelines", TopicsFile: "topics"}
"""The list of rules in a file, each with an id that no other rule of the folder has."""
_Model = TypeVar("_Model", bound=BaseModel)
_Location = tuple[int | str, ...]


def default_folder() -> Path:
    """The pack that ships."""
    return Path(__file__).parent / "default"


def load_pack(folder: Path) -> Pack:
    """Read and check a policy folder.

    Raises:
        RulesInvalid: with all problems at once.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise RulesInvalid((f"{folder}: {what}; name a folder with {', '.join(_FILES)}",))
    problems: list[str] = []
    files = _read_all(folder, problems)
    pages = _parse_all(folder, files, problems)
    models = {name: _validate(page, _schema_of(name), problems) for name, page in pages.items()}
    _check_together(folder, pages, models, problems)
    if problems:
        raise RulesInvalid(tuple(problems))
    rules: list[GuidelineRule] = []
    for model in models.values():
        if isinstance(model, GuidelinesFile):
            rules += model.guidelines
    parts = {name.removesuffix(".yaml"): models[name] for name in (*_FILES, *_OPTIONAL) if name in models}
    return Pack.model_validate({**parts, "guidelines": tuple(rules), "sha256": _digest(files)})


@dataclass(frozen=True, slots=True)
class _Page:
    """One YAML file: its values, and the syntax tree that knows their lines."""

    path: Path
    data: Any
    node: Node | None

    def problem(self, location: _Location, what: str) -> str:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
        return f"{self.path}:{self._line(location)}: {where + ': ' if where else ''}{what}"

    def _line(self, location: _Location) -> int:
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


def _read_all(folder: Path, problems: list[str]) -> dict[str, bytes]:
    """Bytes by relative path. Hidden names are left out: editors and mounted volumes keep their own there."""
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(f for f in folders if not f.startswith("."))
        if real in seen:
            continue
        seen.add(real)
        for path in (Path(place) / name for name in sorted(names) if not name.startswith(".")):
            try:
                files[path.relative_to(folder).as_posix()] = path.read_bytes()
            except OSError as error:
                problems.append(f"{path}: can't be read ({error.strerror}); check its permissions")
    return files


def _digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over sorted paths and bytes, each with its length, so that no two folders look alike."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _schema_of(name: str) -> type[BaseModel]:
    return _FILES.get(name) or _OPTIONAL.get(name, GuidelinesFile)


def _parse_all(folder: Path, files: Mapping[str, bytes], problems: list[str]) -> dict[str, _Page]:
    for name in _FILES:
        if name not in files and not (folder / name).is_symlink() and not (folder / name).exists():
            problems.append(f"{folder / name}: is missing; every policy folder has {', '.join(_FILES)}")
    pages, known = {}, (*_FILES, *_OPTIONAL)
    for name, content in sorted(files.items()):
        path = PurePosixPath(name)
        if path.suffix == ".yml":
            problems.append(f"{folder / name}: would not be read; name it {path.with_suffix('.yaml')}")
        elif path.suffix != ".yaml":
            continue
        elif name not in known and path.parts[:-1] != (_GUIDELINES,):
            near = difflib.get_close_matches(name, [*known, _GUIDELINES + "/" + path.name], n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)} and {_GUIDELINES}/*.yaml"
            problems.append(f"{folder / name}: unknown file; {hint}")
        else:
            page = _parse(folder / name, content, problems)
            if page is not None:
                pages[name] = page
    return pages


def _parse(path: Path, content: bytes, problems: list[str]) -> _Page | None:
    if len(content) > MAX_FILE_BYTES:
        problems.append(f"{path}: is larger than {MAX_FILE_BYTES:,} bytes; split or shorten it")
        return None
    try:
        reader = YAML(typ="safe", pure=True)
        node = reader.compose(content.decode("utf-8-sig"))
        page = _Page(path, reader.constructor.construct_document(node) if node is not None else None, node)
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
        if isinstance(page.data, dict):
            return page
        problems.append(f"{path}:1: holds no mapping; write `key: value` lines, see the pack that ships")
    return None


def _validate(page: _Page, schema: type[_Model], problems: list[str]) -> _Model | None:
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


def _nearest(schema: type[BaseModel], location: _Location) -> str:
    """The known key that looks most like the unknown one at the end of `location`."""
    kind: Any = schema
    for part in location[:-1]:
        kind = _inside(kind, part)
    fields = list(_model_in(kind).model_fields) if _model_in(kind) else []
    near = difflib.get_close_matches(str(location[-1]), fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(fields)}"


def _inside(kind: Any, part: int | str) -> Any:
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


def _check_together(
    folder: Path, pages: Mapping[str, _Page], models: Mapping[str, BaseModel | None], problems: list[str]
) -> None:
    """What no file can know alone: locales, `say` keys, ids."""
    policy, disclosure, escalation = (models.get(n) for n in ("policy.yaml", "disclosure.yaml", "escalation.yaml"))
    locales = policy.locales if isinstance(policy, PolicyFile) else None
    if isinstance(disclosure, DisclosureFile):
        problems += _locale_problems(pages["disclosure.yaml"], ("text",), disclosure.text, locales)
    if isinstance(escalation, EscalationFile):
        page = pages["escalation.yaml"]
        for key, by_locale in escalation.texts.items():
            problems += _locale_problems(page, ("texts", key), by_locale, locales)
        for key in REQUIRED_TEXTS:
            if key not in escalation.texts:
                problems.append(page.problem(("texts",), f"`{key}` is missing; the agent needs it, add it"))
        for index, trigger in enumerate(escalation.triggers):
            if trigger.say not in escalation.texts:
                near = difflib.get_close_matches(trigger.say, escalation.texts, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(escalation.texts)}"
                problems.append(page.problem(("triggers", index, "say"), f"there is no text `{trigger.say}`; {hint}"))
    problems += _duplicate_ids(pages, models)


def _locale_problems(page: _Page, at: _Location, texts: Mapping[str, str], locales: tuple[str, ...] | None) -> list[str]:
    if locales is None:
        return []
    missing = [page.problem(at, f"locale `{locale}` is missing; add it") for locale in locales if locale not in texts]
    extra = [locale for locale in texts if locale not in locales]
    return missing + [page.problem((*at, locale), "this locale is not in policy.yaml; add it there") for locale in extra]


def _duplicate_ids(pages: Mapping[str, _Page], models: Mapping[str, BaseModel | None]) -> list[str]:
    first: dict[str, str] = {}
    problems = []
    for name, model in models.items():
        list_name = _RULES_OF.get(type(model), "") if model else ""
        for index, rule in enumerate(getattr(model, list_name, ())):
            if rule.id in first:
                where = pages[name].problem((list_name, index, "id"), f"`{rule.id}` is already used in {first[rule.id]}")
                problems.append(where + "; rename one")
            first.setdefault(rule.id, name)
    return problems
