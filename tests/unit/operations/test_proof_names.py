import ipaddress
import struct

import pytest

from agent.operations.proof.names import AAAA, NOWHERE_V4, NOWHERE_V6, A, NameServer, question


def query(name: str, kind: int, number: int = 0x1234, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split(".") if one)
    return struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def address_for(server: NameServer, name: str, kind: int) -> str | None:
    asked = question(query(name, kind))
    assert asked is not None
    answer = server.answer(asked)
    number, flags, _, answers = struct.unpack_from("!HHHH", answer)
    assert (number, flags & 0x800F) == (0x1234, 0x8000)  # an answer to that question, without an error
    if not answers:
        return None
    length = struct.unpack_from("!H", answer, 12 + len(asked.raw) + 10)[0]
    return str(ipaddress.ip_address(answer[-length:]))


def test_a_question_is_read_with_its_name_and_type() -> None:
    asked = question(query("Collect.Example", AAAA))
    assert asked is not None
    assert (asked.name, asked.type_name, asked.id) == ("collect.example", "AAAA", 0x1234)
    other = question(query("x", 64))
    assert other is not None
    assert other.type_name == "TYPE64"


@pytest.mark.parametrize(
    "payload", [b"", b"GET / HTTP/1.1", query("x", A, flags=0x8180), query("x", A)[:14], b"\0" * 12 + b"\xc0\x0c"]
)
def test_what_is_no_question_is_none(payload: bytes) -> None:
    assert question(payload) is None


def test_a_name_of_the_list_leads_to_its_stand_in() -> None:
    server = NameServer({"desk.internal": "10.0.0.1"})
    assert address_for(server, "desk.internal", A) == "10.0.0.1"
    assert address_for(server, "desk.internal", AAAA) is None


def test_any_other_name_gets_an_address_of_its_own_by_which_it_is_known_again() -> None:
    server = NameServer({})
    first, second, again = (address_for(server, name, A) for name in ("one.example", "two.example", "one.example"))
    sixth = address_for(server, "two.example", AAAA)
    assert first is not None
    assert second is not None
    assert sixth is not None
    assert first == again != second
    assert ipaddress.ip_address(first) in NOWHERE_V4
    assert ipaddress.ip_address(sixth) in NOWHERE_V6
    assert [server.name_of(one) for one in (first, second, sixth)] == ["one.example", "two.example", "two.example"]
    assert server.name_of("203.0.113.1") is None


def test_a_question_for_text_has_an_answer_without_one() -> None:
    assert address_for(NameServer({}), "secret.example", 16) is None
