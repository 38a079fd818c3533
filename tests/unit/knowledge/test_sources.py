import pytest

from knowledge.errors import SourceUnreadable
from knowledge.sources.html import parse_html
from knowledge.sources.markdown import parse_markdown
from knowledge.sources.plain import parse_plain
from knowledge.types import Audience


def front(block: str, body: str = "Text.") -> str:
    return f"---\n{block}\n---\n{body}\n"


def test_front_matter_fills_the_document():
    block = "id: pets\ntitle: Pets\naudience: internal\nupdated: 2026-03-01\ntags: [a, b]\nurl: https://x.example/p\nlanguage: en"
    document = parse_markdown(front(block), "pets.md", "/d/pets.md")
    assert (document.doc_id, document.title, document.text) == ("pets", "Pets", "Text.")
    assert (document.audience, document.updated, document.tags) == (Audience.INTERNAL, "2026-03-01", ("a", "b"))
    assert (document.url, document.language, document.source) == ("https://x.example/p", "en", "/d/pets.md")


def test_without_front_matter_heading_and_path_name_the_document():
    document = parse_markdown("# Late *arrival*\n\nText.", "guides/late.md", "/d/guides/late.md")
    assert (document.doc_id, document.title) == ("guides/late.md", "Late *arrival*")
    assert parse_markdown("Text.", "x", "/d/lost-and_found.md").title == "Lost and found"


@pytest.mark.parametrize("default", list(Audience))
@pytest.mark.parametrize("own", list(Audience))
def test_the_audience_of_the_front_matter_always_wins(own: Audience, default: Audience):
    assert parse_markdown(front(f"audience: {own}"), "a", "a.md", default).audience is own


def test_the_default_audience_counts_where_none_is_named():
    assert parse_markdown("Text.", "a", "a.md", Audience.INTERNAL).audience is Audience.INTERNAL
    assert parse_markdown(front("title: A"), "a", "a.md", Audience.INTERNAL).audience is Audience.INTERNAL


def test_key_and_value_of_the_audience_may_be_in_capitals():
    assert parse_markdown(front("Audience: Internal"), "a", "a.md").audience is Audience.INTERNAL


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (front("title: A", ""), "empty"),
        (front("audience: everyone"), "'everyone' is not known; write public or internal"),
        (front("audience:"), "not known"),
        (front("audeince: internal"), "did you mean audience"),
        (front("title: [unclosed"), "broken front matter"),
        (front("updated: 2026-02-31"), "broken front matter"),
        (front("- a\n- b"), "not a list of `key: value`"),
        ("---\naudience: internal\n\nText.", "no closing ---"),
        ("+++\naudience = 'internal'\n+++\nText.", "not TOML"),
        (front("id: {a: b}"), "front-matter id must be text"),
        (front('id: "a\\nb"'), "one line"),
        (front("tags: {a: b}"), "tags must be a list"),
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_reason(text: str, reason: str):
    with pytest.raises(SourceUnreadable) as caught:
        parse_markdown(text, "a", "/d/a.md")
    assert caught.value.source == "/d/a.md"
    assert reason in caught.value.reason


def test_a_rule_of_dashes_inside_the_text_is_text():
    assert parse_markdown(front("title: A", "One.\n\n---\n\nTwo."), "a", "a.md").text == "One.\n\n---\n\nTwo."


def test_keys_of_other_tools_are_ignored():
    assert parse_markdown(front("layout: page\nweight: 3"), "a", "a.md").text == "Text."


PAGE = """<!doctype html><html lang="en"><head><title>Deposit &amp; damage</title></head><body>
<nav><a href="/">Home</a><a href="/all">All topics</a></nav>
<article><h1>Deposit</h1><p>The host holds a deposit of 200 euros until two days after check-out, and then it is released.</p>
<h2>When it is kept</h2><p>If something is broken, the host has two days to claim it with photos and a bill.</p>
<ul><li>Photos of the damage</li><li>A bill or an offer</li></ul></article>
<footer>Cookie settings</footer></body></html>"""


def test_html_gives_its_main_content_as_markdown():
    document = parse_html(PAGE, "deposit.html", "/d/deposit.html", Audience.INTERNAL)
    assert (document.title, document.language, document.audience) == ("Deposit & damage", "en", Audience.INTERNAL)
    assert "## When it is kept" in document.text
    assert "- Photos of the damage" in document.text
    assert "Cookie settings" not in document.text
    assert "All topics" not in document.text


@pytest.mark.parametrize("page", ["", "   ", "<html><body></body></html>", "<!-- -->"])
def test_html_without_content_is_refused(page: str):
    with pytest.raises(SourceUnreadable):
        parse_html(page, "a.html", "a.html")


def test_plain_text_takes_a_lone_first_line_as_title():
    assert parse_plain("Lost keys\n\nCall the host.", "k.txt", "k.txt").title == "Lost keys"
    assert parse_plain("Call the host.\nThen us.", "k.txt", "/d/lost-keys.txt").title == "Lost keys"


def test_the_version_follows_what_a_reader_can_see():
    one = parse_markdown(front("id: a", "Text."), "a", "/d/a.md")
    assert one.version == parse_markdown(front("id: a", "Text.\n\n"), "a", "/elsewhere/a.md").version
    assert one.version != parse_markdown(front("id: a\naudience: internal", "Text."), "a", "/d/a.md").version
