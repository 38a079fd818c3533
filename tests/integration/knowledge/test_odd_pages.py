"""HTML that keeps its libraries busy for minutes: a failure by name, and the rest goes on."""

from dataclasses import replace
from pathlib import Path

import pytest

from knowledge.base import KnowledgeBase
from knowledge.errors import SourceUnreadable
from knowledge.scopes import OriginScope
from knowledge.sources.confluence import read_confluence_export
from knowledge.sources.conversion import Converter, Limits
from knowledge.sources.zendesk import read_zendesk_export
from knowledge.sync import SyncOptions
from knowledge.types import Audience, Document, Query, SourceFailure
from tests.integration.knowledge.exports import put_zendesk, zendesk_article
from tests.integration.knowledge.web_site import SENTENCE, WebSite, article, page, reads

pytestmark = pytest.mark.slow
LIMIT_S = 6.0
"""Enough for the child to load its libraries on a busy machine."""
ODD = (
    f"<html><head><title>All tags</title></head><body><a href='/below'>Below</a><article><p>{SENTENCE}"
    + "<a href=x>a</a> " * 90_000
)
"""1.4 MB as a tag cloud may have it: the extractor takes several minutes, a browser none."""


def test_an_odd_page_is_a_failure_by_name_and_what_it_links_to_is_read(web: WebSite):
    web.pages["/"] = page(article("Home", "/odd", "/good"))
    web.pages["/odd"], web.pages["/good"], web.pages["/below"] = page(ODD), page(article("Good")), page(article("Below"))
    reading = reads(web.base, convert_s=LIMIT_S)
    assert reading.paths == ["/", "/below", "/good"]
    assert list(reading.failures) == [f"{web.base}/odd"]
    assert f"took longer than {LIMIT_S:g} s to convert" in reading.failures[f"{web.base}/odd"]
    assert reading.of_all == []


def test_a_page_that_became_odd_keeps_its_last_good_version(web: WebSite, base: KnowledgeBase):
    def sync():
        found = [replace(one, origin="site") for one in reads(web.base, convert_s=LIMIT_S, max_depth=1).found]
        return base.bring_in_line([OriginScope("site", web.base)], found, SyncOptions())

    web.pages["/"] = page(article("Home", "/odd"))
    web.pages["/odd"] = page(article("Sauna", text="The sauna is heated from Friday to Sunday."))
    assert len(sync().added) == 2
    web.pages["/odd"] = page(ODD)
    report = sync()
    assert (report.removed, [one.source for one in report.failed]) == ((), [f"{web.base}/odd"])
    hits = base.search(Query("When is the sauna heated?", audiences=frozenset(Audience)))
    assert "Friday" in hits[0].passage.text


def test_one_child_serves_all_pages_of_a_site(web: WebSite):
    web.pages["/"] = page(article("Home", *(f"/{number}" for number in range(40))))
    web.pages |= {f"/{number}": page(article(f"Page {number}")) for number in range(40)}
    assert len(reads(web.base).documents) == 41
    with Converter() as converter:
        converter.work("page", "a", text=article("A"))
        child = converter._child
        converter.work("page", "a", text=article("B"))
        assert converter.markdown("<p>Yes.", "a") == "Yes."
        assert converter._child is child


def test_a_request_that_no_child_takes_is_given_up(tmp_path: Path):
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import time\ntime.sleep(600)\n")
    with (
        Converter(Limits(timeout_s=0.5), deaf) as converter,
        pytest.raises(SourceUnreadable, match="longer than"),
    ):
        converter.work("page", "a", text=ODD)


def test_exports_go_on_after_a_child_that_ended(tmp_path: Path):
    (tmp_path / "index.html").write_text("<html><body>index</body></html>")
    (tmp_path / "Pets_1.html").write_text("<html><body><div id='main-content'><p>Two dogs may come.</p></div></body></html>")
    ending = tmp_path / "ending.py"
    ending.write_text("import os, sys\nsys.stdin.readline()\nos.abort()\n")
    with Converter(program=ending) as converter:
        (failure,) = read_confluence_export(tmp_path, Audience.PUBLIC, converter=converter)
    assert isinstance(failure, SourceFailure)
    assert "Pets_1.html: made its converter end (SIGABRT)" in failure.reason
    (pets,) = read_confluence_export(tmp_path, Audience.PUBLIC)
    assert isinstance(pets, Document)
    folder = put_zendesk(tmp_path / "guide", [zendesk_article(1), zendesk_article(2)])
    with Converter(program=ending) as converter:
        failures = [one for one in read_zendesk_export(folder, converter=converter) if isinstance(one, SourceFailure)]
    assert [one.reason.partition(":")[0] for one in failures] == ["article 1", "article 2"]
