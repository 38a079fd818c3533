"""Servers that are broken, slow, endless or hostile: the reading ends, and says what may not be taken as gone."""

import gzip

import pytest

from tests.integration.knowledge.web_site import SENTENCE, WebSite, article, bomb, page, raw, reads, redirect, urlset

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def with_home(web: WebSite, *links: str) -> None:
    web.pages["/"] = page(article("Home", *links, "/good"))
    web.pages["/good"] = page(article("Good"))


def endless(web: WebSite):
    piece = b"<p>" + b"a" * 50_000

    def answer(handler):
        handler.wfile.write(OK + b"\r\n")
        while not web.over.is_set():
            handler.wfile.write(piece)

    return answer


def test_a_page_of_ten_megabytes_is_refused(web: WebSite):
    with_home(web, "/declared", "/undeclared", "/packed", "/endless")
    large = b"<p>" + b"a" * 10_000_000
    web.pages["/declared"] = page(large)
    web.pages["/undeclared"] = raw(OK + b"\r\n", large)
    web.pages["/packed"] = bomb(50_000_000)
    web.pages["/endless"] = endless(web)
    reading = reads(web.base)
    assert reading.paths == ["/", "/good"]
    assert set(reading.failures) == {web.base + path for path in ("/declared", "/undeclared", "/packed", "/endless")}
    assert all("more than 2,000,000 bytes" in reason for reason in reading.failures.values())
    assert "4 of its pages" in reading.of_all[0]


def test_a_bomb_counts_as_it_unpacks_and_not_as_it_arrives(web: WebSite):
    with_home(web, "/bomb")
    web.pages["/bomb"] = bomb(1_500_000)
    assert "/bomb" in reads(web.base).paths
    assert "bytes" in reads(web.base, max_bytes_per_page=100_000).failures[web.base + "/bomb"]


def test_empty_members_of_a_gzip_dont_go_on_for_ever(web: WebSite):
    web.pages["/"] = page(gzip.compress(b"") * 150_000, Content_Encoding="gzip")
    assert "more than 2,000,000 bytes" in reads(web.base).of_all[0]


def test_a_sitemap_bomb_is_refused(web: WebSite):
    web.pages["/sitemap.xml"] = page(gzip.compress(urlset("http://x/").encode() + b" " * 30_000_000), "application/gzip")
    reading = reads(web.base)
    assert (reading.documents, "sitemap.xml is larger" in reading.of_all[0]) == ([], True)


def test_sitemaps_that_lead_to_ever_more_sitemaps_come_to_an_end(web: WebSite):
    def answer(handler):
        number = int(handler.path.partition("?")[2] or 0)
        locations = "".join(f"<sitemap><loc>/sitemap.xml?{number * 2 + add}</loc></sitemap>" for add in (1, 2))
        page(f"<sitemapindex>{locations}</sitemapindex>", "application/xml")(handler)

    web.pages["/sitemap.xml"] = answer
    reading = reads(web.base)
    assert (reading.documents, reading.of_all) == ([], ["there are more than 100 sitemaps"])


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", OK + b"\r\n", b""])
def test_a_server_that_drips_is_left(web: WebSite, head: bytes):
    with_home(web, "/slow")
    web.pages["/slow"] = web.drip(head, b"a")
    reading = reads(web.base, timeout_s=3)
    assert reading.paths == ["/", "/good"]
    assert "within 3 s" in reading.failures[web.base + "/slow"]
    assert "1 of its pages" in reading.of_all[0]


def test_a_server_that_says_nothing_is_left(web: WebSite):
    with_home(web, "/silent")
    web.pages["/silent"] = lambda handler: web.over.wait() and None
    assert "within 3 s" in reads(web.base, timeout_s=3).failures[web.base + "/silent"]


def test_redirects_that_drip_share_the_time_of_one_page(web: WebSite):
    with_home(web, "/slow?0")

    def answer(handler):
        web.over.wait(1.3)
        redirect(f"/slow?{int(handler.path.partition('?')[2]) + 1}")(handler)

    web.pages["/slow"] = answer
    reading = reads(web.base, timeout_s=3)
    assert "within 3 s" in next(iter(reading.failures.values()))


def test_redirects_in_a_circle_or_without_end_are_failures(web: WebSite):
    with_home(web, "/one", "/far?0", "/self")
    web.pages["/one"], web.pages["/two"] = redirect("/two"), redirect("/one")
    web.pages["/self"] = redirect("/self")
    web.pages["/far"] = lambda handler: redirect(f"/far?{int(handler.path.partition('?')[2]) + 1}")(handler)
    reading = reads(web.base)
    assert reading.paths == ["/", "/good"]
    assert sorted(reason.split(" (")[0] for reason in reading.failures.values()) == [
        f"redirects in a circle, back to {web.base}/one",
        f"redirects in a circle, back to {web.base}/self",
        "redirects more than 5 times",
    ]
    assert reading.of_all == []


@pytest.mark.parametrize(
    "answer",
    [
        raw(OK + b"Content-Length: 5000\r\n\r\n<p>half a page"),
        raw(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        raw(OK),
        raw(),
        raw(b"\x00\xff\xfe rubbish \r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"),
        page(gzip.compress(SENTENCE.encode() * 50)[:-20], Content_Encoding="gzip"),
        page(b"not gzip", Content_Encoding="gzip"),
        page("", status=500),
        page("", status=503),
        page("", status=429),
    ],
)
def test_a_server_in_trouble_fails_one_page_and_nothing_counts_as_gone(web: WebSite, answer):
    with_home(web, "/broken")
    web.pages["/broken"] = answer
    reading = reads(web.base)
    assert reading.paths == ["/", "/good"]
    assert list(reading.failures) == [web.base + "/broken"]
    assert f"named by {web.base}/" in reading.failures[web.base + "/broken"]
    assert "1 of its pages" in reading.of_all[0]


@pytest.mark.parametrize(
    "answer", [page("", status=401), page("", status=403), page("", status=204), page("x", Content_Encoding="br")]
)
def test_a_server_that_has_decided_fails_one_page_alone(web: WebSite, answer):
    with_home(web, "/closed")
    web.pages["/closed"] = answer
    reading = reads(web.base)
    assert (list(reading.failures), reading.of_all) == ([web.base + "/closed"], [])


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_is_a_broken_link_and_no_failure(web: WebSite, status: int):
    with_home(web, "/gone", "/moved")
    web.pages["/gone"] = page("", status=status)
    web.pages["/moved"] = redirect("/gone2")
    reading = reads(web.base)
    assert (reading.failures, reading.of_all) == ({}, [])
    assert reading.broken == [
        (web.base + "/", web.base + "/gone", status),
        (web.base + "/", web.base + "/moved", 404),
    ]


@pytest.mark.parametrize("answer", [page("", status=404), page("", status=500), redirect("http://sso.intra/"), raw()])
def test_without_its_start_page_nothing_of_the_site_is_gone(web: WebSite, answer):
    web.pages["/"] = answer
    reading = reads(web.base)
    assert (reading.documents, reading.failures) == ([], {})
    assert "the page to start from can't be read" in reading.of_all[0]


def test_of_a_listed_site_only_the_page_in_trouble_is_kept(web: WebSite):
    web.pages["/sitemap.xml"] = page(urlset(*(web.base + path for path in ("/a", "/b"))), "application/xml")
    web.pages["/a"], web.pages["/b"] = page(article("A")), page("", status=500)
    reading = reads(web.base)
    assert (reading.paths, list(reading.failures), reading.of_all) == (["/a"], [web.base + "/b"], [])


def test_where_listed_pages_have_another_address_a_failed_one_keeps_all(web: WebSite):
    web.pages["/sitemap.xml"] = page(urlset(*(web.base + path for path in ("/a", "/b"))), "application/xml")
    web.pages["/a"], web.pages["/c"], web.pages["/b"] = redirect("/c"), page(article("C")), page("", status=500)
    assert "at another address" in reads(web.base).of_all[0]
    web.pages["/a"] = page(article("A", head='<link rel="canonical" href="/c">'))
    assert "at another address" in reads(web.base).of_all[0]


def test_a_calendar_without_end_stops_at_the_number_of_pages(web: WebSite):
    def month(handler):
        number = int(handler.path.partition("=")[2] or 0)
        page(article(f"Month {number}", *(f"/calendar?month={number * 3 + add}" for add in (1, 2, 3))))(handler)

    web.pages["/calendar"] = month
    reading = reads(web.base + "/calendar", max_pages=12)
    assert len(reading.documents) == 12
    assert len(web.requests) == 14
    assert "more than 12 pages" in reading.of_all[0]


def test_a_calendar_without_end_stops_at_its_depth_which_cuts_nothing_off(web: WebSite):
    web.pages["/calendar"] = lambda handler: page(
        article("Month", f"/calendar?month={int(handler.path.partition('=')[2] or 0) + 1}")
    )(handler)
    reading = reads(web.base + "/calendar", max_depth=4)
    assert len(reading.documents) == 5
    assert reading.of_all == []


def test_a_site_with_just_as_many_pages_as_allowed_is_not_cut(web: WebSite):
    with_home(web)
    assert reads(web.base, max_pages=2).of_all == []
    assert "more than 1 pages" in reads(web.base, max_pages=1).of_all[0]


def test_a_sitemap_with_too_many_pages_says_so(web: WebSite):
    web.pages["/sitemap.xml"] = page(urlset(*(f"{web.base}/{number}" for number in range(9))), "application/xml")
    web.pages |= {f"/{number}": page(article(str(number))) for number in range(9)}
    reading = reads(web.base, max_pages=3)
    assert len(reading.documents) == 3
    assert "lists more than 3 pages" in reading.of_all[0]


def test_the_bytes_of_all_pages_have_a_limit(web: WebSite):
    with_home(web, *(f"/large{number}" for number in range(20)))
    web.pages |= {f"/large{number}": page(article(str(number), text="word " * 2000)) for number in range(20)}
    reading = reads(web.base, max_total_bytes=60_000)
    assert 2 <= len(reading.documents) <= 7
    assert "more than 60,000 bytes" in reading.of_all[0]
    assert len(reading.of_all) == 1


def test_the_time_of_all_pages_has_a_limit(web: WebSite):
    with_home(web, "/slow")
    web.pages["/slow"] = web.drip(OK + b"\r\n", b"a")
    reading = reads(web.base, max_seconds=1.5)
    assert "/" in reading.paths
    assert reading.of_all == ["the site took more than 1.5 s; what is left was not read"]


def test_deep_and_wide_pages_are_survived(web: WebSite):
    with_home(web, "/deep", "/wide", "/attributes")
    web.pages["/deep"] = page("<div>" * 50_000 + SENTENCE)
    web.pages["/wide"] = page(f"<html><body><p>{SENTENCE}</p>" + "<p>word word</p>" * 20_000)
    web.pages["/attributes"] = page(f"<html><body {' '.join(f'a{n}=1' for n in range(20_000))}><p>{SENTENCE}</p>")
    reading = reads(web.base)
    assert {"/", "/good", "/wide"} <= set(reading.paths)
    assert reading.of_all == []
