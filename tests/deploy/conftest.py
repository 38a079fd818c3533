"""Helm as a process, and what it makes of the six value sets: each rendered once."""

import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.deploy.rendered import CHART, NAMESPACE, NEWEST, RELEASE, SETS, Release, read_release

TOOLS = Path(__file__).parents[2] / ".venv-deploy" / "bin"
Helm = Callable[..., "subprocess.CompletedProcess[str]"]


def found_tools() -> Path:
    """The folder with helm and the checkers. Missing, the tests are skipped; where CI runs, they fail."""
    if not (TOOLS / "helm").is_file():
        missing = f"{TOOLS / 'helm'} is missing: run `make deploy-tools`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return TOOLS


@pytest.fixture(scope="session")
def tools() -> Path:
    """See `found_tools`."""
    return found_tools()


@pytest.fixture(scope="session")
def helm(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Runs helm with a home of its own, so that nothing of this machine's user is read."""
    home = tmp_path_factory.mktemp("helm")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(home / "none")}

    def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [str(tools / "helm"), *arguments]
        return subprocess.run(command, input=stdin, env=env, capture_output=True, text=True, timeout=300, check=False)

    return run


@pytest.fixture(scope="session")
def template(helm: Helm) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """`helm template` of a value set, with more values (YAML) on top and for a Kubernetes version."""

    def run(values: str, more: str = "", kubernetes: str = NEWEST) -> "subprocess.CompletedProcess[str]":
        chosen = ("-f", str(CHART / "ci" / f"{values}-values.yaml"), "-f", "-", "--kube-version", kubernetes)
        return helm("template", RELEASE, str(CHART), "-n", NAMESPACE, *chosen, stdin=more)

    return run


@pytest.fixture(scope="session")
def render(template: Callable[..., "subprocess.CompletedProcess[str]"]) -> Callable[..., Release]:
    """The same, read; each asked for once."""

    @cache
    def rendered(values: str, more: str = "", kubernetes: str = NEWEST) -> Release:
        done = template(values, more, kubernetes)
        assert done.returncode == 0, done.stderr
        return read_release(values, done.stdout)

    return rendered


@pytest.fixture(params=SETS)
def release(request: pytest.FixtureRequest, render: Callable[..., Release]) -> Release:
    """Each of the six value sets in turn."""
    return render(request.param)
