"""What stands in for helpdesks and website doesn't mind how its clients go."""

import socket
import struct

import pytest

from agent.operations.proof import upstream
from agent.operations.proof.upstream import MAIL_PORTS, PORT, Inbox, Upstream

ADDRESS = "127.99.53.10"
LET_GO = struct.pack("ii", 1, 0)
"""Of SO_LINGER: closing sends a reset."""


@pytest.mark.parametrize("host", [upstream.DESK, f"mail.{upstream.DOMAIN}"])
def test_a_client_that_is_killed_leaves_no_words_behind(
    host: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {5143: MAIL_PORTS[143], 5587: MAIL_PORTS[587]}
    monkeypatch.setattr(upstream, "MAIL_PORTS", free)  # low ports want rights
    port = PORT if host == upstream.DESK else 5143
    stand_ins = Upstream(Inbox("whsec_" + "A" * 32))
    with stand_ins.serving({host: ADDRESS}):
        for _ in range(20):
            with socket.create_connection((ADDRESS, port), 60) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LET_GO)
                client.sendall(b"GET / HT")
        with socket.create_connection((ADDRESS, port), 60) as client:
            client.sendall(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
            assert client.recv(100)
    assert capfd.readouterr().err == ""
