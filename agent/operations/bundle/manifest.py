"""What a bundle says of itself, and what a path in it may look like. Pure: touches no disk."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.errors import BundleInvalid

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
SUMS = "SHA256SUMS"
SBOM = "sbom.cdx.json"
UNLISTED = frozenset({MANIFEST, SIGNATURE})
"""The files that no manifest can list: itself, and what is made from it."""
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Data):
    """One file: its path in the bundle with forward slashes, bytes, SHA-256."""

    path: str
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256

    @field_validator("path")
    @classmethod
    def _safe(cls, path: str) -> str:
        if not is_safe_path(path):
            raise ValueError(f"{path!r} is no path inside the bundle")
        return path


class ImageEntry(_Data):
    """A container image.

    Attributes:
        reference: as the chart or the list names it.
        repository: without registry, tag and digest; where a private registry keeps it.
        tag: what it is pushed under.
        digest: of the manifest, or of the index of several platforms, in the archive.
        archive: path of the OCI archive in the bundle.
        values: paths in the chart's values that name this image, with dots.
    """

    reference: str
    repository: Annotated[str, Field(pattern=r"^[a-z0-9]+([._/-]+[a-z0-9]+)*$")]
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
    digest: Digest
    archive: str
    values: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+|\[\d+\])*$")], ...] = ()


class Licence(_Data):
    """What a model may be used under: its name, where the text stands, what to know."""

    name: str
    url: str | None = None
    note: str | None = None


class ModelEntry(_Data):
    """The files of one model, in `models/NAME`."""

    name: Annotated[str, Field(pattern=MODEL_NAME)]
    checkpoint: str | None = None
    licence: Licence


class ChartEntry(_Data):
    """The packed Helm chart."""

    name: str
    version: str
    archive: str


class PolicyEntry(_Data):
    """The policy folder in `policies/`."""

    version: str
    sha256: Sha256


class Manifest(_Data):
    """The whole bundle."""

    format: Literal[1] = 1
    innkeeper: str
    created: str
    signed_by: Sha256
    files: tuple[FileEntry, ...]
    images: tuple[ImageEntry, ...] = ()
    models: tuple[ModelEntry, ...] = ()
    chart: ChartEntry | None = None
    policies: PolicyEntry | None = None

    @property
    def bytes(self) -> int:
        """Of all listed files."""
        return sum(entry.size for entry in self.files)

    def under(self, folder: str) -> tuple[FileEntry, ...]:
        """The files of a folder of the bundle."""
        return tuple(entry for entry in self.files if entry.path.startswith(folder + "/"))

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        paths = [entry.path for entry in self.files]
        if len(set(paths)) != len(paths):
            raise ValueError("a file is listed twice")
        named = [image.archive for image in self.images] + ([self.chart.archive] if self.chart else [])
        if lost := sorted(set(named) - set(paths)):
            raise ValueError(f"{lost[0]} is named but not among the files")
        if empty := [model.name for model in self.models if not self.under(f"models/{model.name}")]:
            raise ValueError(f"the model {empty[0]} has no file")
        return self


def read_manifest(content: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises:
        BundleInvalid: it is none, or lists what no bundle holds.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleInvalid(f"{MANIFEST} can't be used: {place + ': ' if place else ''}{first['msg']}") from error


def is_safe_path(path: str) -> bool:
    """Whether a path leads to a file inside the bundle and nowhere else, on any system."""
    parts = path.split("/")
    is_plain = all(part not in {"", ".", ".."} for part in parts) and not PurePosixPath(path).is_absolute()
    return is_plain and path not in UNLISTED and "\\" not in path and path.isprintable()
