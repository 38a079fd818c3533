"""Connections within this machine: which loopback ports were knocked at though nothing of the run listens there.

A library that talks to an agent on the same machine (a collector, a metrics daemon) doesn't leave it, and what it tells may.
The kernel filters, so that the many packets of the product's own conversations cost nothing.
Source: packet(7), and Documentation/networking/filter.rst for the filter's code.
"""

import ctypes
import ipaddress
import select
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from agent.operations.proof import packets
from agent.operations.proof.owners import Owners, Process
from agent.operations.proof.packets import Kind
from agent.operations.proof.record import Knock

_ETH_P_ALL, _OUTGOING, _SO_ATTACH_FILTER = 3, 4, 26
_SO_RCVBUFFORCE, _SOL_PACKET, _PACKET_STATISTICS = 33, 263, 6
_ROOM = 8 << 20
_LISTEN = "0A"
_MOST_LOOKS = 1000
_ACCEPT, _DROP = 16, 17
_FILTER = (
    (0x30, 0, 0, 0),  # the first byte
    (0x74, 0, 0, 4),  # its version
    (0x15, 0, 7, 4),  # IPv4, else on to IPv6
    (0x30, 0, 0, 9),  # the protocol
    (0x15, _ACCEPT - 5, 0, packets.UDP),
    (0x15, 0, _DROP - 6, packets.TCP),
    (0xB1, 0, 0, 0),  # how long the IP header is
    (0x50, 0, 0, 13),  # TCP's flags behind it
    (0x54, 0, 0, packets.SYN | packets.ACK),
    (0x15, _ACCEPT - 10, _DROP - 10, packets.SYN),
    (0x30, 0, 0, 6),  # IPv6: the next header
    (0x15, _ACCEPT - 12, 0, packets.UDP),
    (0x15, 0, _DROP - 13, packets.TCP),
    (0x30, 0, 0, 40 + 13),
    (0x54, 0, 0, packets.SYN | packets.ACK),
    (0x15, _ACCEPT - 16, _DROP - 16, packets.SYN),
    (0x06, 0, 0, 128),
    (0x06, 0, 0, 0),
)
"""TCP packets that open a connection, and all UDP."""


class Loopback:
    """Looks on in a thread of its own: at what stays within this machine, the stand-ins' addresses included."""

    def __init__(self, owners: Owners) -> None:
        """Begin. Raises `OSError` where raw sockets may not be opened."""
        self._owners = owners
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        code = b"".join(struct.pack("=HBBI", *one) for one in _FILTER)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("@HP", len(_FILTER), ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        with suppress(OSError):  # a smaller one does, too; what it has no room for is counted
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        self._socket.bind(("lo", _ETH_P_ALL))
        self._knocks: Counter[tuple[Kind, int]] = Counter()
        self._open: set[tuple[Kind, int]] = set()
        self._by: dict[object, Process | None] = {}
        self.reached: Counter[tuple[Kind, str, int]] = Counter()
        """How often each address beside the loopback's own was reached for, by kind, address and port."""
        self.is_blind = False
        """True if looking on ended before it was told to."""
        self.dropped = 0
        """Packets that came too fast to be looked at."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="loopback", daemon=True)
        self._thread.start()

    def stop(self) -> tuple[Knock, ...]:
        """Read what is still there, end, and give the ports at which nothing ever listened."""
        self.is_blind = not self._thread.is_alive()
        self._stopping.set()
        self._thread.join()
        _, self.dropped = struct.unpack("=II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._socket.close()
        never = sorted(one for one in self._knocks if one not in self._open)
        return tuple(Knock(kind, port, self._knocks[kind, port], self._command((kind, port))) for kind, port in never)

    def by(self, kind: Kind, host: str, port: int) -> Process | None:
        """Who reached for that address first, if that could be told."""
        return self._by.get((kind, host, port))

    def _read(self) -> None:
        while True:
            is_stopping = self._stopping.is_set()
            if select.select([self._socket], [], [], 0 if is_stopping else 0.2)[0]:
                raw, sender = self._socket.recvfrom(256)
                packet = packets.read(raw) if sender[2] == _OUTGOING else None
                if packet is not None and packet.target[1]:
                    self._count(packet)
            elif is_stopping:
                return

    def _count(self, packet: packets.Packet) -> None:
        host, port = packet.target
        if not ipaddress.ip_address(host).is_loopback:
            self.reached[packet.kind, host, port] += 1
            self._remember((packet.kind, host, port), packet)
            return
        knocked = (packet.kind, port)
        self._knocks[knocked] += 1
        if knocked in self._open:
            return
        if _is_open(*knocked):
            self._open.add(knocked)
        else:
            self._remember(knocked, packet)

    def _remember(self, key: object, packet: packets.Packet) -> None:
        if self._by.get(key) is None and len(self._by) < _MOST_LOOKS:
            self._by[key] = self._owners.of(packet)

    def _command(self, key: object) -> str:
        owner = self._by.get(key)
        return owner.command if owner else ""


def _is_open(kind: Kind, port: int) -> bool:
    """True if a socket waits at that port now, on any address."""
    for table in (kind.value, f"{kind.value}6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if int(words[1].rpartition(":")[2], 16) == port and (kind is Kind.UDP or words[3] == _LISTEN):
                    return True
    return False
