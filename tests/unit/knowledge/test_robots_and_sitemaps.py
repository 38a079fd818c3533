import gzip

import pytest

from knowledge.sources import sitemaps
from knowledge.sources.robots import Robots
from knowledge.sources.sitemaps import NotASitemap, Sitemap, parse_sitemap
from knowledge.sources.web_urls import WebUrl, web_url

ROBOTS = b"""\xef\xbb\xbfUser-agent: *
Disallow: /private
Allow: /private/handbook
Disallow: /*.cgi$
Crawl-delay: 2

User-agent: innkeeperbot
Disallow: /drafts/

User-agent: bot
Disallow: /
Sitemap: https://wiki.intra/map.xml
"""
URLSET = (
    b'<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    b'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><!-- all -->'
    b"<url><image:image><image:loc>http://wiki.intra/a.png</image:loc></image:image><loc> http://wiki.intra/a?x=1&amp;y=2 </loc>"
    b"</url><url><loc>http://wiki.intra/b</loc><lastmod>2026-01-01</lastmod></url><url/></urlset>"
)


def page(path: str) -> WebUrl:
    url = web_url("https://wiki.intra" + path)
    assert url is not None
    return url


def test_the_longest_rule_of_the_group_counts():
    robots = Robots(ROBOTS, "Other/1.0")
    assert not robots.allows(page("/private/x"))
    assert robots.allows(page("/private/handbook"))
    assert not robots.allows(page("/a.cgi"))
    assert robots.allows(page("/drafts/x"))
    assert robots.delay_s == 2.0


def test_our_own_group_counts_alone():
    robots = Robots(ROBOTS, "InnkeeperBot/0.1")
    assert not robots.allows(page("/drafts/x"))
    assert robots.allows(page("/private/x"))
    assert robots.delay_s == 0.0


def test_sitemaps_belong_to_no_group():
    assert Robots(ROBOTS, "x").sitemaps == ("https://wiki.intra/map.xml",)


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"<html>404</html>", b"Disallow /", b"User-agent: *\nDisallow:"])
def test_what_forbids_nothing_allows_everything(body: bytes):
    assert Robots(body, "InnkeeperBot/0.1").allows(page("/a"))


@pytest.mark.parametrize(("said", "kept"), [(b"86400", 10.0), (b"-3", 0.0), (b"soon", 0.0), (b"nan", 0.0), (b"inf", 0.0)])
def test_a_delay_has_bounds(said: bytes, kept: float):
    assert Robots(b"User-agent: *\nCrawl-delay: " + said, "x").delay_s == kept


def test_a_urlset_lists_pages_and_not_their_pictures():
    assert parse_sitemap(URLSET).pages == ("http://wiki.intra/a?x=1&y=2", "http://wiki.intra/b")
    assert parse_sitemap(gzip.compress(URLSET)) == parse_sitemap(URLSET)


def test_an_index_lists_sitemaps():
    body = b"<sitemapindex><sitemap><loc>http://wiki.intra/1.xml</loc></sitemap></sitemapindex>"
    assert parse_sitemap(body) == Sitemap(sitemaps=("http://wiki.intra/1.xml",))


def test_a_text_sitemap_is_a_list_of_lines():
    assert parse_sitemap(b"http://wiki.intra/a\r\nhttp://wiki.intra/b\r\n").pages == (
        "http://wiki.intra/a",
        "http://wiki.intra/b",
    )


@pytest.mark.parametrize(
    ("body", "is_other"),
    [
        (b"", True),
        (b"<!doctype html><html><body><br>not found</body></html>", True),
        (b"<rss><channel/></rss>", True),
        (URLSET[:-30], False),
        (b"<urlset><url><loc>http://wiki.intra/a</loc></url>", False),
        (gzip.compress(URLSET)[:-20], False),
    ],
)
def test_what_is_no_sitemap_is_told_from_a_broken_one(body: bytes, is_other: bool):
    with pytest.raises(NotASitemap) as raised:
        parse_sitemap(body)
    assert raised.value.is_other is is_other


def test_a_packed_bomb_is_not_unpacked():
    with pytest.raises(NotASitemap, match="larger than"):
        parse_sitemap(gzip.compress(b" " * (sitemaps.MAX_BYTES + 1)))


def test_entities_are_not_followed():
    body = b'<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/hostname">]><urlset><url><loc>http://wiki.intra/&x;</loc></url></urlset>'
    assert parse_sitemap(body).pages == ("http://wiki.intra/",)


def test_nested_entities_dont_grow():
    levels = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    body = b'<!DOCTYPE u [<!ENTITY l0 "ha">' + levels + b"]><urlset><url><loc>http://wiki.intra/&l11;</loc></url></urlset>"
    with pytest.raises(NotASitemap, match="amplification"):
        parse_sitemap(body)
