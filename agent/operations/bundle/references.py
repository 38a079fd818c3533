"""Which container images there are: names as registries write them, and where a chart's values name one. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import BundleFailed

_REFERENCE = re.compile(
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_REGISTRY = re.compile(r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*)(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by name: `registry/repository:tag@digest`. Without a registry it can't be fetched, only given as an archive.

    Attributes:
        values: paths in the chart's values that name it, with dots.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def pull(self) -> str:
        """What a registry is asked for: the digest goes before the tag, and both together are one too many."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag or 'latest'}"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """Read `registry/repository[:tag][@digest]`.

    Raises:
        BundleFailed: it is no name of an image.
    """
    first, slash, rest = text.partition("/")
    has_registry = bool(slash) and (first == "localhost" or "." in first or ":" in first) and bool(_REGISTRY.fullmatch(first))
    match = _REFERENCE.fullmatch(rest if has_registry else text)
    if not match:
        raise BundleFailed(
            f"{text!r} is no name of an image; write it as registry/repository:tag or registry/repository@sha256:…"
        )
    return Reference(first if has_registry else "", match["repository"], match["tag"] or "", match["digest"] or "")


def images_of_values(values: Mapping[str, Any], app_version: str) -> tuple[Reference, ...]:
    """The images that a chart would use with these values, each once.

    An image is a table with a `repository` under the key `image`. What stands in a table that says `enabled: false`
    is not used, nor is the model servers' image where `models` is empty, or the router's where none of them has one.
    """
    models = values.get("models") or {}
    unused = set() if models else {"vllm.image"}
    if not any((model.get("router") or {}).get("enabled") for model in models.values()):
        unused.add("router.image")
    found: dict[tuple[str, str, str, str], Reference] = {}
    for path, table in _tables(values, ""):
        if path in unused:
            continue
        one = parse_reference(_written(table, app_version))
        key = (one.registry, one.repository, one.tag, one.digest)
        known = found.get(key, one)
        found[key] = replace(known, values=(*known.values, path))
    return tuple(found.values())


def merge(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Values with others laid over them, as Helm does: tables are merged, all else is replaced, null takes away."""
    merged = dict(values)
    for key, value in more.items():
        below = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _tables(value: object, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if value.get("enabled") is False:
            return
        for key, below in value.items():
            place = f"{path}.{key}" if path else str(key)
            if key == "image" and isinstance(below, Mapping) and below.get("repository"):
                yield place, below
            else:
                yield from _tables(below, place)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for n, below in enumerate(value):
            yield from _tables(below, f"{path}[{n}]")


def _written(table: Mapping[str, Any], app_version: str) -> str:
    registry, digest = table.get("registry") or "", table.get("digest") or ""
    # The chart's own image has the chart's app version where no tag is given.
    tag = table.get("tag") or ("" if digest else app_version)
    prefix = f"{registry}/" if registry else ""
    return f"{prefix}{table['repository']}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
