"""Whole readings of a small site: by its links, by its sitemaps, and what of it is a document."""

import gzip

import pytest

from knowledge.errors import SourceUnreadable
from knowledge.sources.website import USER_AGENT, Website
from knowledge.types import Audience, Document, DocumentId
from tests.integration.knowledge.web_site import SENTENCE, WebSite, article, page, raw, reads, redirect, urlset


def test_a_site_without_a_sitemap_is_read_by_its_links(web: WebSite):
    web.pages["/"] = page(article("Home", "/help/", "/help/pets.html?utm_source=home#top", "http://elsewhere.test/x", "/a.png"))
    web.pages["/help/"] = page(article("Help", "pets.html", "../", "notes.txt", "guide.md"))
    web.pages["/help/pets.html"] = page(article("Pets", "/help/"), Last_Modified="Sun, 01 Mar 2026 10:00:00 GMT")
    web.pages["/help/notes.txt"] = page("Lost keys\n\nCall the host.", "text/plain")
    web.pages["/help/guide.md"] = page("---\nid: home\nurl: http://evil.test/\n---\n# Guide\n\nRead it.", "text/markdown")
    reading = reads(web.base + "/", language="fr")
    assert reading.paths == ["/", "/help/", "/help/guide.md", "/help/notes.txt", "/help/pets.html"]
    assert (reading.failures, reading.of_all, reading.broken) == ({}, [], [])
    pets = next(one for one in reading.documents if one.title == "Pets")
    host = f"127.0.0.1:{web.port}"
    assert (pets.doc_id, pets.source, pets.url) == (f"{host}/help/pets.html", f"{web.base}/help/pets.html", pets.source)
    assert (pets.updated, pets.language, pets.audience) == ("2026-03-01", "en", Audience.INTERNAL)
    assert SENTENCE in pets.text
    guide = next(one for one in reading.documents if one.title == "Guide")
    assert (guide.doc_id, guide.url, guide.language) == (f"{host}/help/guide.md", f"{web.base}/help/guide.md", "fr")
    assert len(web.requests) == len(set(web.requests))
    assert web.headers[0]["user-agent"] == USER_AGENT
    assert all("cookie" not in headers and "authorization" not in headers for headers in web.headers)


def test_a_reading_can_be_repeated_with_the_same_versions(web: WebSite):
    web.pages["/"] = page(article("Home", "/a"))
    web.pages["/a"] = page(article("A"))
    first, second = reads(web.base), reads(web.base)
    assert [one.version for one in first.documents] == [one.version for one in second.documents]


def test_the_sitemaps_of_robots_txt_say_what_is_read(web: WebSite):
    web.pages["/robots.txt"] = page(f"Sitemap: {web.base}/index.xml\nSitemap: /more.txt", "text/plain")
    index = f"<sitemapindex><sitemap><loc>{web.base}/one.xml.gz</loc></sitemap></sitemapindex>"
    web.pages["/index.xml"] = page(index, "application/xml")
    web.pages["/one.xml.gz"] = page(gzip.compress(urlset(web.base + "/a", web.base + "/gone").encode()), "application/gzip")
    web.pages["/more.txt"] = page(f"{web.base}/b\n", "text/plain")
    web.pages["/a"] = page(article("A", "/unlisted"))
    web.pages["/b"] = page(article("B"))
    reading = reads(web.base)
    assert reading.paths == ["/a", "/b"]
    assert "404" in reading.failures[web.base + "/gone"]
    assert "one.xml.gz" in reading.failures[web.base + "/gone"]
    assert (reading.of_all, "/unlisted" in web.requests, "/sitemap.xml" in web.requests) == ([], False, False)


def test_a_sitemap_in_its_usual_place_is_found(web: WebSite):
    web.pages["/sitemap.xml"] = page(urlset(web.base + "/a"), "application/xml")
    web.pages["/a"] = page(article("A"))
    assert reads(web.base).paths == ["/a"]


def test_the_sitemap_can_be_left_aside_or_insisted_on(web: WebSite):
    web.pages["/"] = page(article("Home"))
    web.pages["/sitemap.xml"] = page(urlset(web.base + "/a"), "application/xml")
    assert reads(web.base, sitemap=False).paths == ["/"]
    del web.pages["/sitemap.xml"]
    reading = reads(web.base, sitemap=True)
    assert reading.found
    assert (reading.documents, "no sitemap was found" in reading.of_all[0]) == ([], True)


def test_a_server_that_answers_everything_with_a_page_has_no_sitemap(web: WebSite):
    web.pages["/sitemap.xml"] = page(article("Not found"))
    web.pages["/"] = page(article("Home"))
    reading = reads(web.base)
    assert (reading.paths, reading.of_all) == (["/"], [])


@pytest.mark.parametrize(
    "answer", [page("", status=503), page(urlset("http://x/")[:-5], "application/xml"), raw(b"HTTP/1.1 200 ")]
)
def test_a_sitemap_in_trouble_stops_the_reading_and_nothing_is_gone(web: WebSite, answer):
    web.pages["/sitemap.xml"] = answer
    web.pages["/"] = page(article("Home"))
    reading = reads(web.base)
    assert reading.documents == []
    assert "sitemap.xml" in reading.of_all[0]


def test_a_sitemap_may_name_other_hosts_in_vain(web: WebSite, other: WebSite):
    urls = [other.base + "/a", other.base + "/b", web.base + "/c", "http://169.254.169.254/latest"]
    web.pages["/sitemap.xml"] = page(urlset(*urls), "application/xml")
    web.pages["/c"] = page(article("C"))
    reading = reads(web.base)
    assert reading.paths == ["/c"]
    assert list(reading.failures) == [other.base + "/a", "http://169.254.169.254/latest"]
    assert other.connections == 0


def test_robots_txt_is_respected(web: WebSite):
    web.pages["/robots.txt"] = page("User-agent: *\nDisallow: /private", "text/plain")
    web.pages["/"] = page(article("Home", "/private/a", "/open", "/hop"))
    web.pages["/open"] = page(article("Open"))
    web.pages["/hop"] = redirect("/private/b")
    reading = reads(web.base)
    assert reading.paths == ["/", "/open"]
    assert not any(path.startswith("/private") for path in web.requests)
    assert {url for url, _ in reading.left_out} == {web.base + "/private/a", web.base + "/private/b"}
    assert reading.of_all == []


def test_robots_txt_may_forbid_the_whole_site(web: WebSite):
    web.pages["/robots.txt"] = page("User-agent: innkeeperbot\nDisallow: /", "text/plain")
    reading = reads(web.base)
    assert (reading.documents, "robots.txt does not allow" in reading.of_all[0]) == ([], True)
    assert web.requests == ["/robots.txt", "/sitemap.xml"]


@pytest.mark.parametrize("answer", [page("", status=500), raw(b"rubbish\r\n\r\n")])
def test_without_an_answer_about_robots_nothing_is_read(web: WebSite, answer):
    web.pages["/robots.txt"] = answer
    reading = reads(web.base)
    assert (reading.documents, "robots.txt" in reading.of_all[0], web.requests) == ([], True, ["/robots.txt"])


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_missing_robots_txt_forbids_nothing(web: WebSite, status: int):
    web.pages["/robots.txt"] = page("User-agent: *\nDisallow: /", "text/plain", status)
    web.pages["/"] = page(article("Home"))
    assert reads(web.base).paths == ["/"]


def test_pages_say_whether_they_and_their_links_count(web: WebSite):
    web.pages["/"] = page(article("Home", "/hidden", "/dead-end", "/header"))
    web.pages["/hidden"] = page(article("Hidden", "/behind", head='<meta name="robots" content="noindex">'))
    web.pages["/dead-end"] = page(article("Dead end", "/never", head='<meta name="robots" content="nofollow">'))
    web.pages["/header"] = page(article("Header", "/never"), X_Robots_Tag="none")
    web.pages["/behind"] = page(article("Behind"))
    assert reads(web.base).paths == ["/", "/behind", "/dead-end"]
    assert "/never" not in web.requests


def test_a_copy_is_read_at_its_own_address_once(web: WebSite):
    web.pages["/"] = page(article("Home", "/print/a", "/a?view=1", "/b"))
    canonical = '<link rel="canonical" href="/a">'
    web.pages["/print/a"] = page(article("A for print", head=canonical))
    web.pages["/a"] = page(article("A", head=canonical))
    web.pages["/b"] = page(article("B", head='<link rel="canonical" href="https://public.example/b">'))
    reading = reads(web.base)
    assert reading.paths == ["/", "/a", "/b"]
    assert web.requests.count("/a") == 1


def test_pages_that_point_at_each_other_are_not_lost(web: WebSite):
    web.pages["/"] = page(article("Home", "/one", "/faq/"))
    web.pages["/one"] = page(article("One", head='<link rel="canonical" href="/two">'))
    web.pages["/two"] = page(article("Two", head='<link rel="canonical" href="/one">'))
    web.pages["/faq/"] = page(article("FAQ", head='<link rel="canonical" href="/faq">'))
    web.pages["/faq"] = redirect("/faq/")
    assert reads(web.base).paths == ["/", "/faq/", "/two"]


def test_redirects_inside_the_list_are_followed_to_one_document(web: WebSite, other: WebSite):
    web.pages["/"] = page(article("Home", "/old", "/new", "/away"))
    web.pages["/old"] = redirect("/older", 301)
    web.pages["/older"] = redirect("new", 307)
    web.pages["/new"] = page(article("New"))
    web.pages["/away"] = redirect(f"{other.base}/there", 308)
    other.pages["/there"] = page(article("There"), Set_Cookie="a=b")
    reading = reads(web.base, f"127.0.0.1:{other.port}")
    assert reading.paths == ["/", "/new", "/there"]
    assert other.requests == ["/robots.txt", "/there"]


def test_include_and_exclude_choose_among_the_paths(web: WebSite):
    web.pages["/"] = page(article("Home", "/help/a", "/help/old/b", "/blog/c", "/moved"))
    web.pages["/help/a"] = page(article("A"))
    web.pages["/moved"] = redirect("/blog/c")
    reading = reads(web.base, include=("/help/*", "/moved"), exclude=("/help/old/*",))
    assert reading.paths == ["/help/a"]
    assert "/help/old/b" not in web.requests
    assert {url for url, _ in reading.left_out} == {web.base + "/", web.base + "/blog/c"}


def test_letters_of_other_times_are_read(web: WebSite):
    text = "Gäste zahlen 5 € für die „Endreinigung“, und zwar am Tag der Abreise beim Gastgeber im Haus."
    web.pages["/"] = page(article("Start", "/header", "/meta", "/unsaid"))
    web.pages["/header"] = page(article("Über", text=text).encode("cp1252"), "text/html; charset=ISO-8859-1")
    cyrillic = article("Возврат", head='<meta charset="windows-1251">', text="Залог возвращается через два дня после выезда.")
    web.pages["/meta"] = page(cyrillic.encode("cp1251"), "text/html")
    web.pages["/unsaid"] = page(article("Über", text=text).encode(), "text/html")
    texts = {one.url: one.text for one in reads(web.base).documents}
    assert text in texts[web.base + "/header"]
    assert "Залог возвращается" in texts[web.base + "/meta"]
    assert text in texts[web.base + "/unsaid"]


@pytest.mark.parametrize(
    "body", [f"<p>{SENTENCE}<b><i>{SENTENCE}</p></div></html", f"<<html><table><td>{SENTENCE}<a href=/x><p>{SENTENCE}"]
)
def test_broken_html_is_read_as_far_as_it_goes(web: WebSite, body: str):
    web.pages["/"] = page(body)
    reading = reads(web.base)
    assert SENTENCE in reading.documents[0].text


def test_other_formats_are_named_once_or_converted(web: WebSite):
    web.pages["/"] = page(article("Home", "/a.pdf", "/b.pdf", "/c.doc", "/picture"))
    web.pages["/a.pdf"] = web.pages["/b.pdf"] = page(b"%PDF-1.7", "application/pdf")
    web.pages["/c.doc"] = page(b"\xd0\xcf", "application/msword")
    web.pages["/picture"] = page(b"\x89PNG", "image/png")
    assert list(reads(web.base).failures) == [web.base + "/a.pdf", web.base + "/c.doc"]

    def convert(body: bytes, content_type: str, url: str) -> list[Document]:
        if content_type != "application/pdf":
            raise SourceUnreadable(url, "is not a PDF file")
        return [Document(DocumentId("same"), "A", body.decode(), Audience.PUBLIC, url)]

    reading = reads(web.base, convert=convert)
    converted = next(one for one in reading.documents if one.doc_id == "same")
    assert (converted.text, converted.url, converted.audience) == ("%PDF-1.7", web.base + "/a.pdf", Audience.INTERNAL)
    assert reading.failures == {
        web.base + "/b.pdf": f"has the id 'same' of {web.base}/a.pdf",
        web.base + "/c.doc": "is not a PDF file",
    }


@pytest.mark.parametrize(("default", "seen"), [(Audience.PUBLIC, ["internal", "public"]), (Audience.INTERNAL, ["internal"] * 2)])
def test_a_page_can_narrow_its_audience_and_not_widen_it(web: WebSite, default: Audience, seen: list[str]):
    web.pages["/"] = page("---\naudience: public\n---\n# Open\n\nText.", "text/markdown")
    web.pages["/b"] = page("---\naudience: internal\n---\n# Closed\n\nText.", "text/markdown")
    web.pages["/sitemap.xml"] = page(urlset(web.base + "/", web.base + "/b"), "application/xml")
    assert sorted(one.audience for one in reads(web.base, default_audience=default).documents) == seen


def test_a_website_that_cant_work_is_refused_before_it_is_read():
    hosts = frozenset({"wiki.intra"})
    for url in ("wiki.intra", "ftp://wiki.intra/", "http://u:p@wiki.intra/", "http://docs.intra/", "http://wiki.intra:8o/"):
        with pytest.raises(SourceUnreadable):
            Website(url, hosts)
    with pytest.raises(SourceUnreadable, match="allowed_hosts"):
        Website("http://wiki.intra/", frozenset({"http://wiki.intra/"}))
    with pytest.raises(SourceUnreadable, match="max_pages, timeout_s"):
        Website("http://wiki.intra/", hosts, max_pages=0, timeout_s=0)
    with pytest.raises(SourceUnreadable, match="user_agent"):
        Website("http://wiki.intra/", hosts, user_agent="a\r\nCookie: b")


def test_what_a_site_covers_is_what_its_hosts_hold():
    site = Website("http://wiki.intra:8080/help", frozenset({"wiki.intra", "docs.intra"}))
    assert site.covers("http://wiki.intra:8080/x")
    assert site.covers("https://docs.intra/x")
    assert not site.covers("http://other.intra/x")
    assert not site.covers("/data/help/x.md")


@pytest.mark.parametrize("is_listed", [False, True])
def test_files_that_hold_no_text_are_counted_in_one_line(web: WebSite, is_listed: bool):
    files = ["/a.zip", "/b.ZIP?v=2", "/plan.png", "/a.zip", "/private/c.zip"]
    web.pages["/"] = page(article("Home", "/b", *files))
    web.pages["/b"] = page(article("B", "/a.zip"))
    if is_listed:
        web.pages["/sitemap.xml"] = page(urlset(*(web.base + path for path in ("/", "/b", *files))), "application/xml")
    reading = reads(web.base, exclude=("/private/*",))
    assert (reading.paths, reading.failures) == (["/", "/b"], {})
    assert reading.left_out == [(web.base, "has 3 linked file(s) that hold no text, by their names: .zip 2, .png 1")]
