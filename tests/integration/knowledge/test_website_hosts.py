"""Nothing but an allowed host is ever connected to, whatever a page, a redirect or a name server says."""

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.integration.knowledge.web_site import WebSite, article, page, reads, redirect, serving, urlset

METADATA = "169.254.169.254"


def test_links_and_redirects_to_another_host_are_not_followed(web: WebSite, other: WebSite):
    web.pages["/"] = page(article("Home", other.base + "/x", "/away", f"//127.0.0.1:{other.port}/y", "/a"))
    web.pages["/away"] = redirect(other.base + "/secret")
    web.pages["/a"] = page(article("A", head=f'<base href="{other.base}/"><link rel="canonical" href="{other.base}/a">'))
    reading = reads(web.base)
    assert reading.paths == ["/", "/a"]
    assert "not on the list of allowed hosts" in reading.failures[web.base + "/away"]
    assert (other.connections, set(reading.attempts)) == (0, {("127.0.0.1", web.port)})


@pytest.mark.parametrize(
    "target",
    [
        f"http://{METADATA}/latest/meta-data",
        f"http://{METADATA}:80/latest/meta-data",
        "http://[fd00:ec2::254]/latest/meta-data",
        "http://[::ffff:169.254.169.254]/latest",
        "http://[::ffff:a9fe:a9fe]/latest",
        "http://2852039166/latest",
        "http://0xa9fea9fe/latest",
        "http://0251.0376.0251.0376/latest",
        "http://169.254.43518/latest",
        "http://169。254。169。254/latest",
        "http://127.0.0.1@169.254.169.254/latest",
        "http://169.254.169.254./latest",
        "http://localhost/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://127.1/",
        "http://127.0.0.2/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "\\\\169.254.169.254\\x",
        "http://",
    ],
)
def test_no_spelling_of_another_address_gets_a_connection(web: WebSite, target: str):
    web.pages["/"] = page(article("Home", target, "/hop"))
    web.pages["/hop"] = redirect(target)
    reading = reads(web.base)
    assert reading.paths == ["/"]
    assert list(reading.failures) == [web.base + "/hop"]
    assert set(reading.attempts) == {("127.0.0.1", web.port)}
    assert set(reading.looked_up) == {"127.0.0.1"}


@pytest.mark.parametrize("address", [METADATA, "fe80::1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"])
def test_a_listed_name_that_resolves_to_such_an_address_gets_none(address: str):
    reading = reads("http://wiki.intra/", names={"wiki.intra": [address]})
    assert (reading.documents, reading.attempts) == ([], [])
    assert address in reading.of_all[0]
    mixed = reads("http://wiki.intra/", names={"wiki.intra": ["10.1.2.3", address]})
    assert (mixed.documents, mixed.attempts) == ([], [])


def test_a_listed_name_does_not_reach_this_machine(web: WebSite):
    reading = reads(f"http://wiki.intra:{web.port}/", names={"wiki.intra": ["127.0.0.1"]})
    assert "this machine itself" in reading.of_all[0]
    assert (web.connections, reading.attempts) == (0, [])


def test_a_listed_name_may_be_on_a_private_address_and_keeps_its_name(web: WebSite):
    web.pages["/"] = page(article("Home"))
    names = {"wiki.intra": ["10.1.2.3"]}
    reading = reads(f"http://WIKI.intra.:{web.port}/", names=names, detours={"10.1.2.3": "127.0.0.1"})
    assert reading.documents[0].url == f"http://wiki.intra:{web.port}/"
    assert set(reading.attempts) == {("10.1.2.3", web.port)}
    assert {headers["host"] for headers in web.headers} == {f"wiki.intra:{web.port}"}


def test_a_name_that_changes_its_address_is_judged_again_each_time(web: WebSite):
    class Rebinding(list[str]):
        """Good for the first two look-ups, then another's address."""

        asked = 0

        def __iter__(self):
            self.asked += 1
            return iter(["10.1.2.3"] if self.asked <= 4 else [METADATA])

        def __len__(self):
            return 1

    web.pages["/"] = page(article("Home", "/a"))
    names = {"wiki.intra": Rebinding()}
    reading = reads(f"http://wiki.intra:{web.port}/", names=names, detours={"10.1.2.3": "127.0.0.1"}, sitemap=False)
    assert {address for address, _ in reading.attempts} == {"10.1.2.3"}
    assert METADATA in str(reading.found)


def test_the_next_address_is_tried_when_the_first_is_silent(web: WebSite):
    web.pages["/"] = page(article("Home"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.2", web.port))  # not listening: refused
        names = {"wiki.localhost": ["127.0.0.2", "127.0.0.1"]}
        reading = reads(f"http://wiki.localhost:{web.port}/", names=names)
    assert reading.paths == ["/"]


def test_a_name_that_is_not_known_is_a_failure_of_the_site():
    reading = reads("http://no-such-host.intra/")
    assert "can't be looked up" in reading.of_all[0]


def test_a_listed_host_is_reached_at_its_listed_ports_alone(web: WebSite, other: WebSite):
    web.pages["/"] = page(article("Home", "http://127.0.0.1:6379/", "http://127.0.0.1/"))
    web.pages["/sitemap.xml"] = page("", status=404)
    reading = reads(web.base)
    assert {port for _, port in reading.attempts} == {web.port}


def test_robots_and_sitemaps_are_held_to_the_list_too(web: WebSite, other: WebSite):
    other.pages["/map.xml"] = page(urlset(web.base + "/"), "application/xml")
    web.pages["/robots.txt"] = page(f"Sitemap: {other.base}/map.xml\nSitemap: {web.base}/map.xml", "text/plain")
    web.pages["/map.xml"] = redirect(other.base + "/map.xml")
    reading = reads(web.base)
    assert (other.connections, reading.documents) == (0, [])
    assert "not on the list" in reading.of_all[0]


def test_no_proxy_and_no_password_file_of_the_environment_is_used(
    web: WebSite, other: WebSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.base)
    web.pages["/"] = page(article("Home"), Set_Cookie="session=1; Path=/")
    assert reads(web.base).paths == ["/"]
    assert other.connections == 0
    assert not any({"authorization", "cookie", "proxy-authorization"} & set(headers) for headers in web.headers)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for wiki.intra that vouches for itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=wiki.intra", "-addext", "subjectAltName=DNS:wiki.intra"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-keyout", folder / "key.pem", "-out", folder / "cert.pem", *names],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"


def test_the_certificate_is_checked_against_the_name_and_not_the_address(authority: tuple[Path, Path]):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    asked: list[str | None] = []
    context.sni_callback = lambda connection, name, _: asked.append(name)
    names, detours = {"wiki.intra": ["10.1.2.3"], "docs.intra": ["10.1.2.3"]}, {"10.1.2.3": "127.0.0.1"}
    with serving(context) as web:
        web.pages["/"] = page(article("Home"))
        known = reads(f"https://wiki.intra:{web.port}/", names=names, detours=detours, ca_file=str(authority[0]))
        assert known.documents[0].url == f"https://wiki.intra:{web.port}/"
        assert set(asked) == {"wiki.intra"}
        unknown = reads(f"https://wiki.intra:{web.port}/", names=names, detours=detours)
        wrong = reads(f"https://docs.intra:{web.port}/", names=names, detours=detours, ca_file=str(authority[0]))
    assert "certificate" in unknown.of_all[0]
    assert "certificate" in wrong.of_all[0]
    absent = reads("https://wiki.intra/", ca_file="/no/such/file.pem")
    assert "can't be read" in absent.of_all[0]
