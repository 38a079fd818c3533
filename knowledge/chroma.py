"""Starts and stops Chroma, embedded or as a client of a server, and turns its errors into ours.

With `knowledge.store` and `knowledge.index` the only importer of chromadb.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from knowledge.errors import IndexUnavailable

if TYPE_CHECKING:
    from chromadb.api import ServerAPI
    from chromadb.config import System

SERVER_TIMEOUT_S = 15.0
"""For one call to a Chroma server, whose client waits for ever by itself."""


def start(folder: Path, url: str | None) -> "tuple[System, ServerAPI]":
    """A Chroma of one's own: embedded over `folder`, or a client of the server at `url`."""
    from chromadb.api import ServerAPI
    from chromadb.config import Settings, System

    if url is None:
        settings = Settings(
            chroma_api_impl="chromadb.api.rust.RustBindingsAPI",
            is_persistent=True,
            persist_directory=str(folder),
            anonymized_telemetry=False,
        )
    else:
        parts = urlsplit(url)
        settings = Settings(
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host=parts.hostname or "localhost",
            chroma_server_http_port=parts.port or (443 if parts.scheme == "https" else 8000),
            chroma_server_ssl_enabled=parts.scheme == "https",
            anonymized_telemetry=False,
        )
    # Not chromadb.PersistentClient: that shares one system per path in the process, which couldn't be opened anew.
    system = System(settings)
    api = system.instance(ServerAPI)  # type: ignore[type-abstract]
    system.start()
    if (session := getattr(api, "_session", None)) is not None:
        session.timeout = httpx.Timeout(SERVER_TIMEOUT_S)
    return system, api


def stop(system: "System") -> None:
    """Release its files and connections."""
    from chromadb.api import ServerAPI

    session = getattr(system.instance(ServerAPI), "_session", None)  # type: ignore[type-abstract]
    system.stop()
    if session is not None:
        # The library leaves its connections to the garbage collector.
        session.close()


@contextmanager
def translated(where: str, is_server: bool, action: str) -> Iterator[None]:
    """Chroma's errors, and those of what is under it, as `IndexUnavailable`."""
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, httpx.HTTPError, sqlite3.Error, OSError, ValueError, RuntimeError) as error:
        raise IndexUnavailable(
            f"the index at {where} can't {action}: {type(error).__name__}: {error}. "
            + ("Is the Chroma server up?" if is_server else "Is the disk full, or the folder not writable?")
        ) from error
