"""Mails, read and written: what comes from anywhere is read as it is, what we send says what it is."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from pydantic import ValidationError

from agent.channels.helpdesks.mail_writing import Letterhead, subject_of_reply, with_conversation
from agent.channels.helpdesks.mails import House, Mail, Place, address, parse
from agent.channels.helpdesks.marks import marks_in
from agent.channels.helpdesks.types import Words, Wrote
from agent.helpdesk_settings import EmailSettings

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MARK = "IK-0123456789AB"
WORDS = Words(f"You get **half** back.\n\nRef. {MARK}", f"<p>You get <strong>half</strong> back.</p><p>Ref. {MARK}</p>")
PLAIN = b"""\
Return-Path: <emily@example.com>
Authentication-Results: mx.inn.example; spf=pass smtp.mailfrom=example.com; dmarc=pass (p=reject) header.from=example.com
From: Emily Adams <Emily@Example.com>
To: Support <support@inn.example>, other@example.com
Subject: =?utf-8?q?Versp=C3=A4tetes_Paket?=
Message-ID: <m1@example.com>
Date: Mon, 5 Jan 2026 09:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Where is my order?
"""
HOUSE = House("support@inn.example", frozenset({"people@people.example"}))


def read(raw: bytes, authserv: str | None = None) -> Mail:
    return parse(raw, Place("INBOX", 7, 12), AT, [], authserv)


def with_headers(*lines: str, raw: bytes = PLAIN) -> bytes:
    return "\n".join(lines).encode() + b"\n" + raw


def test_a_plain_mail() -> None:
    mail = read(PLAIN)
    assert mail.ref == "m1@example.com"
    assert mail.sender == "emily@example.com"
    assert mail.recipients == {"support@inn.example", "other@example.com"}
    assert mail.subject == "Verspätetes Paket"
    assert mail.plain == "Where is my order?\n"
    assert not mail.automatic
    assert mail.mark is None
    message = HOUSE.message(mail, Wrote.CUSTOMER, mail.sender)
    assert (message.text, message.sent_at, message.public) == ("Where is my order?", "2026-01-05T09:00:00.000Z", True)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "Precedence: bulk",
        "List-Id: <news.example.com>",
        "X-Auto-Response-Suppress: All",
        "X-Autoreply: yes",
    ],
)
def test_what_a_machine_has_sent_is_known(header: str) -> None:
    assert read(with_headers(header)).automatic


@pytest.mark.parametrize(
    "change",
    [
        (b"Return-Path: <emily@example.com>", b"Return-Path: <>"),
        (b"Emily@Example.com", b"no-reply@example.com"),
        (b"Emily@Example.com", b"MAILER-DAEMON@example.com"),
        (b"text/plain;", b"multipart/report; boundary=x;"),
        (b"=?utf-8?q?Versp=C3=A4tetes_Paket?=", b"=?utf-8?q?Automatische_Antwort=3A_weg?="),
    ],
)
def test_bounces_and_robots_are_known_by_other_signs(change: tuple[bytes, bytes]) -> None:
    assert read(PLAIN.replace(*change)).automatic


def test_a_person_may_say_that_no_machine_has_written() -> None:
    assert not read(with_headers("Auto-Submitted: no")).automatic
    away = read(with_headers("Auto-Submitted: auto-replied"))
    assert HOUSE.message(away, Wrote.CUSTOMER, away.sender).automatic
    assert not HOUSE.message(away, Wrote.US, away.sender).automatic


@pytest.mark.parametrize(
    ("header", "failed"),
    [
        ("Authentication-Results: mx.inn.example; dmarc=fail header.from=example.com", True),
        ("Authentication-Results: MX.inn.example 1; spf=pass;\n dmarc=fail (p=none)", True),
        ("Authentication-Results: mx.evil.example; dmarc=fail", False),
        ("Authentication-Results: mx.inn.example; dmarc=none", False),
        ("Authentication-Results: mx.inn.example; dkim=pass (was dmarc=fail)", False),
        ("Authentication-Results: (mx.inn.example;) evil; dmarc=fail", False),
    ],
)
def test_only_our_own_mail_server_tells_of_a_forged_sender(header: str, failed: bool) -> None:
    assert read(with_headers(header), "mx.inn.example").failed_authentication is failed
    assert not read(with_headers(header)).failed_authentication


def test_references_are_in_order_and_bounded() -> None:
    mail = read(with_headers("References: <a@x> <b@x>\n\t<c@x> junk <no-at>", "In-Reply-To: <d@x> from Emily"))
    assert mail.references == ("a@x", "b@x", "c@x", "d@x")
    many = " ".join(f"<r{number}@x>" for number in range(500))
    kept = read(with_headers(f"References: {many}")).references
    assert len(kept) == 30
    assert (kept[0], kept[-1]) == ("r0@x", "r499@x")


NO_IDS = ["", "Message-ID: none", "Message-ID: <a b@x>", 'Message-ID: <"q"@x>', f"Message-ID: <{'a' * 300}@x>"]


@pytest.mark.parametrize("message_id", NO_IDS)
def test_a_mail_without_a_usable_id_is_known_by_its_place(message_id: str) -> None:
    raw = PLAIN.replace(b"Message-ID: <m1@example.com>", message_id.encode() or b"X-None: 1")
    assert read(raw).ref == "uid-7-12"


def test_the_words_are_the_first_text_that_is_no_file() -> None:
    raw = b"""\
From: emily@example.com
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: message/rfc822

Subject: inner
Content-Type: text/plain

What somebody else once wrote
--b
Content-Type: text/plain
Content-Disposition: attachment; filename=notes.txt

A file
--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe
--c
Content-Type: text/html

<p>Gruesse</p>
--c--
--b--
"""
    mail = read(raw)
    assert mail.plain.strip() == "Grüße"
    assert mail.html.strip() == "<p>Gruesse</p>"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"From: \nTo: <\nMessage-ID: <\n\n",
        b"From: =?utf-8?b?not-base64?= <@>\nSubject: =?nope?q?x?=\n\nx",
        b"Subject: =?utf-8?q?=ff=fe?=\nContent-Type: text/plain; charset=no-such\n\n\xe9t\xe9",
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nAAA",
        b"Content-Type: text/plain; charset*=utf-8''%FF\nFrom: a@b, c@d\n\n.",
        b"From: \xe9@\xe9.example\nReferences: " + b"<" * 10_000 + b"\n\n",
        b"Date: \nAuthentication-Results: ;;;\nAuto-Submitted:\n\n",
        b"From: " + b"(" * 5000 + b"a@b\nTo: " + b"(" * 5000 + b"\nReply-To: " + b"(" * 5000 + b"\n\nx",
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(3000)) + b"\nx",
    ],
)
def test_whatever_comes_is_read(raw: bytes) -> None:
    mail = read(raw, "mx.inn.example")
    assert HOUSE.message(mail, Wrote.CUSTOMER, "emily@example.com").text


def test_an_address_is_bare_and_lower_case() -> None:
    assert address('"Adams, Emily" <Emily@Example.com>') == "emily@example.com"
    assert address("undisclosed") == ""


@pytest.mark.parametrize(
    ("sender", "mark", "failed", "wrote"),
    [
        ("emily@example.com", None, False, Wrote.CUSTOMER),
        ("emily@example.com", MARK, False, Wrote.CUSTOMER),
        ("emily@example.com", None, True, None),
        ("support@inn.example", MARK, False, Wrote.US),
        ("support@inn.example", None, False, Wrote.STAFF),
        ("support@inn.example", MARK, True, None),
        ("people@people.example", None, False, Wrote.STAFF),
        ("people@people.example", MARK, False, Wrote.STAFF),
        ("mallory@example.com", None, False, None),
        ("", None, False, None),
    ],
)
def test_who_wrote(sender: str, mark: str | None, failed: bool, wrote: Wrote | None) -> None:
    mail = replace(read(PLAIN), sender=sender, mark=mark, failed_authentication=failed)
    assert HOUSE.wrote(mail, "emily@example.com") is wrote


def test_what_people_send_elsewhere_is_internal() -> None:
    mail = replace(read(PLAIN), sender="people@people.example", recipients=frozenset({"support@inn.example"}))
    assert not HOUSE.message(mail, Wrote.STAFF, "emily@example.com").public
    copied = replace(mail, recipients=frozenset({"support@inn.example", "emily@example.com"}))
    assert HOUSE.message(copied, Wrote.STAFF, "emily@example.com").public


def test_a_reply_says_what_it_is_and_is_found_again() -> None:
    letterhead = Letterhead("support@inn.example", "Inn, Support")
    envelope = letterhead.write("emily@example.com", "Re: Verspätet", WORDS, MARK, references=["a@x", "m1@example.com"])
    assert envelope.message_id == f"{MARK}@inn.example"
    sent = message_from_bytes(envelope.content, policy=policy.default)
    assert sent["From"] == '"Inn, Support" <support@inn.example>'
    assert sent["Auto-Submitted"] == "auto-replied"
    notice = letterhead.write("people@people.example", "For a person", WORDS, MARK, is_reply=False)
    assert message_from_bytes(notice.content)["Auto-Submitted"] == "auto-generated"
    assert sent["X-Auto-Response-Suppress"] == "All"
    assert sent["In-Reply-To"] == "<m1@example.com>"
    assert sent["References"] == "<a@x> <m1@example.com>"
    assert sent["Precedence"] is None
    again = read(envelope.content)
    assert again.ref == envelope.message_id
    assert again.mark == MARK
    assert marks_in(HOUSE.message(again, Wrote.US, "emily@example.com").text) == {MARK}
    assert {part.get_content_type() for part in sent.walk()} == {"multipart/alternative", "text/plain", "text/html"}


def test_a_mail_of_ours_whose_id_was_replaced_on_the_way_is_known() -> None:
    envelope = Letterhead("support@inn.example", "").write("emily@example.com", "x", WORDS, MARK)
    rewritten = envelope.content.replace(f"<{MARK}@inn.example>".encode(), b"<0100018@relay.example>")
    assert read(rewritten).mark == MARK


def test_a_subject_cant_add_a_header_and_an_id_stays_whole() -> None:
    long_id = "a" * 140 + "@x"
    envelope = Letterhead("support@inn.example", "").write(
        "emily@example.com", "Hello\r\nBcc: all@example.com\x00", WORDS, MARK, references=[long_id] * 5
    )
    sent = message_from_bytes(envelope.content, policy=policy.default)
    assert sent["Bcc"] is None
    assert sent["Subject"] == "Hello Bcc: all@example.com"
    assert f"In-Reply-To: <{long_id}>\r\n".encode() in envelope.content
    assert all(len(line) <= 998 for line in envelope.content.split(b"\r\n"))


def test_one_re_is_enough() -> None:
    assert subject_of_reply("Late parcel") == "Re: Late parcel"
    assert subject_of_reply("RE: Late parcel") == "RE: Late parcel"
    assert subject_of_reply(None) == "Re:"


def test_a_note_has_the_conversation_as_text() -> None:
    told = [(True, "<b>Where</b>\nis it?"), (False, "Soon.")]
    words = with_conversation(WORDS, "emily@example.com", "support@inn.example", told)
    assert "> <b>Where</b>\n> is it?" in words.text
    assert "emily@example.com" in words.text
    assert "&lt;b&gt;Where&lt;/b&gt;<br>is it?" in words.html
    assert "<b>" not in words.html
    assert marks_in(words.text) == {MARK}


@pytest.mark.parametrize(
    "more",
    [
        {"address": "support"},
        {"address": "a b@inn.example"},
        {"imap": "http://mail"},
        {"smtp": "smtp://mail/path"},
        {"handoff_to": {"": "people"}},
        {"stop_keyword": "a b"},
        {"stop_keyword": "x)"},
    ],
)
def test_settings_that_cant_be_are_refused(more: dict[str, object]) -> None:
    good = {"system": "email", "address": "support@inn.example", "imap": "imaps://mail", "smtp": "smtps://mail", "password": "p"}
    EmailSettings(**good, stop_keyword=r"\Flagged")
    with pytest.raises(ValidationError):
        EmailSettings(**good | more)
