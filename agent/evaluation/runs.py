"""A run file: JSON Lines, a header that says what decides the outcomes, then one record as soon as a case has ended.

A run that was stopped or killed goes on where it stopped; a half-written last line is dropped. A case that failed is
asked again, and the later record counts. The file holds customers' questions, so only its owner may read it.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import AgentError
from agent.evaluation.records import Record

FORMAT = 1
WORDS = {
    "kind": "the command",
    "innkeeper": "the version of Innkeeper",
    "code": "Innkeeper's code",
    "model": "the model",
    "profile": "the model profile",
    "policy": "the policy",
    "knowledge": "the knowledge base",
    "parts": "the embedding model or reranker",
    "cases": "the cases",
    "format": "the form of run files",
}


class Header(BaseModel):
    """What decides the outcomes of a run; `began` alone doesn't.

    Attributes:
        kind: `answers` or `replay`.
        innkeeper: version.
        code: fingerprint of the code; `unknown` in a run of before it was noted.
        model: the name that the model server knows it by.
        profile: fingerprint of the model profile, after its name.
        policy: version and SHA-256 of the policy folder.
        knowledge: fingerprint of the knowledge base.
        parts: what finds and reads passages.
        cases: SHA-256 of the files of cases; empty for a replay, whose cases come and go.
        began: when, ISO 8601 in UTC.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: str
    innkeeper: str
    model: str
    profile: str
    policy: str
    knowledge: str
    parts: str
    cases: str
    began: str
    code: str = "unknown"
    format: int = FORMAT

    def differences(self, other: "Header") -> list[str]:
        """What differs, in words, each with both values."""
        return [
            f"{word} ({_short(getattr(self, name))} then, {_short(getattr(other, name))} now)"
            for name, word in WORDS.items()
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was read: the header, and the last record of each case, in the order of their first ones."""

    header: Header
    records: tuple[Record, ...]


def read_run(path: Path) -> Run:
    """Read a run file, complete or not.

    Raises:
        AgentError: it can't be read, or it is no run file; says why.
    """
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise AgentError(f"the run {path} can't be read: {error.strerror}") from error
    return _parse(path, text)


def pick(records: Iterable[Record], ids: Sequence[str]) -> list[Record]:
    """The records of these cases, in this order, as far as they are there."""
    known = {one.id: one for one in records}
    return [known[one] for one in ids if one in known]


class RunFile:
    """A run file that is being written. One process at a time.

    Args:
        path: the file; made with its folder if it isn't there.
        header: of the run that is to be done.
        fresh: begin anew; what is there is kept under another name.

    Attributes:
        done: the records that are there already, by id.
        kept: where an earlier run went, if one had to make room.
    """

    def __init__(self, path: Path, header: Header, *, fresh: bool = False) -> None:
        self.path, self.header = path, header
        self.done: dict[str, Record] = {}
        self.kept: Path | None = None
        self._fresh = fresh
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            AgentError: it can't be written, another process writes it, or what is there belongs to another run.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._locked()
        except OSError as error:
            raise AgentError(f"the run can't be written to {self.path}: {error.strerror}; name another file by --out") from error
        try:
            self._take_up()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, record: Record) -> None:
        """Write one record at once, so that a kill loses none that is done."""
        self.done[record.id] = record
        self._write(record.model_dump())

    def _locked(self) -> IO[bytes]:
        file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise AgentError(f"another process writes the run {self.path}; wait for it, or name another file by --out") from error
        return file

    def _take_up(self) -> None:
        assert self._file is not None
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if self._fresh and whole:
            self._make_room()
        elif whole:
            run = _parse(self.path, whole.decode("utf-8", "replace"))
            if different := run.header.differences(self.header):
                raise AgentError(
                    f"the run {self.path} was begun otherwise: {'; '.join(different)}. Begin anew with --fresh, which keeps the "
                    "earlier one for --against, or name another file by --out"
                )
            self.header = run.header
            self.done = {one.id: one for one in run.records}
            self._file.truncate(len(whole))
            self._file.seek(len(whole))
            return
        self._file.seek(0)
        self._file.truncate()
        self._write(self.header.model_dump())

    def _make_room(self) -> None:
        """Move what is there aside, under the next number that is free."""
        assert self._file is not None
        n = 1
        while (kept := self.path.with_name(f"{self.path.stem}-{n}{self.path.suffix}")).exists():
            n += 1
        self.path.rename(kept)
        self.kept = kept
        self._file.close()
        self._file = self._locked()

    def _write(self, value: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _parse(path: Path, text: str) -> Run:
    lines = text.split("\n")
    records: dict[str, Record] = {}
    try:
        header = Header.model_validate_json(lines[0])
    except ValidationError as error:
        raise AgentError(
            f"{path} is no run file: its first line is no header; runs are written by `innkeeper eval answers`"
        ) from error
    if header.format != FORMAT:
        raise AgentError(f"the run {path} has another form ({header.format}; {FORMAT} is known): it is of another Innkeeper")
    for n, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            record = Record.model_validate_json(line)
        except ValidationError as error:
            if n == len(lines):
                continue  # what a kill left of the last record
            raise AgentError(
                f"the run {path}, line {n}, is damaged: {error.errors()[0]['msg']}; begin anew with --fresh"
            ) from error
        records[record.id] = record
    return Run(header, tuple(records.values()))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 48 else f"{text[:45]}…"
