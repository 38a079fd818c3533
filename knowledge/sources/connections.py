"""Connections of a website's reader: each goes to an address that was checked a moment before.

This is the last gate, below URLs, redirects and the HTTP library: whatever asks for a connection is held
to the list here. The name is looked up once, what it resolves to is judged, and the connection goes to
that very address, so that a second look-up can't answer otherwise (DNS rebinding).
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

import httpcore
from httpcore import NetworkBackend, NetworkStream

from knowledge.sources.addresses import AllowedHosts

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to IP addresses, best first. Raises OSError where there are none."""


class HostRefused(Exception):
    """A host, or an address that it resolves to, that must not be connected to. Caught where pages are fetched."""


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a host as this machine sees them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


@dataclass(frozen=True, slots=True)
class Network:
    """What the reader stands on: how names are looked up and how a socket is opened."""

    resolve: Resolver = system_resolver
    backend: NetworkBackend = field(default_factory=httpcore.SyncBackend)


class CheckedBackend(NetworkBackend):
    """Opens sockets to allowed hosts alone. `deadline` (monotonic seconds) ends every look-up, read and write."""

    def __init__(self, allowed: AllowedHosts, network: Network) -> None:
        self._allowed = allowed
        self._network = network
        self.deadline = 0.0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Look the host up, judge what it resolves to, connect to the first of its addresses that answers.

        Raises:
            HostRefused: host or address are not allowed; no connection was tried.
            httpcore.ConnectError: it can't be looked up or reached.
            httpcore.ConnectTimeout: the time is up.
        """
        if refusal := self._allowed.refusal(host, port):
            raise HostRefused(refusal)
        addresses = self._look_up(host, port)
        if refusal := self._allowed.refusal_of_addresses(host, addresses):
            raise HostRefused(refusal)
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._network.backend.connect_tcp(
                    address, port, self.left(httpcore.ConnectTimeout), local_address, socket_options
                )
            except httpcore.ConnectError as failed:
                error = failed
                continue
            return _TimedStream(stream, self)
        raise error

    def left(self, error: type[Exception]) -> float:
        """Seconds that are left. Raises the given error when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise error("the time for this page is up")
        return left

    def _look_up(self, host: str, port: int) -> Sequence[str]:
        # In a thread of its own, since a look-up can't be interrupted and a dead name server takes minutes.
        found: list[Sequence[str]] = []
        failed: list[OSError] = []

        def look_up() -> None:
            try:
                found.append(self._network.resolve(host, port))
            except (OSError, UnicodeError) as error:
                failed.append(error if isinstance(error, OSError) else OSError(str(error)))

        thread = threading.Thread(target=look_up, name=f"look-up-{host}", daemon=True)
        thread.start()
        thread.join(self.left(httpcore.ConnectTimeout))
        if failed:
            raise httpcore.ConnectError(f"the name {host} can't be looked up: {failed[0]}") from failed[0]
        if not found:
            raise httpcore.ConnectTimeout(f"looking {host} up took too long")
        return found[0]


class _TimedStream(NetworkStream):
    """A stream whose every step has the time that is left: a server that drips bytes can't hold it open."""

    def __init__(self, stream: NetworkStream, clock: CheckedBackend) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._clock.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.left(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        left = self._clock.left(httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
