"""Servers, models and the ingested samples that several kinds of tests use, and logging as each test found it.

The environment is that of our processes, before any library is imported. With `pytest -n`, files are shared out whole, the
longest first. The tests of the started product go to two processes at most: they wait half of their time, so that two of them
and a third process keep two cores busy, and their deadlines are minutes.
"""

import json
import logging
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

from agent.privacy.environment import lock_down
from tests.redis_groups import Group, cluster
from tests.servers import RedisServer, valkey

if TYPE_CHECKING:
    from knowledge.embed import SentenceTransformerEmbedder

KEPT = ("chroma", "lexical", "vectors")
STARTED_PRODUCT = "tests/e2e/"
THAT_FAIL = tuple(
    f"tests/e2e/test_{name}.py"
    for name in (
        *("crashes", "customer_erased", "failures", "lies", "lying_judge", "model_fallback", "personal_data"),
        *("redis_fail_over", "refund_race", "refunds_that_fail", "what_stays_in_redis", "widget_killed"),
    )
)
"""The half of them in which most is killed and waited for. None takes a port that isn't free: `up` is in the other half."""
SINGLE_COMMANDS = tuple(
    f"tests/e2e/test_{name}.py" for name in ("cli", "ingest_list", "prove_egress_place", "redis_nodes", "sample_questions")
)
"""Start no more than one command at a time and wait for its end, or none: these may run beside anything."""
PATIENT = "tests/e2e/test_prove_egress.py"
"""Takes as long as it takes: its tickets wait for each other, and its limits are minutes."""
LONG = (
    "tests/contract/helpdesks/test_helpdesks.py",
    "tests/e2e/test_cli.py",
    "tests/integration/policies/test_policy_commands.py",
    "tests/integration/evaluation/test_eval_answers.py",
    "tests/integration/test_queue.py",
)
"""Minutes each: none of them must be begun last."""

lock_down()
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore Ctrl-C, and so would every process that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class ProductApart(LoadFileScheduling):
    """What one process runs after the other: a file, or half of everything that starts the product."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if not file.startswith(STARTED_PRODUCT) or file in (*SINGLE_COMMANDS, PATIENT):
            return file
        return f"{STARTED_PRODUCT}that-fail" if file in THAT_FAIL else STARTED_PRODUCT


@pytest.hookimpl(optionalhook=True)  # nobody asks where pytest-xdist is switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ProductApart:
    config.option.loadscopereorder = False  # it would put a file of few tests last, however long they take
    return ProductApart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest is begun first, so that all processes end at about the same time."""

    def rank(item: pytest.Item) -> int:
        if item.nodeid.startswith(PATIENT):
            return 1
        if item.nodeid.startswith(LONG):
            return 2
        if item.nodeid.startswith(STARTED_PRODUCT):
            return 3 if item.nodeid.startswith(SINGLE_COMMANDS) else 0
        return 4 if item.get_closest_marker("slow") else 5

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that runs in the test's own process sets up logging; the next test must not inherit its level."""
    root, is_set_up, setup = logging.getLogger(), structlog.is_configured(), structlog.get_config()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    if is_set_up:
        structlog.configure(**setup)
    else:
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The embedded server on loopback, one for the whole session. Don't kill this one."""
    with valkey(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """Three nodes, for all tests of this process. Don't kill them."""
    with cluster(tmp_path_factory.mktemp("cluster")) as group:
        yield group


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty database."""
    redis_server.flush()
    return redis_server.url


@pytest.fixture(scope="session")
def embedder() -> "SentenceTransformerEmbedder":
    """The packaged encoder, one for the whole session; it loads at first use."""
    from knowledge.embed import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(threads=1)


@pytest.fixture(scope="session")
def knowledge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds nothing but the sample help centre, of this process alone. Copy it.

    What it is copied from is kept from one session to the next, as pytest's cache: ingesting again changes only what has
    changed. Of several processes one at a time does so.
    """
    cache = getattr(request.config, "cache", None)
    kept = cache.mkdir("e2e-knowledge") if cache else tmp_path_factory.mktemp("kept")
    with FileLock(kept.with_suffix(".lock")):
        ingest_samples(kept)
        return Path(shutil.copytree(kept, tmp_path_factory.mktemp("knowledge") / "data"))


def ingest_samples(folder: Path) -> None:
    """Bring the folder in line with the sample help centre; start anew if what is in it can't be used."""
    from tests.e2e.product import run

    ingested = run(folder, "ingest", "--samples", timeout_s=600)
    if ingested.returncode != 0:
        shutil.rmtree(folder)
        folder.mkdir()
        ingested = run(folder, "ingest", "--samples", timeout_s=600)
    assert ingested.returncode == 0, ingested.stderr
    read = run(folder, "policy", "explain", "hello")  # what has been started once has the vectors of the pack's examples
    assert read.returncode == 0, read.stderr
    for left in folder.iterdir():
        if left.name not in KEPT and left.is_dir():
            shutil.rmtree(left)


@pytest.fixture(scope="session")
def llama() -> Iterator[str]:
    """The address of the packaged model on one thread, one for the whole session."""
    command = (sys.executable, "-m", "agent.adapters.local_model", "--profile", "smollm2", "--threads", "1")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
        assert process.wait(30) == 0
