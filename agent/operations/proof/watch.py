"""Sees everything that leaves: reads the device, finds out whose packet it is, then answers, so that its sender can go on."""

import os
import select
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from agent.operations.proof import names, packets
from agent.operations.proof.namespace import RESOLVER, overflowed
from agent.operations.proof.owners import Owners
from agent.operations.proof.packets import Kind, Packet
from agent.operations.proof.record import Attempt, Seen

MOST = 20_000
"""Attempts that are kept; a program that tries more often is known by then, and the rest is counted."""
_PACKET = 65_536


class Watch:
    """Reads the device in a thread of its own. All of it is ours: no packet ever gets further."""

    def __init__(self, tun: int, known: Mapping[str, str], owners: Owners) -> None:
        """Begin.

        Args:
            tun: the device, from `namespace.enter`.
            known: names that may be looked up, each with the address of its stand-in.
            owners: knows whose packet it is.
        """
        self._tun = tun
        self._names = names.NameServer(dict(known))
        self._owners = owners
        self._attempts: list[Attempt] = []
        self.housekeeping = 0
        self.dropped = 0
        """Packets that left and were not looked at one by one: too many, or too fast."""
        self.is_blind = False
        """True if looking on ended before it was told to: then nothing is proven."""
        self.looked_up: Counter[str] = Counter()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> tuple[Attempt, ...]:
        """Read what is still there, end, and give all that was seen."""
        self.is_blind = not self._thread.is_alive()
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._stop_read)
        self.dropped += overflowed()
        return tuple(self._attempts)

    def _read(self) -> None:
        is_stopping = False
        while True:
            ready, _, _ = select.select([self._tun, self._stop_read], [], [], 0 if is_stopping else None)
            if self._tun in ready:
                self._see(os.read(self._tun, _PACKET))
            elif is_stopping:
                return
            is_stopping = is_stopping or self._stop_read in ready

    def _see(self, raw: bytes) -> None:
        packet = packets.read(raw)
        if packet is None:  # the kernel sends none such: a program has put it on the wire by itself
            self._keep(Attempt(Seen.DEVICE, "no IP", f"{len(raw)} bytes", datetime.now(UTC)))
            return
        if packet.is_housekeeping:
            self.housekeeping += 1
            return
        asked = names.question(packet.payload) if packet.kind is Kind.UDP and packet.target[1] == names.PORT else None
        self._note(packet, asked)
        if asked is not None:
            self._send(packets.reply(packet, self._names.answer(asked)))
        elif packet.kind is Kind.TCP and packet.opens:
            self._send(packets.reset(packet))

    def _send(self, raw: bytes) -> None:
        with suppress(OSError):  # who gets no answer gives up later
            os.write(self._tun, raw)

    def _note(self, packet: Packet, asked: names.Question | None) -> None:
        host, port = packet.target
        is_ours = host == RESOLVER and asked is not None
        if is_ours and asked is not None and asked.name in self._names.known:
            self.looked_up[asked.name] += 1
            return
        if len(self._attempts) >= MOST:
            self.dropped += 1  # before it is asked whose it is, which takes longer
            return
        owner = self._owners.of(packet)
        if asked is not None:
            what = f"look-up {asked.type_name}" + ("" if is_ours else f" at {host}")
            target, name = asked.name or ".", None
        else:
            what = packet.kind.value if packet.kind is not Kind.OTHER else f"protocol {packet.protocol}"
            # No conversation can have begun: who goes on with one builds the packets by hand.
            what += "" if packet.opens else ", without a beginning"
            target, name = address(host, port), self._names.name_of(host)
        pid, command = (owner.pid, owner.command) if owner else (0, "")
        self._keep(Attempt(Seen.DEVICE, what, target, datetime.now(UTC), name, pid=pid, command=command))

    def _keep(self, attempt: Attempt) -> None:
        if len(self._attempts) < MOST:
            self._attempts.append(attempt)
        else:
            self.dropped += 1


def address(host: str, port: int) -> str:
    """Host and port as one writes them; the host alone where there is no port."""
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else host
