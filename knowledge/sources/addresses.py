"""Which hosts and addresses a website's reader may connect to. Pure: names are resolved by whoever asks.

A host must be on the list, and each address that its name resolves to must be of a kind that is fine
for it. Intranets live on private addresses, so a listed name may resolve to one; never to link-local
addresses, where clouds keep their metadata services, nor to loopback, unless that is what was listed.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import idna

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_NUMERIC_LABEL = re.compile(r"\d+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")


class AddressKind(StrEnum):
    """What an address is for. `BARRED` ones are never connected to, whatever is listed."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    BARRED = "barred"


def _networks(*blocks: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(block) for block in blocks)


_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""RFC 1918, RFC 6598 (carrier-grade NAT, which overlay networks use) and RFC 4193."""
_METADATA = _networks(
    "169.254.0.0/16",  # link-local, where nearly every cloud answers
    "fe80::/10",
    "fd00:ec2::/32",  # AWS over IPv6
    "fd20:ce::254/128",  # Google Cloud over IPv6
    "100.100.100.200/32",  # Alibaba Cloud
    "192.0.0.192/32",  # Oracle Cloud
    "168.63.129.16/32",  # Azure's host agent, a public address
)
_TUNNELS = _networks("2002::/16", "2001::/32", "::/96", "64:ff9b:1::/48", "fec0::/10", "192.88.99.0/24")
"""Addresses that hold another one inside (6to4, Teredo, IPv4-compatible, local NAT64), and site-local ones."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""The well-known prefix of RFC 6052: the last 32 bits are the IPv4 address that is meant."""


def plain_address(text: str) -> Address | None:
    """The address that a text spells in full, None if it is none. An IPv4 address inside an IPv6 one is taken out."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def kind_of(address: Address) -> AddressKind:
    """What an address is for; what is not known to be harmless is `BARRED`."""
    if address.is_loopback:
        return AddressKind.LOOPBACK
    if _is_in(address, _METADATA) or _is_in(address, _TUNNELS):
        return AddressKind.BARRED
    if _is_in(address, _PRIVATE):
        return AddressKind.PRIVATE
    if address.is_global and not address.is_multicast and not address.is_reserved:
        return AddressKind.PUBLIC
    return AddressKind.BARRED


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def plain_host(host: str) -> str | None:
    """One spelling for each host: lower case, IDNA, without a final dot. None if it can't be a host.

    Numbers that only some resolvers take for an address (`2130706433`, `0x7f.1`, `127.1`) are none.
    """
    if (address := plain_address(host)) is not None:
        return None if getattr(address, "scope_id", None) else str(address)
    name = host.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name).decode("ascii")
        except idna.IDNAError:
            return None
    if len(name) > 253 or not _NAME.fullmatch(name) or _NUMERIC_LABEL.fullmatch(name.rsplit(".", 1)[-1]):
        return None
    return name


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The list. Of each host, the ports that may be reached."""

    ports: frozenset[tuple[str, int]]

    def lists(self, host: str, port: int) -> bool:
        """True if a host in its plain spelling is listed with this port."""
        return (host, port) in self.ports

    def refusal(self, host: str, port: int) -> str | None:
        """Why this host can't be asked at all, None if it is listed."""
        name = plain_host(host)
        if name is None:
            return f"{host!r} is not a host name or an address"
        if not self.lists(name, port):
            return f"{name}:{port} is not on the list of allowed hosts; nothing was sent to it"
        return None

    def refusal_of_addresses(self, host: str, addresses: Sequence[str]) -> str | None:
        """Why a listed host can't be connected to at what it resolves to, None if each of its addresses is fine."""
        if not addresses:
            return f"{host} resolves to no address"
        for text in addresses:
            address = plain_address(text.split("%")[0])
            kind = AddressKind.BARRED if address is None or "%" in text else kind_of(address)
            if kind is AddressKind.BARRED:
                return f"{host} resolves to {text}, an address for machines' own use; nothing was sent to it"
            if kind is AddressKind.LOOPBACK and not _is_loopback_name(host):
                return f"{host} resolves to {text}, this machine itself; list that address if it is meant"
        return None


def _is_loopback_name(host: str) -> bool:
    name = plain_host(host) or ""
    address = plain_address(name)
    if address is not None:
        return address.is_loopback
    return name in {"localhost", "localhost.localdomain", "ip6-localhost"} or name.endswith(".localhost")


def allowed_hosts(entries: Iterable[str], own_port: tuple[str, int] | None = None) -> AllowedHosts:
    """The list of entries such as `wiki.intra`, `wiki.intra:8443`, `10.1.2.3`, `[fd00::7]:8080`.

    An entry without a port stands for ports 80 and 443, and for that of `own_port` (host and port of
    the website's own URL) if it is the same host.

    Raises:
        ValueError: an entry is not a host, or asks for an address that is never reached.
    """
    ports: set[tuple[str, int]] = set()
    for entry in entries:
        name, port = _entry(entry)
        if port is not None:
            ports.add((name, port))
            continue
        ports |= {(name, default) for default in DEFAULT_PORTS.values()}
        if own_port is not None and own_port[0] == name:
            ports.add(own_port)
    return AllowedHosts(frozenset(ports))


def _entry(entry: str) -> tuple[str, int | None]:
    host, port = entry.strip(), None
    if plain_address(host) is None and ":" in host:
        host, _, digits = host.rpartition(":")
        port = int(digits) if _PORT.fullmatch(digits) else 0
        if not 0 < port < 65536:
            raise ValueError(f"{entry!r}: write a host as name, name:port or address, without scheme and path")
    name = plain_host(host)
    if name is None:
        raise ValueError(f"{entry!r} is not a host name or an address: write name, name:port or address")
    address = plain_address(name)
    if address is not None and kind_of(address) is AddressKind.BARRED:
        raise ValueError(f"{entry!r} is an address for machines' own use (link-local, metadata, multicast); it is never read")
    return name, port
