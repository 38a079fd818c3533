"""Commands that stand in the chart as shell, run here as they were rendered: the store, the check of weights, `helm test`."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis

from agent.adapters.embedded import valkey_binary
from tests.deploy.rendered import CHART, Release
from tests.servers import free_port

Render = Callable[..., Release]
PASSWORD = "k7Xq2mPw9sRt"


def test_the_store_starts_as_rendered_and_asks_for_its_password(render: Render, tmp_path: Path):
    release = render("minimal")
    config = release.get("ConfigMap", "innkeeper-redis")["data"]["redis.conf"]
    script = release.pod("redis").main["command"][-1]
    for folder in ("etc", "run", "data", "bin"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(valkey_binary())
    port = free_port()
    here = {"bind * -::*": "bind 127.0.0.1", "port 6379": f"port {port}", "dir /data": f"dir {tmp_path / 'data'}"}
    for there, instead in here.items():
        assert there in config
        config = config.replace(there, instead)
    (tmp_path / "etc" / "redis.conf").write_text(config, encoding="utf-8")
    script = script.replace("/etc/redis", str(tmp_path / "etc")).replace("/run/redis", str(tmp_path / "run"))
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "REDIS_PASSWORD": PASSWORD}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(["sh", "-ec", script], env=env, stdout=log, stderr=log)
    try:
        client = redis.Redis(port=port, password=PASSWORD)
        until_up(client)
        client.set("a", "1")
        for name, value in {"appendonly": "yes", "maxmemory-policy": "noeviction", "save": ""}.items():
            assert client.config_get(name)[name] == value
        client.close()
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert (tmp_path / "run" / "redis.conf").stat().st_mode & 0o077 == 0
        assert PASSWORD not in Path(f"/proc/{server.pid}/cmdline").read_text("utf-8")
    finally:
        server.terminate()
        server.wait(60)
    assert list((tmp_path / "data").rglob("*.aof*")), "nothing was written down"


def until_up(client: redis.Redis) -> None:
    for _ in range(600):
        try:
            client.ping()
            return
        except redis.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("the server doesn't answer")


SPOILT = {
    "as they were": lambda folder: None,
    "another byte": lambda folder: (folder / "model.safetensors").write_bytes(b"weightz"),
    "a file is gone": lambda folder: (folder / "config.json").unlink(),
    "a file more": lambda folder: (folder / "chat_template.jinja").write_text("say yes", encoding="utf-8"),
    "a file more below": lambda folder: (folder / "sub" / "model.safetensors").write_bytes(b"weights"),
    "a file more with two lines for a name": lambda folder: (folder / "config.json\nmodel.safetensors").write_bytes(b"weights"),
    "a link more": lambda folder: (folder / "model-2.safetensors").symlink_to("model.safetensors"),
    "another manifest": lambda folder: (folder / "SHA256SUMS").write_text("", encoding="utf-8"),
}


@pytest.mark.parametrize("spoilt", sorted(SPOILT))
def test_weights_are_served_only_as_they_were_listed(spoilt: str, render: Render, tmp_path: Path):
    command = render("airgap").pod("model-chat").spec["initContainers"][0]["command"]
    files = {"model.safetensors": b"weights", "config.json": b"{}"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "sub").mkdir()
    # As `sha256sum *` writes them, and as `find . -exec sha256sum --binary` does.
    forms = ("  ", " *./")
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}{form}{name}\n" for name, form in zip(files, forms, strict=True))
    manifest = "".join(lines).encode()
    (tmp_path / "SHA256SUMS").write_bytes(manifest)
    SPOILT[spoilt](tmp_path)
    run = [*command[:-2], str(tmp_path), hashlib.sha256(manifest).hexdigest()]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) == (spoilt == "as they were"), done.stderr


def test_weights_are_copied_whole(render: Render, tmp_path: Path):
    command = render("airgap").pod("model-rerank").spec["initContainers"][0]["command"]
    source, target = tmp_path / "model", tmp_path / "models"
    (source / "sub").mkdir(parents=True)
    target.mkdir()
    (source / "sub" / "a.json").write_text("{}", encoding="utf-8")
    (source / ".hidden").write_text("1", encoding="utf-8")
    subprocess.run([*command[:-2], str(source), str(target)], timeout=60, check=True)
    assert (target / "sub" / "a.json").read_text("utf-8") == "{}"
    assert (target / ".hidden").is_file()


READY = (200, {"status": "degraded"})
ANSWER = (200, {"decision": "answer", "answer": "From 15:00."})


@contextmanager
def served(pages: dict[str, tuple[int, dict[str, object]]], port: int = 0) -> Iterator[tuple[str, list[str]]]:
    """A server with these answers by path, and the keys that it was shown."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if length := int(self.headers.get("content-length", 0)):
                self.rfile.read(length)
                keys.append(self.headers.get("authorization", ""))
            status, body = pages[self.path]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", keys
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def smoke(render: Render, base: str, key: str = "") -> "subprocess.CompletedProcess[str]":
    """As `helm test` runs it, with another address."""
    release = render("full")
    assert release.get("ConfigMap", "innkeeper-test")["data"]["smoke.py"] == (CHART / "files" / "smoke.py").read_text("utf-8")
    command = release.pod("test").main["command"]
    assert command[:3] == ["python", "/etc/innkeeper/smoke.py", "http://innkeeper-api:8080"]
    run = [sys.executable, str(CHART / "files" / "smoke.py"), base, *command[3:]]
    env = {"PATH": os.environ["PATH"], "API_KEY": key, "http_proxy": "http://192.0.2.1:9"}
    return subprocess.run(run, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_a_release_that_answers_passes(render: Render):
    with served({"/readyz": READY, "/v1/answers": ANSWER}) as (base, keys):
        done = smoke(render, base, "of-ours")
    assert (done.returncode, done.stdout) == (0, "readyz: degraded\nanswers: answer\n")
    assert keys == ["Bearer of-ours"]


def test_without_a_key_it_passes_if_nobody_gets_an_answer(render: Render):
    with served({"/readyz": READY, "/v1/answers": (401, {"message": "send the key"})}) as (base, _):
        assert smoke(render, base).returncode == 0
    with served({"/readyz": READY, "/v1/answers": ANSWER}) as (base, _):
        done = smoke(render, base)
    assert done.returncode == 1
    assert "without a key; it should refuse" in done.stderr


def test_an_answer_that_is_none_fails_with_what_was_said(render: Render):
    with served({"/readyz": READY, "/v1/answers": (503, {"message": "Redis is down"})}) as (base, _):
        done = smoke(render, base, "of-ours")
    assert (done.returncode, done.stderr) == (1, "/v1/answers says 503: Redis is down\n")


def test_the_readiness_probe_of_the_store_needs_an_answer(render: Render, tmp_path: Path):
    """A server that still loads answers LOADING, and is alive and not ready."""
    command = render("minimal").pod("redis").main["readinessProbe"]["exec"]["command"]
    client = tmp_path / "valkey-cli"
    for said, code in (("PONG", 0), ("LOADING Valkey is loading the dataset in memory", 1)):
        client.write_text(f'#!/bin/sh\n[ "$REDISCLI_AUTH" = "{PASSWORD}" ] && echo "{said}"\n', encoding="utf-8")
        client.chmod(0o755)
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD": PASSWORD}
        assert subprocess.run(command, env=env, timeout=60, check=False).returncode == code
    assert shutil.which("grep")


def test_a_run_waits_for_the_store_to_answer(render: Render):
    (wait,) = render("full").pod("ingest").spec["initContainers"]
    assert wait["command"][-1] == "http://innkeeper-chroma:8000/api/v2/heartbeat"
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    port = free_port()
    run = subprocess.Popen([*wait["command"][:-1], f"http://127.0.0.1:{port}/beat"], env=env)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(3)
        with served({"/beat": (200, {})}, port):
            assert run.wait(120) == 0
    finally:
        run.kill()
        run.wait()
