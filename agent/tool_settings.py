"""The company's systems that the agent may use, and which operations of each. One model per kind. Pure.

Engineers write it, since it holds addresses and secrets. What may be done when is the policies' business.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from agent.types import Identity

SYSTEM_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
OPERATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ENTRY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

WebUrl = Annotated[str, Field(pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$")]
"""Without a name and password, which would stand in logs, and without a query."""
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
Bound = Literal["customer.id", "customer.email"]


class ToolTable(BaseModel):
    """What is written down of a system."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class OperationSettings(ToolTable):
    """One operation that the agent may use. What is not listed can't be called.

    Attributes:
        operation: what the system calls it: an operationId or `POST /path`, an MCP tool's name, or `module:function`; the name
            of the table if not given.
        effect: what it may do there. A `write` needs a key, and is not sent in a dry run.
        repeats_safely: a repeat with the same key changes nothing further, and says what the first one did. It is then repeated
            when an answer is lost.
        bind: parameters that are filled with who the customer is. Nobody can pass another value for them.
        identity: how surely the customer must be known for an operation with `bind`.
        key_parameter: the parameter that takes the key of a write, where the system has no header for it.
        error_means_no: an error that an MCP tool gives for a write means that nothing was changed. Without it nobody knows.
        timeout_s: for the whole call, repeats included; the system's if not given.
    """

    operation: str = ""
    effect: Literal["read", "write"] = "write"
    repeats_safely: bool = False
    bind: Mapping[str, Bound] = Field(default_factory=dict)
    identity: Literal[Identity.CLAIMED, Identity.VERIFIED] = Identity.VERIFIED
    key_parameter: str | None = None
    error_means_no: bool = False
    timeout_s: float | None = Field(None, gt=0, le=300)

    @model_validator(mode="after")
    def _key_is_no_identity(self) -> Self:
        if self.key_parameter in self.bind:
            raise ValueError(f"{self.key_parameter!r} can't take both the key and who the customer is")
        if self.key_parameter and not self.writes:
            raise ValueError("key_parameter is of an operation that writes; a read needs no key")
        return self

    @property
    def writes(self) -> bool:
        """True if it may change something."""
        return self.effect == "write"


class SystemSettings(ToolTable):
    """What every system has.

    Attributes:
        operations: by the name that policies know them by, after the system's: `bookings.refund`.
        timeout_s: for one call.
        max_bytes: of one answer.
    """

    operations: Mapping[str, OperationSettings] = Field(min_length=1)
    timeout_s: float = Field(10.0, gt=0, le=300)
    max_bytes: int = Field(1_000_000, ge=1_000, le=50_000_000)

    @field_validator("operations")
    @classmethod
    def _names(cls, operations: Mapping[str, OperationSettings]) -> Mapping[str, OperationSettings]:
        for name in operations:
            if not OPERATION_NAME.fullmatch(name):
                raise ValueError(f"{name!r} can't name an operation: letters, digits, - and _, at most 64")
        return operations

    def named(self, name: str) -> str:
        """What the system itself calls an operation."""
        return self.operations[name].operation or name

    def timeout_of(self, name: str) -> float:
        """For the whole call of an operation, in seconds."""
        return self.operations[name].timeout_s or self.timeout_s


class ServerSettings(SystemSettings):
    """What every system has that is reached over HTTP.

    Attributes:
        token: sent as `Authorization: Bearer …`.
        headers: more that is sent with every request; secret, too.
        ca_file: certificates to trust in place of this machine's.
    """

    token: SecretStr | None = None
    headers: Mapping[HeaderName, SecretStr] = Field(default_factory=dict)
    ca_file: Path | None = None

    def sent_headers(self) -> dict[str, str]:
        """What proves to the system who calls. Keep it out of logs."""
        given = {name: value.get_secret_value() for name, value in self.headers.items()}
        if self.token is not None:
            given["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return given


class OpenApiSettings(ServerSettings):
    """A system with an OpenAPI document (3.0 or 3.1).

    Attributes:
        url: where calls go, whatever servers the document names.
        document: file or address of the document, as JSON; `openapi.json` under `url` if not given.
        key_header: carries the key of a write; empty for a system that knows none.
    """

    kind: Literal["openapi"]
    url: WebUrl
    document: str = Field("", pattern=r"^\S*$")
    key_header: HeaderName | Literal[""] = "Idempotency-Key"

    @field_validator("document")
    @classmethod
    def _address_or_file(cls, document: str) -> str:
        if "://" in document and not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s#]*)?", document):
            raise ValueError("a document is a file, or http(s)://host/path without a name and password")
        return document

    @property
    def document_place(self) -> str:
        """File or address of the document."""
        return self.document or self.url.rstrip("/") + "/openapi.json"

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this process must be able to reach for it."""
        return (self.url, *((self.document_place,) if "://" in self.document_place else ()))


class McpSettings(ServerSettings):
    """A server that speaks the Model Context Protocol: at an address, or as a child process.

    Attributes:
        url: of a server over streamable HTTP.
        command: of a server on standard input and output, with its arguments; in place of `url`. The egress guard doesn't watch
            what it connects to: it is a program of its own.
        env: its environment, secret; beside it there are PATH, HOME and the like, and nothing of Innkeeper's.
        cwd: where it runs.
    """

    kind: Literal["mcp"]
    url: WebUrl | None = None
    command: tuple[str, ...] = ()
    env: Mapping[str, SecretStr] = Field(default_factory=dict)
    cwd: Path | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (not self.command):
            raise ValueError("an MCP server needs a url, or the command that starts it, and not both")
        if self.command and (self.token or self.headers or self.ca_file):
            raise ValueError("token, headers and ca_file are of a server with a url; give a child process its secrets in env")
        if self.url and (self.env or self.cwd):
            raise ValueError("env and cwd are of a server with a command")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this process must be able to reach for it."""
        return (self.url,) if self.url else ()


class PythonSettings(SystemSettings):
    """Functions of a Python package that is installed beside Innkeeper.

    Attributes:
        reaches: addresses that the functions connect to, as `https://host:port`; the egress guard refuses any other.
    """

    kind: Literal["python"]
    reaches: tuple[WebUrl, ...] = ()

    @model_validator(mode="after")
    def _functions(self) -> Self:
        for name, one in self.operations.items():
            if not _ENTRY.fullmatch(one.operation):
                raise ValueError(f"operations.{name}.operation says where the function is, as module:function")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """What this process must be able to reach for it."""
        return self.reaches


AnySystem = Annotated[OpenApiSettings | McpSettings | PythonSettings, Field(discriminator="kind")]


def check_system_names(systems: Mapping[str, AnySystem]) -> None:
    """Raise `ValueError` for a name that no system can have."""
    for name in systems:
        if not SYSTEM_NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a system: small letters, digits, - and _, at most 32, a letter first")
