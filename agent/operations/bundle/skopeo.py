"""Container images through skopeo, which needs no engine: registry to OCI archive and back, digests kept.

Registries' own security (TLS, credentials in an auth file, signature policy) is skopeo's as the system has set it up.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import BundleFailed

_PRESERVE = "--preserve-digests"
_LAST_LINES = 3
_MAKES_ONE = "skopeo copy docker-daemon:NAME:TAG oci-archive:FILE"


class SkopeoFailed(BundleFailed):
    """Skopeo ended with an error. `said`: its own words on it."""

    def __init__(self, arguments: tuple[str, ...], said: str) -> None:
        self.said = said
        super().__init__(f"skopeo {' '.join(arguments)} failed: {said}")


@dataclass(frozen=True, slots=True)
class Skopeo:
    """How registries are reached.

    Attributes:
        platform: `os/architecture` of the images, or `all`.
        plain_http: for a registry without TLS.
        authfile: with credentials; the system's own if None.
    """

    platform: str = "linux/amd64"
    plain_http: bool = False
    authfile: Path | None = None

    def fetch(self, reference: str, archive: Path) -> str:
        """Copy an image from its registry into a new OCI archive, as it is: what has Docker's own format keeps it.

        Returns:
            Its digest; of one platform, that of its own manifest, whatever the index of all has.

        Raises:
            BundleFailed: skopeo is missing or failed.
        """
        self._copy(f"docker://{reference}", f"oci-archive:{archive}", "src", (_PRESERVE,))
        return archive_digest(archive)

    def push(self, archive: Path, reference: str) -> None:
        """Copy the image of an OCI archive into a registry, under the digest that it has.

        Raises:
            BundleFailed: skopeo is missing or failed.
        """
        # Whatever the archive holds goes, also an index of several platforms.
        self._copy(f"oci-archive:{archive}", f"docker://{reference}", "dest", (_PRESERVE, "--all"))

    def digest_of(self, reference: str) -> str | None:
        """The digest that a registry has for this name; None if it doesn't know it.

        Raises:
            BundleFailed: skopeo is missing, or the registry can't be asked.
        """
        flags = [
            *(["--tls-verify=false"] if self.plain_http else []),
            *(["--authfile", str(self.authfile)] if self.authfile else []),
        ]
        try:
            raw = _run("inspect", "--raw", *flags, f"docker://{reference}")
        except SkopeoFailed as error:
            if any(words in error.said.lower() for words in ("manifest unknown", "name unknown", "not found", "status code 404")):
                return None
            raise
        return "sha256:" + hashlib.sha256(raw).hexdigest()

    def _copy(self, source: str, target: str, registry_side: str, flags: tuple[str, ...]) -> None:
        chosen: list[str] = []
        if self.platform == "all":
            flags = (*flags, "--all")
        elif registry_side == "src":
            os_name, _, architecture = self.platform.partition("/")
            chosen = ["--override-os", os_name, "--override-arch", architecture]
        more = [f"--{registry_side}-tls-verify=false"] if self.plain_http else []
        if self.authfile:
            more += ["--authfile", str(self.authfile)]
        _run(*chosen, "copy", *dict.fromkeys(flags), *more, "--quiet", source, target)


def archive_digest(archive: Path) -> str:
    """The digest of the one image in an OCI archive.

    Raises:
        BundleFailed: it isn't there, is no OCI archive, or holds several images.
    """
    if not archive.is_file():
        raise BundleFailed(f"{archive} is no file; make one with `{_MAKES_ONE}`")
    try:
        with tarfile.open(archive) as tar:
            index = next((one for one in tar if one.name.removeprefix("./") == "index.json" and one.isreg()), None)
            file = tar.extractfile(index) if index else None
            content: Any = json.loads(file.read()) if file else {}
        (descriptor,) = content["manifests"]
        digest = str(descriptor["digest"])
    except (OSError, tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise BundleFailed(f"{archive} is no OCI archive of one image; make one with `{_MAKES_ONE}`") from error
    return digest


def _run(*arguments: str) -> bytes:
    program = shutil.which("skopeo")
    if program is None:
        raise BundleFailed("skopeo is not installed; it is a package of every major distribution (`apt install skopeo`)")
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-_LAST_LINES:]
        raise SkopeoFailed(arguments, " ".join(said))
    return done.stdout
