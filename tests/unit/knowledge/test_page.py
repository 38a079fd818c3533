import gzip

import pytest

from knowledge.sources.gunzip import BrokenGzip, unpacked
from knowledge.sources.html import parse_html
from knowledge.sources.page import decoded, last_modified, page_facts
from knowledge.sources.web_urls import WebUrl, web_url

CONTENT = "<p>The host holds a deposit of 200 euros until two days after check-out, and then it is released.</p>"


def url(text: str = "http://wiki.intra/a/b") -> WebUrl:
    found = web_url(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ("Gäste zahlen 5 €".encode(), "text/html; charset=utf-8"),
        ("Gäste zahlen 5 €".encode(), "text/html"),
        ("Gäste zahlen 5 €".encode("cp1252"), "text/html; charset=ISO-8859-1"),
        ("Gäste zahlen 5 €".encode("iso8859-15"), 'text/html; charset="iso-8859-15"'),
        ("Gäste zahlen 5 €".encode("utf-8-sig"), "text/html; charset=iso-8859-1"),
        ("Gäste zahlen 5 €".encode("utf-16"), "text/html"),
        ("Gäste zahlen 5 €".encode(), "text/html; charset=punycode"),
        ("Gäste zahlen 5 €".encode(), "text/html; charset=no-such-set"),
        ("Gäste zahlen 5 €".encode(), "text/html; charset=ascii-declared-by-mistake"),
    ],
)
def test_the_header_names_the_character_set(body: bytes, header: str):
    assert decoded(body, header) == "Gäste zahlen 5 €"


@pytest.mark.parametrize(
    ("meta", "codec"),
    [
        ('<meta charset="windows-1251">', "cp1251"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">', "shift_jis"),
        ('<META CHARSET="utf-16">', "utf-8"),
    ],
)
def test_without_a_header_the_page_names_it(meta: str, codec: str):
    text = meta + ("ホスト" if codec == "shift_jis" else "Возврат")
    assert decoded(text.encode(codec), "text/html") == text


def test_a_set_that_doesnt_fit_is_passed_over():
    assert decoded("Gäste".encode("cp1252"), "text/html; charset=utf-8").endswith("ste")
    assert decoded("Gäste und 価".encode(), "text/html; charset=euc-jp") == "Gäste und 価"


def test_links_are_followed_but_for_nofollow():
    text = """<html><head><base href="/base/"></head><body><a href="one">1</a><a href="one#x">1</a><a rel="external nofollow"
    href="two">2</a><a href="#top">top</a><a href="mailto:a@b.c">m</a><a>none</a><A HREF=' /three '>3</a></body></html>"""
    assert [str(link) for link in page_facts(text, url()).links] == ["http://wiki.intra/base/one", "http://wiki.intra/three"]


@pytest.mark.parametrize(
    ("content", "may_index", "links"), [("noindex", False, 1), ("NoFollow", True, 0), ("none", False, 0), ("all", True, 1)]
)
def test_a_page_says_whether_it_wants_to_be_read(content: str, may_index: bool, links: int):
    text = f'<html><head><meta name="Robots" content="{content}"></head><body><a href="/x">x</a></body></html>'
    assert (page_facts(text, url()).may_index, len(page_facts(text, url()).links)) == (may_index, links)
    plain = page_facts('<a href="/x">x</a>', url(), robots_header=content)
    assert (plain.may_index, len(plain.links)) == (may_index, links)


def test_the_canonical_address():
    assert page_facts('<link rel="canonical" href="/c?utm_source=x"><p>a', url()).canonical == url("http://wiki.intra/c")
    assert page_facts("<p>a", url()).canonical is None


@pytest.mark.parametrize("text", ["", "<", "<!--", "\x00", "<a href='http://[/'>x</a>", "<a " * 5000, "<div>" * 5000])
def test_broken_pages_have_no_links(text: str):
    assert page_facts(text, url()).links == ()


@pytest.mark.parametrize(
    ("meta", "updated"),
    [
        ('<meta property="article:modified_time" content="2026-03-01T10:00:00+00:00">', "2026-03-01"),
        ('<meta itemprop="dateModified" content="2026-03-02">', "2026-03-02"),
        ('<meta name="last-modified" content="2026-03-03 08:00"><meta property="og:updated_time" content="soon">', "2026-03-03"),
        ('<meta name="last-modified" content="2026-02-31">', None),
        ("", None),
    ],
)
def test_a_page_names_the_day_of_its_last_change(meta: str, updated: str | None):
    html = f'<html lang="de"><head><title>Deposit</title>{meta}</head><body><article>{CONTENT}</article></body></html>'
    document = parse_html(html, "a", "a.html")
    assert (document.updated, document.language) == (updated, "de")


def test_last_modified_counts_unless_the_page_was_made_just_now():
    at = {"last-modified": "Sun, 01 Mar 2026 10:00:00 GMT", "date": "Mon, 02 Mar 2026 10:00:00 GMT"}
    assert last_modified(at) == "2026-03-01"
    assert last_modified({**at, "date": "Sun, 01 Mar 2026 10:00:30 GMT"}) is None
    assert last_modified({"last-modified": "yesterday"}) is None
    assert last_modified({}) is None


@pytest.mark.parametrize("size", [0, 1, 70_000, 300_000])
@pytest.mark.parametrize("step", [2, 1000, 10**9])
def test_unpacking_gives_back_what_was_packed(size: int, step: int):
    text = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    packed = gzip.compress(text) + gzip.compress(text)
    chunks = [packed[at : at + step] for at in range(0, len(packed), step)]
    assert b"".join(unpacked(chunks)) == text + text


def test_unpacking_goes_in_small_steps():
    pieces = unpacked([gzip.compress(b"\0" * 50_000_000)])
    assert len(next(pieces)) <= 65_536
    pieces.close()


PACKED = gzip.compress(b"some words")


@pytest.mark.parametrize("packed", [b"", b"plain", PACKED[:-9], PACKED[:5]], ids=["empty", "plain", "cut", "no more than a head"])
def test_broken_gzip_is_an_error(packed: bytes):
    with pytest.raises(BrokenGzip):
        list(unpacked([packed]))
