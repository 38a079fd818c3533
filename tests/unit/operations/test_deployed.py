import sys

import pytest

from agent.errors import InstallationIncomplete
from agent.operations.deployed import deployed


def test_the_models_and_the_chart_are_there():
    assert {"models", "helm", "constraints.txt"} <= {one.name for one in deployed().iterdir()}


def test_an_environment_without_them_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "deploy", None)
    with pytest.raises(InstallationIncomplete, match="make install"):
        deployed()
