"""Servers that sentinels or a cluster name are reached only if the settings name them, too."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.product import run
from tests.redis_groups import PASSWORD, SERVICE, SLOTS, info, sentinel, server, until

pytestmark = pytest.mark.slow

ELSEWHERE = "192.0.2.7"
"""A documentation address: nothing is there, and nothing may be tried."""


@contextmanager
def pointing_sentinel(folder: Path) -> Iterator[str]:
    """The URL of a sentinel that names a primary on another machine, and doesn't mind that it is silent."""
    one = sentinel(folder, ELSEWHERE, 6379, 1, lost_after_ms=3_600_000)
    try:
        one.start()
        yield f"redis+sentinel://:{PASSWORD}@{one.address}/{SERVICE}"
    finally:
        one.kill()


@contextmanager
def pointing_node(folder: Path) -> Iterator[str]:
    """The URL of a node of a cluster that calls itself by an address of another machine."""
    one = server(folder, None, "--cluster-announce-ip", ELSEWHERE, of_cluster=True)
    try:
        one.start()
        assert one.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        until(lambda: "cluster_state:ok" in info(one, "CLUSTER", "INFO"))
        yield f"redis+cluster://:{PASSWORD}@{one.address}"
    finally:
        one.kill()


@pytest.mark.parametrize("pointing", [pointing_sentinel, pointing_node])
def test_a_server_that_the_settings_do_not_name_is_refused_and_told(tmp_path: Path, pointing) -> None:
    with pointing(tmp_path / "redis") as url:
        data = tmp_path / "data"
        told = json.loads(run(data, "doctor", "--json", INNKEEPER_REDIS_URL=url).stdout)
        redis = next(check for check in told["checks"] if check["name"] == "redis")
        assert not redis["ok"]
        assert f"{ELSEWHERE}:" in redis["detail"]
        assert "INNKEEPER_REDIS_NODES" in redis["detail"]
        assert PASSWORD not in redis["detail"]
        done = run(data, "undelivered", INNKEEPER_REDIS_URL=url)
        assert done.returncode == 1
        assert f"refused connect to {ELSEWHERE}:" in done.stderr
        assert "INNKEEPER_REDIS_NODES" in done.stderr
        assert "Traceback" not in done.stderr
