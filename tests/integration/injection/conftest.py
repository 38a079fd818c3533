"""The booking system as a process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.wiring.bookings import bookings_system, bookings_token
from tests.e2e.test_demo_bookings import bookings
from tests.servers import free_port

System = tuple[dict[str, Any], Path]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """INNKEEPER_TOOLS with it, and its database."""
    folder, port = tmp_path_factory.mktemp("bookings"), free_port()
    with bookings(folder, port):
        settings = bookings_system(f"http://127.0.0.1:{port}", bookings_token(folder)) | {"timeout_s": 60}
        yield {"bookings": settings}, folder / "demo-bookings.sqlite3"
