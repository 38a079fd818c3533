import json
import zipfile
from pathlib import Path

import pytest

from knowledge.sources.confluence import read_confluence_export
from knowledge.sources.zammad import read_zammad_file
from knowledge.sources.zendesk import read_zendesk_export
from knowledge.types import Audience, Document, SourceFailure
from tests.integration.knowledge.exports import ENTITIES, HTML_PAGE, put_zendesk, zammad_assets, zendesk_article


def test_a_zendesk_export_gives_its_published_articles(tmp_path: Path):
    articles = [
        zendesk_article(1),
        zendesk_article(2, draft=True),
        zendesk_article(3, user_segment_id=77),
        zendesk_article(4, user_segment_id=78),
        zendesk_article(5, body=""),
        zendesk_article(1, locale="de", body="<p>Zwei Hunde.</p>"),
    ]
    unknown = zendesk_article(6)
    del unknown["user_segment_id"]
    skipped: list[tuple[str, str]] = []
    folder = put_zendesk(tmp_path / "zd", [*articles, unknown])
    found = list(read_zendesk_export(folder, segments={78: Audience.PUBLIC}, on_skip=lambda *what: skipped.append(what)))
    documents = {one.doc_id: one for one in found if isinstance(one, Document)}
    assert {key: one.audience for key, one in documents.items()} == {
        "zendesk/1/en-us": Audience.PUBLIC,
        "zendesk/3/en-us": Audience.INTERNAL,
        "zendesk/4/en-us": Audience.PUBLIC,
        "zendesk/1/de": Audience.PUBLIC,
    }
    first = documents["zendesk/1/en-us"]
    assert first.text == "# House\n\n## Animals\n\n### Dogs\n\nTwo dogs."
    assert (first.title, first.language, first.updated, first.tags) == ("Article 1", "en-us", "2026-02-03", ("pets",))
    assert (first.url, first.source) == ("https://help.example/hc/en-us/articles/1", str(folder / "articles.json"))
    assert skipped == [("article 2 Article 2", "it is a draft")]
    reasons = [one.reason for one in found if isinstance(one, SourceFailure)]
    assert [reason[:10] for reason in reasons] == ["article 5:", "article 6:"]
    assert "user_segment_id" in reasons[1]


def test_missing_pages_of_a_zendesk_export_are_noticed(tmp_path: Path):
    *_, failure = read_zendesk_export(put_zendesk(tmp_path / "zd", [zendesk_article(1)], count=75))
    assert isinstance(failure, SourceFailure)
    assert "1 of 75" in failure.reason


@pytest.mark.parametrize("text", ["", "{", "3", '{"articles": {}}', '{"tickets": []}'])
def test_what_is_no_zendesk_export_is_a_failure(tmp_path: Path, text: str):
    (tmp_path / "a.json").write_text(text)
    assert all(isinstance(one, SourceFailure) for one in read_zendesk_export(tmp_path / "a.json"))


@pytest.mark.parametrize("packed", [True, False])
def test_a_confluence_xml_export_gives_its_current_pages(tmp_path: Path, packed: bool):
    export = tmp_path / ("space.zip" if packed else "space")
    if packed:
        with zipfile.ZipFile(export, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("entities.xml", ENTITIES)
            archive.writestr("exportDescriptor.properties", "exportType=space\n")
    else:
        export.mkdir()
        (export / "entities.xml").write_text(ENTITIES)
    skipped: list[tuple[str, str]] = []
    found = list(read_confluence_export(export, Audience.PUBLIC, lambda *what: skipped.append(what)))
    documents = {one.doc_id: one for one in found if isinstance(one, Document)}
    assert {key: one.audience for key, one in documents.items()} == {
        "confluence/1": Audience.PUBLIC,
        "confluence/2": Audience.PUBLIC,
        "confluence/6": Audience.INTERNAL,
        "confluence/7": Audience.INTERNAL,
        "confluence/8": Audience.PUBLIC,
    }
    pets = documents["confluence/2"]
    assert (pets.title, pets.updated) == ("Pets", "2026-01-03")
    assert pets.text.replace("\xa0", " ") == "# Guest house\n\n## Home\n\nTwo dogs."
    assert pets.source == str(export if packed else export / "entities.xml")
    assert [reason for _, reason in skipped] == [
        "it is an old version",
        "its status is draft",
        "its status is deleted",
        "it is a blog post",
    ]
    (failure,) = [one for one in found if isinstance(one, SourceFailure)]
    assert "old wiki markup" in failure.reason


def test_a_confluence_html_export_gives_its_pages(tmp_path: Path):
    export = tmp_path / "space.zip"
    with zipfile.ZipFile(export, "w") as archive:
        archive.writestr("GH/index.html", "<html><body><div id='main-content'>Available pages</div></body></html>")
        archive.writestr("GH/Pets_262251.html", HTML_PAGE)
        archive.writestr("GH/other.html", "<html><body>nothing</body></html>")
        archive.writestr("GH/attachments/1/x.html", "<p>An attachment</p>")
    page, failure = read_confluence_export(export, Audience.INTERNAL)
    assert isinstance(page, Document)
    assert (page.doc_id, page.title, page.updated) == ("confluence/262251", "Pets", "2025-11-09")
    assert page.text == "# Guest house\n\n## Rules\n\nTwo dogs.\n\n#### Fees\n\n4 euros."
    assert (page.audience, page.source) == (Audience.INTERNAL, str(export))
    assert isinstance(failure, SourceFailure)
    assert "GH/other.html" in failure.reason


def test_entities_that_swell_and_broken_exports_are_failures(tmp_path: Path):
    nested = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(10))
    bomb = ENTITIES.replace("?>", f'?><!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{nested}]>').replace("<![CDATA[Home]]>", "&e9;")
    (tmp_path / "bomb").mkdir()
    (tmp_path / "bomb" / "entities.xml").write_text(bomb)
    found = list(read_confluence_export(tmp_path / "bomb", Audience.PUBLIC))
    assert sum(len(one.title) + len(one.text) for one in found if isinstance(one, Document)) < 1000
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "entities.xml").write_text(ENTITIES[:1500])
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.zip").write_bytes(b"PK no zip")
    for name in ("cut", "empty", "no.zip", "missing"):
        *_, failure = read_confluence_export(tmp_path / name, Audience.PUBLIC)
        assert isinstance(failure, SourceFailure)


def test_a_saved_answer_of_zammad(tmp_path: Path):
    path = tmp_path / "zammad.json"
    path.write_text(json.dumps(zammad_assets()))
    found = [one for one in read_zammad_file(path) if isinstance(one, Document)]
    assert [(one.doc_id, one.source) for one in found] == [(f"zammad/{n}/{n}", str(path)) for n in (1, 3, 6)]
