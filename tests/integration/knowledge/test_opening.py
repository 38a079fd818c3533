"""Every kind that a list of sources may name, read from the real thing through the list."""

import shutil
from io import BytesIO
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from knowledge.base import KnowledgeBase
from knowledge.sources.opening import load_sources, open_source
from knowledge.types import Audience, Document, SourceFailure
from tests.integration.knowledge.exports import put_zendesk, zendesk_article
from tests.integration.knowledge.test_remote_sources import Desk, address, desks, repository
from tests.integration.knowledge.web_site import WebSite, article, page

pytestmark = pytest.mark.slow
__all__ = ["desks", "repository"]  # fixtures


def pdf(text: str) -> bytes:
    file = BytesIO()
    canvas = Canvas(file)
    canvas.drawString(72, 700, text)
    canvas.save()
    return file.getvalue()


def read(tmp_path: Path, entry: str) -> tuple[dict[str, Document], list[SourceFailure]]:
    listing = tmp_path / "sources.yaml"
    listing.write_text(f"sources:\n- {{name: one, {entry}}}\n")
    (source,) = load_sources(listing)
    found = list(open_source(source, tmp_path / "fetched"))
    assert all(one.origin == "one" for one in found)
    return {one.doc_id: one for one in found if isinstance(one, Document)}, [f for f in found if isinstance(f, SourceFailure)]


def test_a_repository(tmp_path: Path, repository: Path):
    documents, failed = read(tmp_path, f"kind: git, url: 'file://{repository}', ref: main, subfolder: docs, owner: Desk")
    assert not failed
    assert documents["pets.md"].owner == "Desk"
    assert Path(documents["pets.md"].source).is_relative_to(tmp_path / "fetched")


def test_a_website_with_a_file_on_it(tmp_path: Path, web: WebSite, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    web.pages |= {
        "/": page(article("Home", "/prices.pdf", "/archive/old", "/old.doc", "/gone")),
        "/old.doc": page(b"\xd0\xcf", "application/msword"),
        "/prices.pdf": page(pdf("A night costs 80 euros in the high season."), "application/pdf"),
        "/archive/old": page(article("Old")),
    }
    documents, failed = read(tmp_path, f"kind: website, url: '{web.base}/', exclude: ['/archive/*'], language: en")
    assert not failed
    assert {one.url for one in documents.values()} == {f"{web.base}/", f"{web.base}/prices.pdf"}
    (prices,) = [one for one in documents.values() if one.source.endswith(".pdf")]
    assert "80 euros" in prices.text
    assert prices.audience is Audience.PUBLIC
    assert prices.language == "en"
    assert f"{web.base}/old.doc: is application/msword" in caplog.text
    assert f"{web.base}/gone answers 404" in caplog.text


def test_a_website_whose_file_is_broken_names_it(tmp_path: Path, web: WebSite):
    web.pages |= {"/": page(article("Home", "/a.pdf")), "/a.pdf": page(b"%PDF-1.4 broken", "application/pdf")}
    documents, failed = read(tmp_path, f"kind: website, url: '{web.base}/'")
    assert len(documents) == 1
    assert [one.source for one in failed] == [f"{web.base}/a.pdf"]


def test_a_website_that_is_away_keeps_what_was_read(tmp_path: Path, base: KnowledgeBase, web: WebSite):
    web.pages |= {"/": page(article("Home", "/pets")), "/pets": page(article("Pets"))}
    listing = tmp_path / "sources.yaml"
    listing.write_text(f"sources:\n- {{name: site, kind: website, url: '{web.base}/'}}\n")
    assert base.sync_sources(load_sources(listing), are_all=True).sources[0].added == 2
    web.pages["/"] = page("trouble", status=503)
    report = base.sync_sources(load_sources(listing), are_all=True)
    assert report.removed == ()
    assert report.failed
    web.pages["/"] = page(article("Home"))
    assert base.sync_sources(load_sources(listing), are_all=True).sources[0].removed == 1


def test_zammad_and_its_token(tmp_path: Path, desks: tuple[Desk, Desk], monkeypatch: pytest.MonkeyPatch):
    entry = f"kind: zammad, url: '{address(desks[0])}', token_env: DESK_TOKEN"
    documents, failed = read(tmp_path, entry)
    assert not documents
    assert "DESK_TOKEN is not set" in failed[0].reason
    monkeypatch.setenv("DESK_TOKEN", "t0ken")
    documents, failed = read(tmp_path, entry)
    assert all("answer 7" in one.reason for one in failed)  # its content is missing at the desk
    assert {one.audience for one in documents.values()} == {Audience.PUBLIC, Audience.INTERNAL}


def test_exports(tmp_path: Path):
    put_zendesk(tmp_path / "guide", [zendesk_article(1)])
    documents, failed = read(tmp_path, "kind: zendesk, path: guide, owner: Desk")
    assert (len(documents), failed) == (1, [])
    space = tmp_path / "space"
    space.mkdir()
    (space / "Pets_1.html").write_text(
        "<html><head><title>Support : Pets</title></head><body><div id='main-content' class='wiki-content group'>"
        "<p>Two dogs may come with you.</p></div></body></html>"
    )
    (space / "index.html").write_text(
        "<html><head><title>Support</title></head><body><a href='Pets_1.html'>Pets</a></body></html>"
    )
    archive = shutil.make_archive(str(tmp_path / "SUPPORT"), "zip", space)
    documents, failed = read(tmp_path, f"kind: confluence, path: '{archive}', audience: internal")
    assert not failed
    (pets,) = documents.values()
    assert "Two dogs" in pets.text
    assert pets.audience is Audience.INTERNAL
    documents, failed = read(tmp_path, "kind: confluence, path: nothing.zip")
    assert not documents
    assert failed
