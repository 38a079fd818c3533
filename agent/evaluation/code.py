"""Which code a run was made by: one fingerprint of the files that decide what becomes of a question."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import agent
import knowledge
import policies

DECIDE = {".py", ".md", ".json", ".npz", ".toml"}
"""Code, prompts, weights and profiles. What pages look like (`.html`) decides nothing."""
APART = {"__pycache__", "samples", "default"}
"""The sample articles and the policy pack that ships: a run knows its knowledge base and its policy by themselves."""


def code_fingerprint() -> str:
    """SHA-256, hexadecimal, of the files of `agent`, `policies` and `knowledge`: some 250, read in about 20 ms."""
    return fingerprint(Path(package.__path__[0]) for package in (agent, policies, knowledge))


def fingerprint(folders: Iterable[Path]) -> str:
    """SHA-256 of the files in these folders that decide: their names within each, and what they hold."""
    digest = hashlib.sha256()
    for folder in folders:
        for name in sorted(_deciding(folder)):
            content = (folder / name).read_bytes()
            digest.update(f"{folder.name}/{name}\n{len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def _deciding(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in APART]
        within = os.path.relpath(place, folder).replace(os.sep, "/")
        yield from (f"{within}/{name}" for name in files if os.path.splitext(name)[1] in DECIDE)
