from datetime import UTC, datetime

import pytest

from knowledge.errors import SourceUnreadable
from knowledge.sources.confluence_storage import html_of_storage
from knowledge.sources.fragment import markdown_of_fragment
from knowledge.sources.headings import under_headings
from knowledge.sources.zammad import assets_of, documents_of_assets
from knowledge.types import Audience, Document, SourceFailure
from tests.integration.knowledge.exports import zammad_assets

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_short_body_is_kept_whole():
    assert markdown_of_fragment("<p>Yes.</p>", "a") == "Yes."
    body = "<h2>Fees</h2>"
    body += "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2 | 3</td></tr></table>"
    body += "<ol><li>x<ul><li>y</li></ul></li></ol>"
    text = markdown_of_fragment(
        body + "<script>alert(1)</script><p hidden>no</p><a href='/b'>b</a>", "a", "https://h.example/hc/a"
    )
    assert "## Fees\n\n| A | B |\n| --- | --- |\n| 1 | 2 \\| 3 |" in text
    assert "1. x\n   - y" in text
    assert "[b](https://h.example/b)" in text
    assert "alert" not in text
    assert "no" not in text


@pytest.mark.parametrize("body", ["", "<p> </p>", "<img src=x>", "<div>" * 5000 + "x" + "</div>" * 5000])
def test_a_body_without_text_or_without_end_is_refused(body: str):
    with pytest.raises(SourceUnreadable):
        markdown_of_fragment(body, "a")


def test_half_a_character_pair_does_no_harm():
    assert markdown_of_fragment("<p>a\ud800b</p>", "a") == "a?b"


def test_a_text_stands_under_its_headings():
    text = "Intro.\n\n# One\n\n```\n# no heading\n```\n\n###### Deep\n#tag"
    expected = "# Help\n\n## Money\n\nIntro.\n\n### One\n\n```\n# no heading\n```\n\n###### Deep\n#tag"
    assert under_headings(text, ["Help", " Money "]) == expected
    assert under_headings(text, ["", " "]) == text


def test_storage_format_keeps_text_and_drops_settings():
    storage = """<h1>Deposit&nbsp;&amp; more</h1><ac:structured-macro ac:name="info">
<ac:parameter ac:name="title">cfg</ac:parameter>
<ac:rich-text-body><p>Held for two days.</p></ac:rich-text-body></ac:structured-macro>
<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">sh</ac:parameter>
<ac:plain-text-body><![CDATA[ls <dir>]] ></ac:plain-text-body></ac:structured-macro>
<p>See <ac:link><ri:page ri:content-title="Fees" /></ac:link> and <ac:link><ri:page ri:content-title="X" />
<ac:plain-text-link-body><![CDATA[this]]></ac:plain-text-link-body></ac:link>.
<ac:image><ri:attachment ri:filename="a.png" /></ac:image> End</p>
<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>incomplete</ac:task-status>
<ac:task-body>Call us</ac:task-body></ac:task></ac:task-list>"""
    text = markdown_of_fragment(html_of_storage(storage, "a"), "a")
    assert "# Deposit & more" in text.replace("\xa0", " ")
    assert "Held for two days." in text
    assert "ls <dir>" in text
    assert "See Fees and this" in " ".join(text.split())
    assert "End" in text
    assert "- Call us" in text
    for setting in ("cfg", "incomplete", "a.png", "7", "sh"):
        assert setting not in text


@pytest.mark.parametrize("storage", ["<p>open", '<p>&undefined;</p><x:y xmlns:z="', "<p>" * 5000])
def test_broken_storage_format_is_refused(storage: str):
    with pytest.raises(SourceUnreadable):
        html_of_storage(storage, "a")


def test_zammad_answers_are_seen_by_those_who_may_see_them_now():
    skipped: list[tuple[str, str]] = []
    found = list(documents_of_assets(zammad_assets(), "/d/z.json", {1: "en-us"}, NOW, lambda *what: skipped.append(what)))
    by_id = {one.doc_id: one for one in found if isinstance(one, Document)}
    assert {key: one.audience for key, one in by_id.items()} == {
        "zammad/1/1": Audience.INTERNAL,
        "zammad/3/3": Audience.PUBLIC,
        "zammad/6/6": Audience.INTERNAL,
    }
    assert dict(skipped) == {"answer 2": "it is a draft", "answer 4": "it is archived", "answer 5": "it is a draft"}
    public = by_id["zammad/3/3"]
    assert (public.title, public.language, public.updated, public.tags) == ("Answer B", "en-us", "2025-03-13", ("dogs",))
    assert public.text == "# House\n\n## Pets\n\n#### Dogs\n\nTwo dogs."
    (failure,) = [one for one in found if isinstance(one, SourceFailure)]
    assert failure.reason.startswith("answer 7, translation 7: its content is missing")


def test_a_knowledge_base_that_is_switched_off_has_no_readers():
    assets = zammad_assets()
    assets["KnowledgeBase"]["1"]["active"] = False
    assert list(documents_of_assets(assets, "/d/z.json", {}, NOW)) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"error": "x"}', '{"KnowledgeBase": []}'])
def test_what_is_no_answer_of_zammad_is_refused(text: str):
    with pytest.raises(SourceUnreadable):
        assets_of(text, "z.json")
