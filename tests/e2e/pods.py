"""Pods of the chart as processes of this machine: their arguments, environment, mounts and user, and no network but loopback.

A pod gets a root of its own that is read-only but for its volumes, as `readOnlyRootFilesystem` makes it; the image's code and
interpreter are this tree's. What Kubernetes itself would do (scheduling, policies, restarts) is not played.
"""

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.deploy.rendered import ROOT, Pod, environment

CLONE_NEWNET = 0x40000000
CODE, INTERPRETER = "/opt/innkeeper", "/opt/venv"
T = TypeVar("T")


@contextmanager
def alone() -> Iterator[Callable[[Callable[[], T]], T]]:
    """Runs functions in a thread that has a network of its own, with loopback alone; its child processes have it, too."""
    libc = ctypes.CDLL(None, use_errno=True)

    def leave() -> None:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(leave).result()
        yield lambda function: thread.submit(function).result()


@dataclass(frozen=True)
class RunningPod:
    """A pod's container."""

    pod: Pod
    process: subprocess.Popen[bytes]
    log: Path

    def told(self) -> str:
        return self.log.read_text()[-4000:]

    def url(self, probe: str) -> str:
        """Where the kubelet asks, by the name of the probe."""
        asked = self.pod.main[probe]["httpGet"]
        (port,) = (one["containerPort"] for one in self.pod.main["ports"] if one["name"] == asked["port"])
        return f"http://127.0.0.1:{port}{asked['path']}"

    def stop(self) -> int:
        """As the kubelet does: the hook, SIGTERM, and the time of the pod's grace. Its exit code."""
        hook = self.pod.main.get("lifecycle", {}).get("preStop")
        if hook:
            subprocess.run(hook["exec"]["command"], check=True)
        self.process.terminate()
        return self.process.wait(self.pod.spec["terminationGracePeriodSeconds"])

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Machine:
    """What pods run on.

    Attributes:
        folder: for roots, volumes and logs.
        files: what secrets and config maps hold, by their names.
        claims: folders behind claims.
    """

    folder: Path
    files: Mapping[str, Mapping[str, str]]
    claims: Mapping[str, Path]

    def start(self, pod: Pod, name: str) -> RunningPod:
        """Start a pod's container; `name` tells several of a kind apart."""
        root, log = self.folder / f"{name}-root", self.folder / f"{name}.log"
        root.mkdir()
        script = "\n".join(["set -eu", *_root(root), *self._volumes(pod, root, name), *_start(pod, root)])
        with log.open("wb") as out:
            process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=out, stderr=out)
        return RunningPod(pod, process, log)

    def _volumes(self, pod: Pod, root: Path, name: str) -> Iterator[str]:
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        group = _group(pod)
        for mount in pod.main["volumeMounts"]:
            at, volume = shlex.quote(f"{root}{mount['mountPath']}"), volumes[mount["name"]]
            yield f"mkdir -p {at}"
            if "emptyDir" in volume:
                yield f"mount -t tmpfs -o mode=2770,uid=0,gid={group} volume {at}"
                continue
            folder = self._behind(volume, self.folder / f"{name}-{mount['name']}", group)
            yield f"mount --bind {shlex.quote(str(folder))} {at}"
            if mount.get("readOnly"):
                yield f"mount -o remount,bind,ro {at}"

    def _behind(self, volume: Mapping[str, Any], folder: Path, group: int) -> Path:
        """The folder of a volume that is not empty at the start."""
        if claim := volume.get("persistentVolumeClaim"):
            return self.claims[claim["claimName"]]
        given = volume.get("secret") or volume["configMap"]
        held = self.files[given.get("secretName") or given["name"]]
        items = given.get("items") or [{"key": key, "path": key} for key in held]
        for item in items:
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(held[item["key"]])
            os.chown(path, 0, group)
            path.chmod(given["defaultMode"])
        return folder


def writable(process: subprocess.Popen[bytes]) -> set[str]:
    """Where a process could write, as far as mounts go; what the kernel itself keeps is left out."""
    lines = [line.split() for line in Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()]
    found = {line[4] for line in lines if "rw" in line[5].split(",")}
    return {place for place in found if not place.startswith(("/proc", "/dev"))}


def status(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """What the kernel says about a process."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in lines)}


def devices(process: subprocess.Popen[bytes]) -> list[str]:
    """Its network devices."""
    lines = Path(f"/proc/{process.pid}/net/dev").read_text().splitlines()[2:]
    return [line.partition(":")[0].strip() for line in lines]


def _root(root: Path) -> Iterator[str]:
    """A root with the system's programs, the interpreter and the code, none of which can be written."""
    at = shlex.quote(str(root))
    yield f"mount --make-rprivate /; mount -t tmpfs -o mode=755 pod {at}; cd {at}; mkdir etc proc dev"
    yield "mount --bind /proc proc; mount --rbind /dev dev"
    for name in ("bin", "sbin", "lib", "lib64"):
        yield f"if [ -L /{name} ]; then cp -P /{name} {name}; elif [ -d /{name} ]; then {_shown(f'/{name}', name)}; fi"
    yield _shown("/usr", "usr")
    yield "for one in passwd group nsswitch.conf hosts ld.so.cache localtime; do [ ! -e /etc/$one ] || cp -L /etc/$one etc; done"
    if not sys.base_prefix.startswith("/usr"):
        yield _shown(sys.base_prefix, sys.base_prefix.lstrip("/"))
    yield _shown(str(ROOT), CODE.lstrip("/"))
    yield _shown(sys.prefix, INTERPRETER.lstrip("/"))


def _shown(source: str, place: str) -> str:
    source, place = shlex.quote(source), shlex.quote(place)
    return f"mkdir -p {place}; mount --bind {source} {place}; mount -o remount,bind,ro {place}"


def _group(pod: Pod) -> int:
    return int(pod.spec["securityContext"]["runAsGroup"])


def _start(pod: Pod, root: Path) -> Iterator[str]:
    context, container = pod.spec["securityContext"], pod.main
    of_container = container["securityContext"]
    if of_container["readOnlyRootFilesystem"]:
        yield f"mount -o remount,ro {shlex.quote(str(root))}"
    # What the image sets: its programs, and where its code is.
    image = {"PATH": "/usr/bin:/bin", "PYTHONPATH": CODE, "PYTHONUNBUFFERED": "1", "USER": "innkeeper"}
    values = image | environment(container)
    user = ["--reuid", str(context["runAsUser"]), "--regid", str(context["runAsGroup"]), "--groups", str(context["fsGroup"])]
    if of_container["capabilities"]["drop"] == ["ALL"]:
        user += ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    if of_container["allowPrivilegeEscalation"] is False:
        user += ["--no-new-privs"]
    told = [*container.get("command", [f"{INTERPRETER}/bin/python", "-m", "agent"]), *container["args"]]
    command = ["chroot", str(root), "setpriv", *user, "env", "-i", "-C", "/data", *(f"{k}={v}" for k, v in values.items()), *told]
    yield f"cd /; exec {shlex.join(command)}"


def can_run() -> bool:
    """True if this user may make what pods need. In CI it must."""
    needed = all(shutil.which(program) for program in ("unshare", "setpriv", "chroot", "ip"))
    return (needed and os.geteuid() == 0) or "CI" in os.environ
