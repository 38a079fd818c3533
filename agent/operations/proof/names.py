"""The name server of the run: every name gets an address, so that what is done with the address is seen, too. Pure.

A name that the run may look up gets the address of its stand-in. Any other gets one of its own out of a range that leads
nowhere, by which a later connection is told to belong to the name.

Source: RFC 1035, RFC 3596; RFC 2544 and RFC 3849 for the ranges.
"""

import ipaddress
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

PORT = 53
A, AAAA = 1, 28
TYPES = {A: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", AAAA: "AAAA", 33: "SRV", 65: "HTTPS", 255: "ANY"}
NOWHERE_V4 = ipaddress.ip_network("198.18.0.0/15")
NOWHERE_V6 = ipaddress.ip_network("2001:db8:dead::/48")
_ANSWERED = 0x8180
"""A response, recursion desired and available, no error."""
_TTL_S = 60


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a name server. `raw` is the question's own bytes, which an answer repeats."""

    id: int
    name: str
    type: int
    raw: bytes

    @property
    def type_name(self) -> str:
        """As it is written, e.g. `AAAA`."""
        return TYPES.get(self.type, f"TYPE{self.type}")


def question(payload: bytes) -> Question | None:
    """The question in a datagram; None if it is none."""
    try:
        number, flags, count = struct.unpack_from("!HHH", payload)
        if flags & 0x8000 or count != 1:
            return None
        labels, at = [], 12
        while length := payload[at]:
            if length > 63:
                return None
            labels.append(payload[at + 1 : at + 1 + length])
            at += 1 + length
        kind, _ = struct.unpack_from("!HH", payload, at + 1)
    except (IndexError, struct.error):
        return None
    name = b".".join(labels).decode("ascii", "backslashreplace").lower()
    return Question(number, name, kind, payload[12 : at + 5])


@dataclass
class NameServer:
    """Answers, and remembers which address it made up for which name.

    Attributes:
        known: the address of each name that may be looked up.
    """

    known: Mapping[str, str]
    _made: dict[str, int] = field(default_factory=dict)

    def answer(self, asked: Question) -> bytes:
        """The datagram that answers."""
        address = self._address(asked)
        head = struct.pack("!HHHHHH", asked.id, _ANSWERED, 1, 1 if address else 0, 0, 0)
        if address is None:
            return head + asked.raw
        return head + asked.raw + struct.pack("!HHHIH", 0xC00C, asked.type, 1, _TTL_S, len(address)) + address

    def name_of(self, address: str) -> str | None:
        """The name that this address was made up for."""
        found = ipaddress.ip_address(address)
        for network in (NOWHERE_V4, NOWHERE_V6):
            if found.version == network.version and found in network:
                number = int(found) - int(network.network_address)
                return next((name for name, made in self._made.items() if made == number), None)
        return None

    def _address(self, asked: Question) -> bytes | None:
        if asked.type not in {A, AAAA}:
            return None
        if (known := self.known.get(asked.name)) is not None:
            return ipaddress.ip_address(known).packed if asked.type == A else None
        number = self._made.setdefault(asked.name, len(self._made) + 1)
        network = NOWHERE_V4 if asked.type == A else NOWHERE_V6
        return ipaddress.ip_address(int(network.network_address) + number).packed
