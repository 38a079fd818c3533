"""The router of the vLLM project as a process, with the arguments that the chart renders for it.

The names of the replicas' pods are replaced by places on loopback; all else is as rendered. What runs is the Python package of
the release that the chart's image is of.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.deploy.rendered import Pod, environment
from tests.servers import free_port


@dataclass(frozen=True, slots=True)
class Router:
    """One that runs."""

    url: str
    process: asyncio.subprocess.Process

    async def says(self, path: str) -> int:
        """The status that it answers with."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            return (await client.get(self.url + path)).status_code

    async def is_ready(self) -> bool:
        """Whether it takes calls."""
        try:
            return await self.says("/readiness") == 200
        except httpx.TransportError:
            assert self.process.returncode is None, "it has ended"
            return False


@asynccontextmanager
async def router_before(
    places: Sequence[str], pod: Pod, tools: Path, home: Path, under: tuple[str, ...] = ()
) -> AsyncIterator[Router]:
    """A router that takes calls for these replicas.

    Args:
        places: their addresses, as many as the pod's arguments name.
        pod: as rendered.
        tools: the folder with the program.
        home: a folder that it may write to.
        under: a command to run it under.
    """
    port, quiet = free_port(), asyncio.subprocess.DEVNULL
    env = environment(pod.main) | {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(home)}
    command = [*under, *_command(pod, tools, port, places)]
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=quiet, stderr=quiet)
    router = Router(f"http://127.0.0.1:{port}", process)
    try:
        await until(router.is_ready)
        yield router
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 60)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it."""
    for _ in range(1200):
        if await holds():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it never came to that")


def _command(pod: Pod, tools: Path, port: int, places: Sequence[str]) -> list[str]:
    given = pod.main["args"]
    at = given.index("--worker-urls") + 1
    assert len(given[at:]) == len(places)
    here = {"$(LISTEN)": "127.0.0.1", "port=8000": f"port={port}", "port=29000": f"port={free_port()}"}
    options = [re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], option) for option in given[:at]]
    return [str(tools / pod.main["command"][0]), *options, *places]
