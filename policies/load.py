"""Reads a policy folder, checks all of it, and lists every problem with its file and line.

The only module of the room that touches a disk.
"""

import difflib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pydantic import BaseModel

from policies.actions import Action
from policies.canned import CannedFile
from policies.cases import CasesFile, PlacedCase
from policies.errors import RulesInvalid
from policies.guidelines import GuidelinesFile
from policies.hours import HoursFile
from policies.knowledge import KnowledgeFile
from policies.pages import Page, parse_page, validate_page
from policies.privacy import PrivacyFile
from policies.schema import DisclosureFile, EscalationFile, Pack, PolicyFile
from policies.together import together_problems
from policies.tone import ToneFile
from policies.topics import TopicsFile

_FILES: Mapping[str, type[BaseModel]] = {
    "policy.yaml": PolicyFile,
    "disclosure.yaml": DisclosureFile,
    "escalation.yaml": EscalationFile,
    "privacy.yaml": PrivacyFile,
}
_OPTIONAL: Mapping[str, type[BaseModel]] = {
    "topics.yaml": TopicsFile,
    "tone.yaml": ToneFile,
    "hours.yaml": HoursFile,
    "knowledge.yaml": KnowledgeFile,
}
_FOLDERS: Mapping[str, type[BaseModel]] = {
    "actions": Action,
    "canned": CannedFile,
    "guidelines": GuidelinesFile,
    "tests": CasesFile,
}
_LISTS = frozenset({"tests"})
"""Folders whose files are lists."""


def file_shapes() -> Mapping[str, type[BaseModel]]:
    """What each file of a folder must look like, by its name; `actions/*.yaml` for all files in a folder."""
    return {**_FILES, **_OPTIONAL, **{f"{folder}/*.yaml": shape for folder, shape in _FOLDERS.items()}}


def default_folder() -> Path:
    """The pack that ships."""
    return Path(__file__).parent / "default"


def pack_digest(folder: Path) -> str | None:
    """`Pack.sha256` of a folder as it is now, whether it can be used or not; None if not all of it can be read."""
    problems: list[str] = []
    files = _read_all(folder, problems) if folder.is_dir() else {}
    return None if problems or not files else _digest(files)


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
    parsed = _parse_all(folder, files, problems)
    pages = {name: page for name, page in parsed.items() if page is not None}
    models = {name: None if page is None else validate_page(page, _schema_of(name), problems) for name, page in parsed.items()}
    problems += together_problems(pages, models)
    if problems:
        raise RulesInvalid(tuple(problems))
    parts = {name.removesuffix(".yaml"): models[name] for name in (*_FILES, *_OPTIONAL) if name in models}
    guidelines = [rule for model in models.values() if isinstance(model, GuidelinesFile) for rule in model.guidelines]
    actions = [model for model in models.values() if isinstance(model, Action)]
    canned = {key: text for model in models.values() if isinstance(model, CannedFile) for key, text in model.texts.items()}
    cases = [
        PlacedCase(f"{name}:{pages[name].line((index,))}", case)
        for name, model in models.items()
        if isinstance(model, CasesFile)
        for index, case in enumerate(model.root)
    ]
    gathered = {"guidelines": tuple(guidelines), "actions": tuple(actions), "canned": canned, "cases": tuple(cases)}
    return Pack.model_validate({**parts, **gathered, "sha256": _digest(files)})


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
    return _FILES.get(name) or _OPTIONAL.get(name) or _FOLDERS[PurePosixPath(name).parts[0]]


def _parse_all(folder: Path, files: Mapping[str, bytes], problems: list[str]) -> dict[str, Page | None]:
    """By relative path. None stands for a file that is no YAML."""
    for name in _FILES:
        if name not in files and not (folder / name).is_symlink() and not (folder / name).exists():
            problems.append(f"{folder / name}: is missing; every policy folder has {', '.join(_FILES)}")
    pages: dict[str, Page | None] = {}
    known = (*_FILES, *_OPTIONAL)
    for name, content in sorted(files.items()):
        path = PurePosixPath(name)
        if path.suffix == ".yml":
            problems.append(f"{folder / name}: would not be read; name it {path.with_suffix('.yaml')}")
        elif path.suffix != ".yaml":
            continue
        elif name not in known and not (len(path.parts) == 2 and path.parts[0] in _FOLDERS):
            near = difflib.get_close_matches(name, [*known, *(f"{one}/{path.name}" for one in _FOLDERS)], n=1)
            folders = ", ".join(f"{one}/*.yaml" for one in _FOLDERS)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}, {folders}"
            problems.append(f"{folder / name}: unknown file; {hint}")
        else:
            pages[name] = parse_page(folder / name, content, problems, list if path.parts[0] in _LISTS else dict)
    return pages
