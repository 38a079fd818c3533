import ipaddress

import pytest

from knowledge.sources.addresses import AddressKind, allowed_hosts, kind_of, plain_address, plain_host


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.215.14", AddressKind.PUBLIC),
        ("2606:4700::6810:85e5", AddressKind.PUBLIC),
        ("10.1.2.3", AddressKind.PRIVATE),
        ("172.31.255.255", AddressKind.PRIVATE),
        ("192.168.0.1", AddressKind.PRIVATE),
        ("100.64.0.1", AddressKind.PRIVATE),
        ("fd12:3456::1", AddressKind.PRIVATE),
        ("127.0.0.1", AddressKind.LOOPBACK),
        ("127.255.0.9", AddressKind.LOOPBACK),
        ("::1", AddressKind.LOOPBACK),
        ("::ffff:127.0.0.1", AddressKind.LOOPBACK),
        ("::ffff:10.0.0.1", AddressKind.PRIVATE),
        ("64:ff9b::a00:1", AddressKind.PRIVATE),
    ],
)
def test_the_kind_of_an_address(address: str, kind: AddressKind):
    found = plain_address(address)
    assert found is not None
    assert kind_of(found) is kind


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fe80::1",
        "224.0.0.1",
        "239.255.255.250",
        "ff02::1",
        "::ffff:224.0.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "255.255.255.255",
        "240.0.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "2001:db8::1",
        "2002:a9fe:a9fe::1",
        "2001:0:1::1",
        "::10.0.0.1",
        "fec0::1",
    ],
)
def test_addresses_that_are_never_reached(address: str):
    found = plain_address(address)
    assert found is not None
    assert kind_of(found) is AddressKind.BARRED
    assert "own use" in (allowed_hosts(["wiki.intra"]).refusal_of_addresses("wiki.intra", [address]) or "")


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("WIKI.Intra.", "wiki.intra"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("build_1.intra", "build_1.intra"),
        ("10.0.0.1", "10.0.0.1"),
        ("::FFFF:10.0.0.1", "10.0.0.1"),
        ("[FD00:0::7]", "fd00::7"),
    ],
)
def test_each_host_has_one_spelling(host: str, plain: str):
    assert plain_host(host) == plain


NUMBERS = ("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "10.0.0.256", "%31.0.0.1")
RUBBISH = ("", " ", ".", "a b", "a..b", "-a.b", "a/b", "a@b", "a" * 64, "fe80::1%eth0", "ⓛocalhost", "a\x00b")


@pytest.mark.parametrize("host", NUMBERS + RUBBISH)
def test_what_is_no_plain_host(host: str):
    assert plain_host(host) is None


def test_an_entry_without_port_stands_for_the_web_ports_and_that_of_the_site():
    hosts = allowed_hosts(["wiki.intra", "docs.intra:8443", "[fd00::7]:8080", "10.0.0.5"], ("wiki.intra", 9000))
    assert all(hosts.lists("wiki.intra", port) for port in (80, 443, 9000))
    assert not hosts.lists("wiki.intra", 6379)
    assert hosts.lists("docs.intra", 8443)
    assert not hosts.lists("docs.intra", 443)
    assert hosts.lists("fd00::7", 8080)
    assert hosts.lists("10.0.0.5", 80)
    assert not hosts.lists("10.0.0.5", 9000)
    assert not hosts.lists("evil.wiki.intra", 80)


@pytest.mark.parametrize(
    "entry", ["", "http://wiki.intra", "wiki.intra/x", "wiki.intra:0", "wiki.intra:x", "*", "*.intra", "2130706433", "u@h"]
)
def test_an_entry_that_is_no_host_is_an_error(entry: str):
    with pytest.raises(ValueError, match="write"):
        allowed_hosts([entry])


@pytest.mark.parametrize("entry", ["169.254.169.254", "[fd00:ec2::254]:80", "0.0.0.0", "::ffff:169.254.169.254", "224.0.0.1"])
def test_an_address_that_is_never_reached_cant_be_listed(entry: str):
    with pytest.raises(ValueError, match="never read"):
        allowed_hosts([entry])


def test_a_listed_name_may_resolve_to_private_and_public_addresses():
    hosts = allowed_hosts(["wiki.intra"])
    assert hosts.refusal_of_addresses("wiki.intra", ["10.0.0.7", "fd00::7", "93.184.215.14"]) is None


def test_one_bad_address_among_good_ones_refuses_the_name():
    hosts = allowed_hosts(["wiki.intra"])
    assert "169.254.169.254" in (hosts.refusal_of_addresses("wiki.intra", ["10.0.0.7", "169.254.169.254"]) or "")
    assert "fe80::1%eth0" in (hosts.refusal_of_addresses("wiki.intra", ["fe80::1%eth0"]) or "")
    assert "no address" in (hosts.refusal_of_addresses("wiki.intra", []) or "")
    assert "rubbish" in (hosts.refusal_of_addresses("wiki.intra", ["rubbish"]) or "")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "wiki.localhost", "127.8.0.1"])
def test_loopback_is_reached_under_its_own_names(host: str):
    assert allowed_hosts([host]).refusal_of_addresses(host, ["127.0.0.1"]) is None


@pytest.mark.parametrize("host", ["wiki.intra", "10.0.0.7", "localhost.evil.test", "notlocalhost"])
def test_loopback_is_not_reached_under_another_name(host: str):
    assert "this machine itself" in (allowed_hosts([host]).refusal_of_addresses(host, ["127.0.0.1"]) or "")
    assert "this machine itself" in (allowed_hosts([host]).refusal_of_addresses(host, ["::ffff:127.0.0.1"]) or "")


def test_every_spelling_of_an_ipv4_address_inside_ipv6_is_that_address():
    assert plain_address("::ffff:a9fe:a9fe") == ipaddress.ip_address("169.254.169.254")
    assert plain_address("0:0:0:0:0:ffff:a9fe:a9fe") == ipaddress.ip_address("169.254.169.254")
