"""A container registry on loopback, and images made by hand: an OCI layout is a few JSON files and a tar."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.servers import free_port

MEDIA = "application/vnd.oci.image"
CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
log: {{level: error}}
"""


def can_push() -> bool:
    """CI installs both; elsewhere the tests that need them are skipped."""
    return bool(shutil.which("skopeo") and shutil.which("docker-registry")) or "CI" in os.environ


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """`host:port` of an empty registry that keeps its files in this folder."""
    folder.mkdir()
    port = free_port()
    config = folder / "config.yml"
    config.write_text(CONFIG.format(folder=folder / "blobs", port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=log, stderr=log)
    try:
        with httpx.Client(trust_env=False) as client:
            for _ in range(2400):
                with contextlib.suppress(httpx.TransportError):
                    if client.get(f"http://127.0.0.1:{port}/v2/").is_success:
                        break
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def image(archive: Path, text: str = "hello", platforms: tuple[str, ...] = ("amd64",)) -> str:
    """Write an OCI archive of an image with one file; with several platforms, of an index of them. Its digest."""
    blobs: dict[str, bytes] = {}
    manifests = [_manifest(blobs, f"{text} on {platform}", platform) for platform in platforms]
    top = manifests[0]
    if len(manifests) > 1:
        index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
        top = _blob(blobs, json.dumps(index).encode(), "index.v1+json")
    files = {f"blobs/sha256/{name}": content for name, content in blobs.items()}
    files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
    archive.write_bytes(_tar(files))
    return str(top["digest"])


def push(archive: Path, reference: str, *flags: str) -> None:
    command = [
        "skopeo",
        "copy",
        "--all",
        "--dest-tls-verify=false",
        "--quiet",
        *flags,
        f"oci-archive:{archive}",
        f"docker://{reference}",
    ]
    subprocess.run(command, check=True, capture_output=True)


def digest_in(place: str, repository: str, tag: str) -> str | None:
    """What the registry says by itself."""
    accepted = [f"{MEDIA}.manifest.v1+json", f"{MEDIA}.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]
    with httpx.Client(trust_env=False) as client:
        answer = client.head(f"http://{place}/v2/{repository}/manifests/{tag}", headers={"accept": ", ".join(accepted)})
    return answer.headers["docker-content-digest"] if answer.is_success else None


def _manifest(blobs: dict[str, bytes], text: str, platform: str) -> dict[str, Any]:
    layer = _tar({"greeting": text.encode()})
    config = {
        "architecture": platform,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    about = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": _blob(blobs, json.dumps(config).encode(), "config.v1+json"),
        "layers": [_blob(blobs, gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
    }
    made = _blob(blobs, json.dumps(about).encode(), "manifest.v1+json")
    return {**made, "platform": {"architecture": platform, "os": "linux"}}


def _blob(blobs: dict[str, bytes], content: bytes, kind: str) -> dict[str, Any]:
    name = hashlib.sha256(content).hexdigest()
    blobs[name] = content
    return {"mediaType": f"{MEDIA}.{kind}", "digest": f"sha256:{name}", "size": len(content)}


def _tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()
