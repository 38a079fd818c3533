"""The checked-in widget is what `make widget` makes of its sources."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npx") is None and "CI" not in os.environ, reason="no npm")
def test_building_it_again_changes_nothing(tmp_path: Path):
    made = subprocess.run(
        ["make", "widget", f"WIDGET={tmp_path / 'widget.js'}"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "widget.js").read_bytes() == (ROOT / "agent" / "web" / "widget.js").read_bytes()
