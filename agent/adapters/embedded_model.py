"""The packaged chat model as a child process: how to start it, and when it is ready."""

import os
import socket
import ssl
import sys

import httpx

from agent.adapters.supervisor import Service
from agent.model_profiles import ModelProfile


def embedded_model(profile: ModelProfile, port: int | None = None) -> Service:
    """A llama.cpp server on loopback with the profile's packaged weights. Its URL ends in `/v1`."""
    port = port or free_port()
    # One less than there are cores: llama.cpp's threads wait spinning, so with a busy neighbour (a worker, an
    # ingest) as many threads as cores take minutes for what fewer do in seconds.
    threads = max(1, min(4, (os.cpu_count() or 2) - 1))
    module = (sys.executable, "-m", "agent.adapters.local_model", "--profile", profile.name)
    command = (*module, "--port", str(port), "--threads", str(threads))

    async def ready() -> bool:
        return await answers(f"http://127.0.0.1:{port}/health")

    return Service("model", command, f"http://127.0.0.1:{port}/v1", ready)


async def answers(url: str) -> bool:
    """True if what listens on this `http://` address of this machine says that all is well. Never raises."""
    # Asked many times a second: to read the certificates of all authorities, for an address without TLS, would take longer.
    no_authority = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(trust_env=False, timeout=1.0, verify=no_authority) as client:
        try:
            return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False


def free_port(preferred: int | None = None) -> int:
    """`preferred` if it is free on loopback, else any port that is."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")
