"""The kinds of sources that `sources.yaml` may name, with the settings of each."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from knowledge.types import Audience, Trust

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NAMED = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1), "never": None}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def _refresh(value: object) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    if text in _NAMED:
        return _NAMED[text]
    found = re.fullmatch(r"(\d{1,4}) ?([mhd])", text)
    if found is None or found.group(1).strip("0") == "":
        raise ValueError("write how often, e.g. 15m, 6h, 2d, hourly, daily, weekly, or never")
    return int(found.group(1)) * _UNITS[found.group(2)]


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        # The value isn't repeated: it may be the secret itself.
        raise ValueError(
            "write the NAME of an environment variable, e.g. WIKI_TOKEN; the secret itself never stands in this file"
        )
    return value


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        has_port_in_range = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not has_port_in_range:
        raise ValueError("write an address that starts with https:// or http:// and names a host")
    return _without_secret(value)


def _without_secret(value: str) -> str:
    if "://" in value and urlsplit(value).password:
        raise ValueError("has a password in it; name an environment variable as `token_env` instead")
    return value


def _git_address(value: str) -> str:
    # git takes a leading dash for an option, and `ext::` for a command to run.
    if not value.strip() or value.startswith("-") or "::" in value:
        raise ValueError("write an address such as https://git.example.com/a.git, git@git.example.com:a.git, or a path")
    return _without_secret(value)


def _line(value: str) -> str:
    if not value.strip() or len(value) > 200 or _CONTROL.search(value):
        raise ValueError("write one line of at most 200 characters")
    return value


def _inside(value: str) -> str:
    if not value.strip() or value.startswith("/") or ".." in value.split("/") or _CONTROL.search(value):
        raise ValueError("write a path within the source, e.g. docs/help")
    return value


def _host(value: str) -> str:
    if "/" in value or "@" in value or not value.strip():
        raise ValueError("write a host alone, e.g. help.example.com")
    return value.lower()


def _absolute(value: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder", Path())
    return Path(os.path.abspath(folder / value.expanduser()))


Variable = Annotated[str, AfterValidator(_variable)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
GitAddress = Annotated[str, AfterValidator(_git_address)]
Host = Annotated[str, AfterValidator(_host)]
FilePath = Annotated[Path, AfterValidator(_absolute)]
Line = Annotated[str, AfterValidator(_line)]
Inside = Annotated[str, AfterValidator(_inside)]


class BaseSource(BaseModel):
    """What every source says of itself.

    Attributes:
        name: names it in reports and keeps its documents apart from those of other sources.
        audience: who may read documents that don't say it themselves.
        language: of documents that don't say it themselves, e.g. `en`.
        owner: the team or person that answers for it.
        refresh: how long a good copy stays good; None means that a person refreshes it.
        trust: how far it is relied on where sources differ.
        id_prefix: put before the id of each document, for sources whose ids would meet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Line
    audience: Audience = Audience.PUBLIC
    language: Line | None = None
    owner: Line | None = None
    refresh: Annotated[timedelta | None, BeforeValidator(_refresh)] = timedelta(days=1)
    trust: Trust = Trust.NORMAL
    id_prefix: Annotated[str, Field(max_length=100, pattern=r"^[^\s\x00-\x1f\x7f]*$")] = ""

    @property
    def kind_name(self) -> str:
        """Its `kind`."""
        return str(getattr(self, "kind", ""))

    @property
    def root(self) -> str:
        """The path or URL of the whole of it; empty if there is no such thing."""
        return str(getattr(self, "path", None) or getattr(self, "url", ""))

    @property
    def reaches(self) -> tuple[str, ...]:
        """URLs of the hosts that reading it connects to."""
        return ()


class FolderSource(BaseSource):
    """A folder of documents, with all folders below it."""

    kind: Literal["folder"] = "folder"
    path: FilePath


class FilesSource(BaseSource):
    """Some files."""

    kind: Literal["files"] = "files"
    paths: Annotated[tuple[FilePath, ...], Field(min_length=1)]


class _WebSource(BaseSource):
    url: WebAddress

    @property
    def reaches(self) -> tuple[str, ...]:
        """URLs of the hosts that reading it connects to."""
        return (self.url,)


class GitSource(BaseSource):
    """A repository, or a folder of it, at a branch, tag or commit. `url` is any that git understands."""

    kind: Literal["git"] = "git"
    url: GitAddress
    ref: Line | None = None
    subfolder: Inside | None = None
    token_env: Variable | None = None

    @property
    def reaches(self) -> tuple[str, ...]:
        """URLs of the hosts that reading it connects to; git itself connects, where no guard of ours sees it."""
        return (self.url,) if self.url.startswith(("http://", "https://")) else ()


class WebsiteSource(_WebSource):
    """The pages of a website, from an address on, on its own host and those that are named."""

    kind: Literal["website"] = "website"
    allowed_hosts: tuple[Host, ...] = ()
    max_pages: Annotated[int, Field(ge=1, le=100_000)] = 2_000
    max_depth: Annotated[int, Field(ge=0, le=100)] = 10
    include: tuple[Line, ...] = ()
    exclude: tuple[Line, ...] = ()
    ca_file: FilePath | None = None

    @property
    def reaches(self) -> tuple[str, ...]:
        """URLs of the hosts that reading it connects to."""
        scheme = urlsplit(self.url).scheme
        return (self.url, *(f"{scheme}://{host}" for host in self.allowed_hosts))


class ZammadSource(_WebSource):
    """The knowledge base of a Zammad. `locales` names its languages by their number in `system_locales`, which the API hides."""

    kind: Literal["zammad"] = "zammad"
    token_env: Variable
    locales: dict[int, Line] = {}


class ConfluenceSource(BaseSource):
    """A space that Confluence exported as HTML or XML: a zip file, or its folder."""

    kind: Literal["confluence"] = "confluence"
    path: FilePath


class ZendeskSource(BaseSource):
    """A Guide help centre as the JSON of its API: a file, or a folder of such files."""

    kind: Literal["zendesk"] = "zendesk"
    path: FilePath


KINDS: dict[str, type[BaseSource]] = {
    "folder": FolderSource,
    "files": FilesSource,
    "git": GitSource,
    "website": WebsiteSource,
    "zammad": ZammadSource,
    "confluence": ConfluenceSource,
    "zendesk": ZendeskSource,
}
