"""Files in a git repository, fetched with the `git` command into a cache folder and then read like any folder.

A repository is foreign: no hook, filter, submodule, symbolic link or configuration of it has an effect here, and
git speaks only to the hosts that the caller lists.
"""

import contextlib
import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from knowledge.errors import SourceUnreadable
from knowledge.sources.files import read_sources
from knowledge.types import Audience, Document, SourceFailure

TIMEOUT_S = 300.0
"""For each call of git."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SCP_LIKE = re.compile(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)")
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SETTINGS = (
    "core.hooksPath=/dev/null",
    # A link in a repository may point to any file of this machine.
    "core.symlinks=false",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.file.allow=always",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "http.followRedirects=false",
    "submodule.recurse=false",
)


@dataclass(frozen=True, slots=True)
class Repository:
    """What to read: a path or a file, https or ssh address; a branch, tag or commit; a folder inside it."""

    remote: str
    ref: str = "HEAD"
    folder: str = ""


def read_git_checkout(
    repository: Repository,
    cache_dir: Path,
    allowed_hosts: Collection[str] = (),
    default_audience: Audience = Audience.PUBLIC,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[Document | SourceFailure]:
    """The documents of the files at `ref`. One that names no day of its last change has that of its last commit.

    A remote on a host that is neither this machine nor in `allowed_hosts` is refused. If git fails, the one
    result is a failure of the folder in the cache, so that what was read before stays in service.
    """
    shown = _without_secret(repository.remote)
    place = Path(os.path.abspath(cache_dir)) / hashlib.sha256(f"{repository.remote}\n{repository.ref}".encode()).hexdigest()[:16]
    folder = place / repository.folder
    try:
        _check(repository, allowed_hosts)
        place.mkdir(parents=True, exist_ok=True)
        _fetch(repository, place, timeout_s)
        if not folder.is_dir():
            raise SourceUnreadable(str(place), f"there is no folder {repository.folder!r} at {repository.ref} of {shown}")
        days = _days(place, timeout_s)
    except SourceUnreadable as error:
        yield SourceFailure(str(folder), error.reason.replace(repository.remote, shown))
        return
    except OSError as error:
        yield SourceFailure(str(folder), f"can't be used as a cache, or git is not installed: {error}")
        return
    for found in read_sources([folder], default_audience):
        if isinstance(found, Document) and found.updated is None:
            found = replace(found, updated=days.get(Path(found.source).relative_to(place).as_posix()))
        yield found


def _check(repository: Repository, allowed_hosts: Collection[str]) -> None:
    remote, shown = repository.remote, _without_secret(repository.remote)
    for name, value in (("address", remote), ("ref", repository.ref)):
        if not value or value.startswith("-") or re.search(r"[\x00-\x20\x7f]", value):
            raise SourceUnreadable(shown, f"the {name} {_without_secret(value)!r} can't be used")
    if ".." in Path(repository.folder).parts or Path(repository.folder).is_absolute():
        raise SourceUnreadable(shown, f"the folder {repository.folder!r} is not inside the repository")
    if (host := _host(remote)) is not None and host not in _LOOPBACK and host not in {one.lower() for one in allowed_hosts}:
        raise SourceUnreadable(shown, f"the host {host} is not in the list of allowed hosts")


def _host(remote: str) -> str | None:
    """The host that git would speak to; None for a path of this machine.

    Raises:
        SourceUnreadable: git would use another program or protocol.
    """
    parts = urlsplit(remote)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return None
    if parts.scheme in {"https", "ssh"} and parts.hostname:
        return parts.hostname.lower()
    if "://" not in remote and "::" not in remote:
        # As git does: a colon before the first slash makes it a host, unless there is such a path.
        if not (found := _SCP_LIKE.fullmatch(remote)) or "/" in remote.partition(":")[0] or Path(remote).exists():
            return None
        return found.group(1).lower()
    raise SourceUnreadable(_without_secret(remote), "is neither a path nor a file, https or ssh address")


def _fetch(repository: Repository, place: Path, timeout_s: float) -> None:
    if not (place / ".git").exists():
        _git(place, ["init", "--quiet", "--template="], timeout_s)
    # A call that was stopped may have left its lock.
    for lock in (place / ".git").glob("*.lock"):
        lock.unlink()
    remote = repository.remote
    if _host(remote) is None and "://" not in remote:
        remote = os.path.abspath(Path(remote).expanduser())
    _git(place, ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--", remote, repository.ref], timeout_s)
    _git(place, ["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"], timeout_s)
    _git(place, ["clean", "--quiet", "-ffdx"], timeout_s)


def _days(place: Path, timeout_s: float) -> Mapping[str, str]:
    """Path to the day of the last commit that changed it, from one walk through the history."""
    out = _git(place, ["log", "--format=%x01%cs", "--name-only", "--no-renames", "-z"], timeout_s)
    days: dict[str, str] = {}
    day = ""
    for part in re.split(r"[\x00\n]", out):
        if part.startswith("\x01"):
            day = part[1:]
        elif part:
            days.setdefault(part, day)
    return days


def _git(place: Path, arguments: list[str], timeout_s: float) -> str:
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "file:https:ssh",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes",
    }
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    process = subprocess.Popen(
        ["git", *settings, *arguments],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            out, problem = process.communicate(timeout=timeout_s)
        except BaseException as error:
            # With the programs that git started for itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise SourceUnreadable(
                    str(place), f"git {arguments[0]} took longer than {timeout_s:g} s and was stopped"
                ) from error
            raise
    if process.returncode != 0:
        reason = " ".join(problem.decode("utf-8", "replace").split())[-400:]
        raise SourceUnreadable(str(place), f"git {arguments[0]} failed: {reason}")
    return out.decode("utf-8", "replace")


def _without_secret(remote: str) -> str:
    return re.sub(r"(?<=://)[^/@]*@", "", remote)
