"""What an IP packet on its way out says, and the answer that ends its sender's wait. Pure.

Source: RFC 791, RFC 8200, RFC 9293 (3.10.7.1, a reset), RFC 768, RFC 1071 (the sum).
"""

import ipaddress
import struct
from dataclasses import dataclass
from enum import StrEnum

TCP, UDP, ICMP, IGMP, ICMPV6 = 6, 17, 1, 2, 58
SYN, RST, ACK = 0x02, 0x04, 0x10
_EXTENSIONS = frozenset({0, 43, 60})
"""Hop-by-hop options, routing, destination options."""
_FRAGMENT = 44
_HOUSEKEEPING = frozenset({133, 135, 136, 143})
"""Router solicitation, neighbour solicitation and advertisement, multicast listener report: of the kernel itself."""


class Kind(StrEnum):
    """What was sent, as an auditor would call it."""

    TCP = "tcp"
    UDP = "udp"
    PING = "icmp"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes:
        source: the sender's address and port; port 0 where there is none.
        target: where it is going.
        protocol: its number, for what is neither TCP nor UDP nor ICMP.
        payload: after the header of TCP or UDP.
        opens: True if it asks for a connection; any packet that isn't TCP's does.
        sequence: TCP's number, which a reset has to confirm.
        is_housekeeping: True for what the kernel says on any network by itself.
    """

    kind: Kind
    source: tuple[str, int]
    target: tuple[str, int]
    protocol: int
    payload: bytes = b""
    opens: bool = True
    sequence: int = 0
    is_housekeeping: bool = False

    @property
    def is_v6(self) -> bool:
        """True for IPv6."""
        return ":" in self.target[0]


def read(raw: bytes) -> Packet | None:
    """What a packet says; None for what is no IP at all."""
    try:
        return _read_v6(raw) if raw[0] >> 4 == 6 else _read_v4(raw) if raw[0] >> 4 == 4 else None
    except (IndexError, ValueError, struct.error):
        return None


def _read_v4(raw: bytes) -> Packet:
    source, target = (str(ipaddress.IPv4Address(raw[at : at + 4])) for at in (12, 16))
    is_later_fragment = bool(struct.unpack_from("!H", raw, 6)[0] & 0x1FFF)
    body = b"" if is_later_fragment else raw[(raw[0] & 15) * 4 :]
    return _read_body(raw[9], source, target, body)


def _read_v6(raw: bytes) -> Packet:
    source, target = (str(ipaddress.IPv6Address(raw[at : at + 16])) for at in (8, 24))
    protocol, body = raw[6], raw[40:]
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        length = 8 if protocol == _FRAGMENT else (body[1] + 1) * 8
        protocol, body = body[0], body[length:]
    return _read_body(protocol, source, target, body)


def _read_body(protocol: int, source: str, target: str, body: bytes) -> Packet:
    if protocol == TCP and len(body) >= 20:
        ports, flags = struct.unpack_from("!HH", body), body[13]
        sequence = struct.unpack_from("!I", body, 4)[0]
        payload = body[(body[12] >> 4) * 4 :]
        opens = bool(flags & SYN) and not flags & ACK
        return Packet(Kind.TCP, (source, ports[0]), (target, ports[1]), protocol, payload, opens, sequence)
    if protocol == UDP and len(body) >= 8:
        ports = struct.unpack_from("!HH", body)
        return Packet(Kind.UDP, (source, ports[0]), (target, ports[1]), protocol, body[8:])
    kind = Kind.PING if protocol in {ICMP, ICMPV6} else Kind.OTHER
    says_by_itself = (protocol == ICMPV6 and body[:1] and body[0] in _HOUSEKEEPING) or protocol == IGMP
    return Packet(kind, (source, 0), (target, 0), protocol, body, is_housekeeping=bool(says_by_itself))


def reset(asked: Packet) -> bytes:
    """The packet that tells who asks for a connection that there is nobody."""
    ports, confirmed = (asked.target[1], asked.source[1]), (asked.sequence + 1) & 0xFFFFFFFF
    head = struct.pack("!HHIIBBHHH", *ports, 0, confirmed, 0x50, RST | ACK, 0, 0, 0)
    return _addressed(asked, TCP, head, 16)


def reply(asked: Packet, payload: bytes) -> bytes:
    """A datagram back to who sent one."""
    head = struct.pack("!HHHH", asked.target[1], asked.source[1], 8 + len(payload), 0)
    return _addressed(asked, UDP, head + payload, 6)


def _addressed(asked: Packet, protocol: int, body: bytes, sum_at: int) -> bytes:
    """The body under an IP header that leads back, with its sum put in."""
    ours, theirs = (ipaddress.ip_address(one).packed for one in (asked.target[0], asked.source[0]))
    length = struct.pack("!I", len(body)) if asked.is_v6 else struct.pack("!H", len(body))
    pseudo = ours + theirs + (length + bytes([0, 0, 0, protocol]) if asked.is_v6 else bytes([0, protocol]) + length)
    body = body[:sum_at] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[sum_at + 2 :]
    if asked.is_v6:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + ours + theirs + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0) + ours + theirs
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def checksum(data: bytes) -> int:
    """The Internet's sum of these bytes."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
