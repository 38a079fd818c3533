"""The widget's files: for any page, cached as they may be."""

import gzip
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.integration.channels.widget_world import WidgetWorld, widget_world

pytestmark = pytest.mark.slow
SCRIPT = "// the widget\nvoid 0;\n"


@pytest.fixture
async def world(redis_url: str, tmp_path: Path) -> AsyncIterator[WidgetWorld]:
    from agent.channels.widget.deps import web_files

    (tmp_path / "locales").mkdir()
    (tmp_path / "widget.js").write_text(SCRIPT)
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "locales" / "de.json").write_text('{"send":"Senden"}')
    for name in ("widget_demo.html", "widget_demo.css"):
        (tmp_path / name).write_bytes(web_files().joinpath(name).read_bytes())
    async with widget_world(redis_url, web=tmp_path) as world:
        yield world


@pytest.mark.parametrize(
    ("path", "media_type", "caching"),
    [
        ("/widget.js", "text/javascript; charset=utf-8", "no-cache"),
        (f"/widget/{version('innkeeper')}/widget.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/widget/locales/de.json", "application/json", "no-cache"),
    ],
)
async def test_any_page_may_load_them(world: WidgetWorld, path: str, media_type: str, caching: str) -> None:
    url = world.replicas[0].base + path
    plain = await world.client.get(url, headers={"accept-encoding": "identity", "origin": "https://anywhere.example"})
    assert (plain.status_code, plain.headers["content-type"], plain.headers["cache-control"]) == (200, media_type, caching)
    assert plain.headers["access-control-allow-origin"] == "*"
    assert plain.headers["cross-origin-resource-policy"] == "cross-origin"
    assert plain.headers["x-content-type-options"] == "nosniff"
    packed = await world.client.get(url)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert packed.headers["etag"] != plain.headers["etag"]
    again = await world.client.get(url, headers={"if-none-match": f'W/"x", {packed.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", packed.headers["etag"])
    async with world.client.stream("GET", url) as raw:
        assert gzip.decompress(b"".join([chunk async for chunk in raw.aiter_raw()])).decode() == plain.text


@pytest.mark.parametrize(
    "path",
    [
        "/widget/0.0.0/widget.js",
        "/widget/locales/xx.json",
        "/widget/locales/..%2Fsecret.json",
        "/widget/locales/%2e%2e%2fsecret.json",
        "/widget/locales/DE.json",
        "/widget/locales/de.json.json",
    ],
)
async def test_nothing_else_is_served(world: WidgetWorld, path: str) -> None:
    assert (await world.client.get(world.replicas[0].base + path)).status_code == 404


async def test_the_demo_page_has_no_inline_anything(world: WidgetWorld) -> None:
    page = await world.client.get(f"{world.replicas[0].base}/widget/demo")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in page.text
    assert " style=" not in page.text
    script = '<script src="/widget.js" data-site="demo" data-open async></script>'
    assert page.text.count("<script") == page.text.count(script) == 1
    style = await world.client.get(f"{world.replicas[0].base}/widget/demo.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
