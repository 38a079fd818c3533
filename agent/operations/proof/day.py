"""A day's scheduled work in a few minutes: every hour of it each source is due, and what is polled is polled meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import filelock

from agent.errors import ServiceFailed
from agent.operations.proof.channels import Step
from agent.operations.proof.product import Product
from agent.operations.proof.record import Work
from agent.operations.proof.upstream import DESK, PORT, SITE, Upstream
from knowledge.refresh import FILE, load_states

HOURS = 24
SWEEP_S = 5.0
"""As the worker's options have it."""
HOUR_IN_S = 300.0
"""Longest wait for the refreshes of one hour."""
_LISTING = """sources:
- {{name: help-centre, kind: folder, path: "{centre}", language: en, refresh: hourly}}
- {{name: notes, kind: files, paths: ["{notes}/house-rules.html", "{notes}/faq.csv"], refresh: hourly}}
- {{name: website, kind: website, url: "{site}", refresh: hourly}}
"""
_NOTES = {
    "house-rules.html": "<html><head><title>Quiet hours</title></head><body><main><h1>Quiet hours</h1><p>Guests keep the "
    "house quiet from ten in the evening until seven in the morning, on all days of the week.</p></main></body></html>",
    "faq.csv": "question,answer\nIs there a lift?,The house on the harbour has a lift to every floor.\n",
}


def write_sources(product: Product, centre: Path) -> tuple[str, ...]:
    """Put a list of sources of several kinds into the data folder. Their names."""
    notes = product.folder / "notes"
    notes.mkdir()
    for name, text in _NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    product.data_dir.mkdir(parents=True, exist_ok=True)
    listing = _LISTING.format(centre=centre, notes=notes, site=f"http://{SITE}:{PORT}/")
    (product.data_dir / "sources.yaml").write_text(listing, encoding="utf-8")
    return ("help-centre", "notes", "website")


async def pass_a_day(product: Product, upstream: Upstream, sources: Sequence[str], hours: int, step: Step) -> list[Work]:
    """Let all sources be refreshed for each hour, by the worker that runs.

    Raises:
        ServiceFailed: the worker doesn't refresh them.
    """
    before, began, asked = product.logged("refresh_done"), time.monotonic(), _polled(upstream)
    for hour in range(1, hours + 1):
        upstream.website.edition += 1
        _let_an_hour_pass(product.data_dir)
        await _refreshed(product, sources, hour)
        step()
    seconds = time.monotonic() - began
    done = product.logged("refresh_done") - before
    work = [Work("refreshes of sources by the worker", done, f"{len(sources)} sources of three kinds, each due {hours} times")]
    if polls := _polled(upstream) - asked:
        work.append(
            Work("polls of helpdesks by the worker", polls, "requests to the stand-ins of what is polled, while the day passed")
        )
    told = f"reckoned: one each {SWEEP_S:g} s, while the day passed"
    return [*work, Work("sweeps for lost work by the worker", int(seconds / SWEEP_S), told)]


def _polled(upstream: Upstream) -> int:
    return sum(count for host, count in upstream.asked.items() if host not in {DESK, SITE})


def _let_an_hour_pass(data_dir: Path) -> None:
    """Forget when the sources were read last, so that all are due: as if their time had passed."""
    with filelock.FileLock(data_dir / f"{FILE}.lock", timeout=30), contextlib.suppress(FileNotFoundError):
        (data_dir / FILE).unlink()


async def _refreshed(product: Product, sources: Sequence[str], hour: int) -> None:
    deadline = time.monotonic() + HOUR_IN_S
    while time.monotonic() < deadline:
        states = load_states(product.data_dir)
        if all(name in states for name in sources):
            if failed := [name for name in sources if states[name].succeeded is None]:
                raise ServiceFailed(f"in hour {hour} the worker could not refresh {', '.join(failed)}")
            return
        await asyncio.sleep(0.2)
    raise ServiceFailed(f"in hour {hour} the worker did not refresh its sources within {HOUR_IN_S:g} s")
