"""A real vLLM on loopback, on the CPU, with a profile's own environment and arguments."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.operations.serving import command, environment, load_serving
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
SERVING = ROOT / ".venv-serving"
PYTHON = SERVING / "bin" / "python"
TOKENIZER = SERVING / "tokenizer"
STARTS_IN_S = 900.0
STOPS_IN_S = 60.0
FOR_THE_CPU = ("--enforce-eager",)
"""All that is added to a profile's arguments, beside the address. Compiling would take two minutes and gain nothing."""


@dataclass(frozen=True)
class VllmServer:
    url: str
    log: Path

    def http(self, timeout_s: float = 300.0) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=timeout_s)

    def metric(self, name: str) -> float:
        """The sum of a counter over its labels."""
        with self.http() as client:
            lines = client.get("/metrics").text.splitlines()
        found = [line for line in lines if line.partition("{")[0] == name]
        assert found, f"no {name}"
        return sum(float(line.rpartition(" ")[2]) for line in found)


def vllm_environment(place: Path, **more: str) -> dict[str, str]:
    """Nothing of ours but what a process needs, no network but loopback needed, caches in `place`."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    caches = {"HOME": str(place), "XDG_CACHE_HOME": str(place / "cache"), "VLLM_CACHE_ROOT": str(place / "cache" / "vllm")}
    return kept | caches | more


@contextmanager
def serving(profile: str, checkpoint: Path, place: Path) -> Iterator[VllmServer]:
    """Start it, wait until it is healthy, and end it with all its processes."""
    place.mkdir(parents=True, exist_ok=True)
    served = load_serving(profile)
    port = free_port()
    words = command(served, model_path=str(checkpoint))[3:]
    line = (
        *(str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(checkpoint)),
        *words,
        *FOR_THE_CPU,
        *("--host", "127.0.0.1", "--port", str(port)),
    )
    env = vllm_environment(
        place, **environment(served), VLLM_CPU_KVCACHE_SPACE="1", VLLM_CPU_OMP_THREADS_BIND="nobind", OMP_NUM_THREADS="1"
    )
    server = VllmServer(f"http://127.0.0.1:{port}", place / "vllm.log")
    with server.log.open("wb") as log:
        process = subprocess.Popen(line, cwd=place, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait_until_healthy(server, process)
        yield server
    finally:
        _end(process)


def run_inside(script: Path, given: str, place: Path) -> str:
    """Run a script of ours in vLLM's environment; what it writes to standard output."""
    env = vllm_environment(place, VLLM_NO_USAGE_STATS="1", DO_NOT_TRACK="1", HF_HUB_OFFLINE="1")
    done = subprocess.run(
        [str(PYTHON), str(script)], input=given, cwd=place, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _wait_until_healthy(server: VllmServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_IN_S
    with server.http(timeout_s=10) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"vLLM ended with {process.returncode}:\n{_end_of(server.log)}")
            if _is_healthy(client):
                return
            time.sleep(0.5)
    raise AssertionError(f"vLLM is not healthy after {STARTS_IN_S:g} s:\n{_end_of(server.log)}")


def _is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """The server and its engine, which is a process of its own in the same session."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPS_IN_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOPS_IN_S)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-6000:]


def arguments_of(names: Mapping[str, bool]) -> dict[str, list[str]]:
    """Name -> what stands after `vllm serve`; with speculative decoding where the value says so."""
    return {name: list(command(load_serving(name), speculative=guess)[2:]) for name, guess in names.items()}
