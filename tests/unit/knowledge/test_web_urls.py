import pytest

from knowledge.sources.web_urls import web_url


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("HTTP://WIKI.Intra:80", "http://wiki.intra/"),
        ("http://wiki.intra./a#part", "http://wiki.intra/a"),
        ("https://wiki.intra:443/a", "https://wiki.intra/a"),
        ("https://wiki.intra:8443/a", "https://wiki.intra:8443/a"),
        ("http://wiki.intra/a/./b/../c", "http://wiki.intra/a/c"),
        ("http://wiki.intra/a/%2e%2E/c", "http://wiki.intra/c"),
        ("http://wiki.intra/%7euser/%e4?x=%c3%a4", "http://wiki.intra/~user/%E4?x=%C3%A4"),
        ("http://wiki.intra/ü", "http://wiki.intra/%C3%BC"),
        ("http://bücher.test/", "http://xn--bcher-kva.test/"),
        ("http://wiki.intra/a?utm_source=m&b=2&gclid=x&a=1&", "http://wiki.intra/a?b=2&a=1"),
        ("http://wiki.intra/a;jsessionid=12AB?x", "http://wiki.intra/a?x"),
        ("http://wiki.intra?x=1", "http://wiki.intra/?x=1"),
        ("  http://wiki.in\ntra/a\t", "http://wiki.intra/a"),
        ("http://[::ffff:10.0.0.1]/", "http://10.0.0.1/"),
        ("http://[FD00::7]:8080/", "http://[fd00::7]:8080/"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
    ],
)
def test_a_page_has_one_spelling(link: str, page: str):
    assert str(web_url(link)) == page


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/a",
        "//wiki.intra/a",
        "mailto:a@wiki.intra",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://wiki.intra/",
        "ftp://wiki.intra/",
        "http://",
        "http:///a",
        "http://user@wiki.intra/",
        "http://user:secret@wiki.intra/",
        "http://wiki.intra@evil.test/",
        "http://wiki.intra\\@evil.test/",
        "http://wiki.intra&@evil.test#@wiki.intra/",
        "http://wiki.intra:99999/",
        "http://wiki.intra:0/",
        "http://wiki.intra:x/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://017700000001/",
        "http://%31%32%37.0.0.1/",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://a..b/",
        "http://wiki.intra/\x00",
        "http://wiki.intra/" + "a" * 2000,
    ],
)
def test_what_is_no_page(link: str):
    assert web_url(link) is None


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("c", "http://wiki.intra/a/c"),
        ("?p=2", "http://wiki.intra/a/b?p=2"),
        ("/c", "http://wiki.intra/c"),
        ("//docs.intra/c", "http://docs.intra/c"),
        ("../../../etc", "http://wiki.intra/etc"),
        ("#part", "http://wiki.intra/a/b?x=1"),
    ],
)
def test_links_are_seen_from_their_page(link: str, page: str):
    assert str(web_url(link, "http://wiki.intra/a/b?x=1")) == page


def test_the_key_is_the_same_for_every_way_to_a_page():
    ways = ["http://wiki.intra/a?x=1&y=2", "https://wiki.intra/a?y=2&x=1", "https://WIKI.intra:443/a?x=1&y=2&utm_id=3#top"]
    assert {url.key for way in ways if (url := web_url(way))} == {"wiki.intra/a?x=1&y=2"}
    other = web_url("http://wiki.intra:8080/a")
    assert other is not None
    assert other.key == "wiki.intra:8080/a"


def test_patterns_are_for_the_path():
    url = web_url("http://wiki.intra/help/money/refunds.html?view=1")
    assert url is not None
    assert url.matches(["/help/*"])
    assert url.matches(["/blog/*", "*.html"])
    assert not url.matches(["/hel", "*view*"])
    assert not url.matches([])


@pytest.mark.parametrize(("path", "is_media"), [("/a.PNG", True), ("/a.tar.gz", True), ("/a.png/b", False), ("/a.pdf", False)])
def test_names_that_hold_no_words(path: str, is_media: bool):
    url = web_url("http://wiki.intra" + path)
    assert url is not None
    assert url.is_media is is_media
