"""What an `innkeeper up` writes down in its data folder: that the folder is taken, and which services run."""

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from agent.errors import ServiceFailed


@dataclass(frozen=True, slots=True)
class LiveService:
    """A service that runs now. `started` is the process's start time, which tells it from a later namesake."""

    name: str
    pid: int
    started: float
    url: str


def live_services(data_dir: Path) -> dict[str, LiveService]:
    """What an `innkeeper up` on this folder has running, by name. Dead and stale entries are left out."""
    try:
        entries = json.loads((data_dir / "run" / "services.json").read_text(encoding="utf-8"))
        found = [LiveService(**entry) for entry in entries]
    except (OSError, ValueError, TypeError):
        return {}
    return {service.name: service for service in found if _lives(service)}


def check_folder(data_dir: Path) -> None:
    """See that no supervisor has this folder now, before time is spent on it.

    Raises:
        ServiceFailed: another `innkeeper up` uses the folder, or the folder can't be written.
    """
    take_lock(data_dir.absolute()).close()


def take_lock(data_dir: Path) -> IO[str]:
    """Take the folder, until the file is closed.

    Raises:
        ServiceFailed: another `innkeeper up` uses the folder, or the folder can't be written.
    """
    path = data_dir / "run" / "up.lock"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ServiceFailed(f"{path} can't be written: {error.strerror}. Check INNKEEPER_DATA_DIR and its rights.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise ServiceFailed(
            f"another `innkeeper up` (pid {holder}) already uses {data_dir}. Stop it, or set another INNKEEPER_DATA_DIR."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def write_private(path: Path, text: str, hint: str = "Check INNKEEPER_DATA_DIR, its rights and the disk.") -> None:
    """Write a file that only this user can read, whole or not at all.

    Args:
        path: of the file.
        text: what it holds.
        hint: what to do if it can't be written.

    Raises:
        ServiceFailed: the file can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise ServiceFailed(f"{path} can't be written: {error.strerror}. {hint}") from error
    finally:
        with suppress(OSError):  # it may hold secrets, or all that is kept of a customer
            temporary.unlink(missing_ok=True)


def _lives(service: LiveService) -> bool:
    try:
        process = psutil.Process(service.pid)
        # Start times are read with a resolution of a clock tick.
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - service.started) < 0.05
    except psutil.Error:
        return False
