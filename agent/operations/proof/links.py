"""Addresses and routes of this network namespace, set over netlink: no `ip` command need be installed.

Source: rtnetlink(7), and the structures of linux/rtnetlink.h, linux/if_addr.h and linux/if_link.h.
"""

import fcntl
import ipaddress
import os
import socket
import struct

RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 20, 24
REQUEST, ACK, CREATE = 0x1, 0x4, 0x400
IFF_UP = 1
SIOCGIFFLAGS = 0x8913
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF = 1, 4
IFLA_AF_SPEC, IFLA_INET6_ADDR_GEN_MODE = 26, 8
ADDR_GEN_NONE = 1
NO_DUPLICATE_CHECK = 0x02
NLMSG_ERROR = 2

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def set_up(device: str) -> None:
    """Switch a device on.

    Raises:
        OSError: there is none of that name, or it may not be.
    """
    _ask(RTM_NEWLINK, struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(device), IFF_UP, IFF_UP))


def is_up(device: str) -> bool:
    """Whether a device is switched on. Raises `OSError`. Source: netdevice(7)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, SIOCGIFFLAGS, struct.pack("16sH22x", device.encode(), 0))
    return bool(struct.unpack_from("=16xH", answer)[0] & IFF_UP)


def make_no_addresses(device: str) -> None:
    """Keep the kernel from giving it a link-local IPv6 address, and from asking around for a router. Raises `OSError`."""
    mode = _attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([ADDR_GEN_NONE]))
    spec = _attribute(IFLA_AF_SPEC, _attribute(socket.AF_INET6, mode))
    head = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(device), 0, 0)
    _ask(RTM_NEWLINK, head + spec)


def add_address(device: str, address: Address) -> None:
    """Give it an address, which is usable at once. Raises `OSError`."""
    family, packed = _packed(address.ip)
    head = struct.pack("=BBBBi", family, address.network.prefixlen, NO_DUPLICATE_CHECK, 0, socket.if_nametoindex(device))
    _ask(RTM_NEWADDR, head + _attribute(IFA_LOCAL, packed) + _attribute(IFA_ADDRESS, packed))


def add_route(device: str, network: Network) -> None:
    """Send what goes to that network through the device. Raises `OSError`."""
    family, packed = _packed(network.network_address)
    table, protocol, scope, kind = 254, 4, 0 if family == socket.AF_INET6 else 253, 1  # main, static, link, unicast
    head = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0, table, protocol, scope, kind, 0)
    to = _attribute(RTA_DST, packed) if network.prefixlen else b""
    _ask(RTM_NEWROUTE, head + to + _attribute(RTA_OIF, struct.pack("=i", socket.if_nametoindex(device))))


def _packed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[int, bytes]:
    return socket.AF_INET6 if address.version == 6 else socket.AF_INET, address.packed


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _ask(kind: int, body: bytes) -> None:
    """One request, and the kernel's word on it."""
    flags = REQUEST | ACK | (0 if kind == RTM_NEWLINK else CREATE)
    message = struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, 0))
        netlink.send(message)
        answer = netlink.recv(65_536)
    _, answered, _, _, _, code = struct.unpack_from("=IHHIIi", answer)
    if answered != NLMSG_ERROR or code:
        raise OSError(-code, os.strerror(-code))
