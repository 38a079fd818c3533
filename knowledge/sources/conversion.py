"""Runs converters in a child process, so that what makes one hang, crash or eat memory is only a file or page that failed.

One child serves many files, since its start takes longer than most conversions; it is killed on a time-out
and started again for the next file.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import knowledge
from knowledge.errors import SourceUnreadable
from knowledge.sources.convert_child import CONVERTERS
from knowledge.sources.converted import Converted

_MAX_ANSWER = 64_000_000
"""Bytes; the child keeps texts far below."""
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file or page may take: wall-clock seconds, and bytes of address space."""

    timeout_s: float = 60.0
    memory: int = 2_000_000_000


class Converter:
    """Converts files and HTML in a child process that starts with the first one. Not for several threads at once."""

    def __init__(self, limits: Limits | None = None, program: Path | None = None) -> None:
        """`program` is a Python file to run instead of the converters of this package."""
        self._limits = limits or Limits()
        self._program = [str(program)] if program else ["-m", "knowledge.sources.convert_child"]
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Converter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def convert(self, path: Path) -> Converted:
        """What the file holds.

        Raises:
            SourceUnreadable: it can't be converted, or not within the limits; the next file can still be.
        """
        return Converted.from_json(self._answered({"path": str(path)}, str(path)))

    def work(self, name: str, source: str, **values: Any) -> Any:
        """What a function of `convert_child.WORK` makes of the source and the values, which JSON must be able to hold.

        Raises:
            SourceUnreadable: it can't, or not within the limits; the reason is said of `source`.
        """
        return self._answered({"work": name, "values": {"source": source, **values}}, source)

    def markdown(self, html: str, source: str, base_url: str | None = None) -> str:
        """`markdown_of_fragment` in the child. Raises `SourceUnreadable`."""
        return str(self.work("fragment", source, html=html, base_url=base_url))

    def _answered(self, request: dict[str, Any], source: str) -> Any:
        child = self._child = self._child or self._started()
        deadline = time.monotonic() + self._limits.timeout_s
        try:
            _send(json.dumps(request).encode() + b"\n", deadline, child)
            line = _line_before(deadline, child)
        except (BrokenPipeError, TimeoutError, ValueError) as error:
            code = self._ended()
            raise SourceUnreadable(source, self._reason(error, code)) from error
        answer = json.loads(line)
        if "reason" in answer:
            raise SourceUnreadable(source, answer["reason"])
        return answer["result"]

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._ended()

    def _started(self) -> "subprocess.Popen[bytes]":
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = str(Path(knowledge.__file__).parents[1])
        # -B: nothing is written, not even byte code. The child's own alarm only rings if this process is gone.
        command = [sys.executable, "-B", *self._program, str(self._limits.memory), str(self._limits.timeout_s + 5)]
        child = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        assert child.stdin is not None
        os.set_blocking(child.stdin.fileno(), False)
        return child

    def _ended(self) -> int:
        """Kill the child with all it may have started; its exit code, negative if it died of a signal before."""
        child, self._child = self._child, None
        assert child is not None
        code = child.poll()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        return code if code is not None else child.returncode

    def _reason(self, error: Exception, code: int) -> str:
        if isinstance(error, TimeoutError):
            return f"took longer than {self._limits.timeout_s:g} s to convert and was stopped; split it, or save it as Markdown"
        if isinstance(error, ValueError):
            return f"gave more than {_MAX_ANSWER:,} bytes of text; split it"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"made its converter end ({how}); save it again, or as Markdown"


def converted_suffixes() -> frozenset[str]:
    """The types of files that a `Converter` reads."""
    return frozenset(CONVERTERS)


def _send(request: bytes, deadline: float, child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    descriptor = child.stdin.fileno()
    rest = memoryview(request)
    while rest:
        # A page is larger than the pipe: a child that doesn't read must not be waited for without end.
        _, ready, _ = select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        rest = rest[os.write(descriptor, rest) :]


def _line_before(deadline: float, child: "subprocess.Popen[bytes]") -> bytes:
    assert child.stdout is not None
    descriptor = child.stdout.fileno()
    chunks: list[bytes] = []
    size = 0
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            raise BrokenPipeError
        chunks.append(chunk)
        size += len(chunk)
        if chunk.endswith(b"\n"):
            return b"".join(chunks)
        if size > _MAX_ANSWER:
            raise ValueError("the answer is too long")
