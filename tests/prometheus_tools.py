"""Prometheus' own programs, where they are installed: `tests/system_packages.sh` does that."""

import os
import shutil

import pytest

PROMTOOL = shutil.which("promtool")
PROMETHEUS = shutil.which("prometheus")


def needed(program: str | None) -> str:
    """The program's path; without it the test is skipped, and fails in CI."""
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Prometheus is not installed; run tests/system_packages.sh")
        pytest.skip("Prometheus is not installed; tests/system_packages.sh installs it")
    return program
