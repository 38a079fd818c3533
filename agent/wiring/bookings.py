"""The sample company's booking system as a process, and as a system that the agent may use."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agent.adapters.live_services import write_private
from agent.channels.widget.files import DEMO_SITE
from agent.samples.bookings.first import first_bookings
from agent.samples.bookings.service import create_bookings
from agent.samples.bookings.site import add_site
from agent.samples.bookings.store import BookingStore
from agent.settings import Settings
from agent.wiring import shelf
from agent.wiring.http import serve_app

BOOKINGS = "bookings"
"""What the demo calls the system."""
BOOKINGS_PORT = 8091


async def run_bookings(settings: Settings, port: int, fd: int | None = None) -> None:
    """Serve on loopback until SIGTERM or Ctrl-C. An empty data folder gets the first bookings.

    Beside `up --demo` it shows the sample company's own page, too, with the chat in it.
    """
    shelf.guard_egress(settings)
    store = BookingStore(settings.data_dir / "demo-bookings.sqlite3")
    store.add_if_empty(first_bookings(datetime.now(UTC)))
    app = create_bookings(store, SecretStr(bookings_token(settings.data_dir)))
    site = settings.sites.get(DEMO_SITE)
    if site is not None and site.jwt_secret is not None:
        add_site(app, store, f"http://127.0.0.1:{settings.port}", DEMO_SITE, site.jwt_secret)
    await serve_app(app, "127.0.0.1", port, fd)


def bookings_token(data_dir: Path) -> str:
    """What the booking system lets Innkeeper in by, made once for each data folder."""
    return _kept(data_dir / "run" / "bookings.token")


def site_secret(data_dir: Path) -> str:
    """What the sample company's site signs its guests' tokens with, made once for each data folder."""
    return _kept(data_dir / "run" / "site.secret")


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(32)
        write_private(path, token)
        return token


def bookings_system(url: str, token: str) -> dict[str, Any]:
    """It as an entry of INNKEEPER_TOOLS. Every operation is bound to the customer of the conversation."""
    bind = {"customer_id": "customer.id"}
    reads = ("list_bookings", "get_booking", "quote_cancellation")
    writes = ("change_dates", "cancel_booking", "refund")
    return {
        "kind": "openapi",
        "url": url,
        "token": token,
        "operations": {name: {"effect": "read", "bind": bind} for name in reads}
        | {name: {"repeats_safely": True, "bind": bind} for name in writes},
    }
