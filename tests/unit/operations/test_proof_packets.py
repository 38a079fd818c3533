import ipaddress
import socket
import struct

import pytest

from agent.operations.proof.packets import ACK, RST, SYN, Kind, checksum, read, reply, reset

V4, V6 = ("192.0.2.1", "203.0.113.9"), ("2001:db8::1", "2001:db8:1::9")


def ip(source: str, target: str, protocol: int, body: bytes, extension: bytes = b"") -> bytes:
    packed = [ipaddress.ip_address(one).packed for one in (source, target)]
    if ":" in source:
        first = 0 if extension else protocol
        return struct.pack("!IHBB", 6 << 28, len(extension + body), first, 64) + b"".join(packed) + extension + body
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0) + b"".join(packed) + body


def tcp(flags: int, sequence: int = 7) -> bytes:
    return struct.pack("!HHIIBBHHH", 50_000, 443, sequence, 0, 0x50, flags, 1000, 0, 0)


def udp(payload: bytes, port: int = 53) -> bytes:
    return struct.pack("!HHHH", 50_000, port, 8 + len(payload), 0) + payload


@pytest.mark.parametrize(("source", "target"), [V4, V6])
def test_a_connection_that_begins_is_told_from_one_that_goes_on(source: str, target: str) -> None:
    begins, goes_on = (read(ip(source, target, socket.IPPROTO_TCP, tcp(flags))) for flags in (SYN, ACK))
    assert begins is not None
    assert goes_on is not None
    assert (begins.kind, begins.source, begins.target, begins.opens) == (Kind.TCP, (source, 50_000), (target, 443), True)
    assert not goes_on.opens


@pytest.mark.parametrize(("source", "target"), [V4, V6])
def test_a_reset_is_one_that_the_kernel_would_take(source: str, target: str) -> None:
    asked = read(ip(source, target, socket.IPPROTO_TCP, tcp(SYN, 0xFFFFFFFF)))
    assert asked is not None
    raw = reset(asked)
    answer = read(raw)
    assert answer is not None
    assert (answer.source, answer.target) == ((target, 443), (source, 50_000))
    body = raw[40:] if ":" in source else raw[20:]
    assert body[13] == RST | ACK
    assert struct.unpack_from("!I", body, 8)[0] == 0  # the number after the last
    assert has_right_sum(raw, body, socket.IPPROTO_TCP)


@pytest.mark.parametrize(("source", "target"), [V4, V6])
def test_a_datagram_and_its_answer(source: str, target: str) -> None:
    asked = read(ip(source, target, socket.IPPROTO_UDP, udp(b"who?")))
    assert asked is not None
    assert (asked.kind, asked.payload, asked.target) == (Kind.UDP, b"who?", (target, 53))
    raw = reply(asked, b"I.")  # an odd length, too
    answer = read(raw)
    assert answer is not None
    assert (answer.payload, answer.source, answer.target) == (b"I.", (target, 53), (source, 50_000))
    assert has_right_sum(raw, raw[40:] if ":" in source else raw[20:], socket.IPPROTO_UDP)


def has_right_sum(raw: bytes, body: bytes, protocol: int) -> bool:
    if raw[0] >> 4 == 6:
        return checksum(raw[8:40] + struct.pack("!II", len(body), protocol) + body) == 0
    return checksum(raw[:20]) == 0 and checksum(raw[12:20] + struct.pack("!BBH", 0, protocol, len(body)) + body) == 0


def test_headers_between_ip_and_what_it_carries_are_passed_over() -> None:
    hop_by_hop = bytes([socket.IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0])
    found = read(ip(*V6, socket.IPPROTO_UDP, udp(b"quic", 443), hop_by_hop))
    assert found is not None
    assert (found.kind, found.target[1], found.payload) == (Kind.UDP, 443, b"quic")


def test_what_the_kernel_says_by_itself_is_told_from_what_a_program_sends() -> None:
    kernels = read(ip("fe80::1", "ff02::16", socket.IPPROTO_ICMPV6, bytes([143, 0, 0, 0])))
    ping = read(ip(*V4, socket.IPPROTO_ICMP, bytes([8, 0, 0, 0, 0, 0, 0, 0])))
    gre = read(ip(*V4, 47, b"\0\0\0\0"))
    assert kernels is not None
    assert ping is not None
    assert gre is not None
    assert (kernels.is_housekeeping, ping.is_housekeeping, gre.is_housekeeping) == (True, False, False)
    assert (ping.kind, gre.kind, gre.protocol) == (Kind.PING, Kind.OTHER, 47)


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x45", b"\x60" + bytes(10), b"\xff" * 60])
def test_what_is_no_packet_is_none(raw: bytes) -> None:
    assert read(raw) is None


def test_a_cut_packet_is_still_a_packet_to_somewhere() -> None:
    found = read(ip(*V4, socket.IPPROTO_TCP, b"\x01"))
    assert found is not None
    assert (found.kind, found.target, found.opens) == (Kind.OTHER, ("203.0.113.9", 0), True)
