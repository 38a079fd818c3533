"""The mailbox as a helpdesk, over a small IMAP server and a real Dovecot: whose mails are one conversation, and whose are not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from agent.channels.helpdesks import mailbox
from agent.channels.helpdesks.email_desk import MAX_NEWS, EmailDesk
from agent.channels.helpdesks.types import Contact, Hint, Owner, Words, Wrote
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from tests.contract.helpdesks.post_office import ADDRESS, PostOffice, dovecot, has_dovecot, made_certificate, small
from tests.contract.helpdesks.small_imap import VALIDITY, Folder

EMILY = "Emily Adams <emily@example.com>"
MARK, NOTE_MARK = "IK-0123456789AB", "IK-BA9876543210"
WORDS = Words(f"It left today.\n\nRef. {MARK}", f"<p>It left today.</p><p>Ref. {MARK}</p>")
NOTE = Words(f"Please look.\n\nRef. {NOTE_MARK}", f"<p>Please look.</p><p>Ref. {NOTE_MARK}</p>", "billing")
ROOT = "m1@example.com"


@pytest.fixture(
    params=[
        "small",
        pytest.param(
            "dovecot",
            marks=[pytest.mark.slow, pytest.mark.skipif(not has_dovecot(), reason="dovecot-imapd is not installed")],
        ),
    ]
)
async def office(request: pytest.FixtureRequest) -> AsyncIterator[PostOffice]:
    async with dovecot() if request.param == "dovecot" else small({"INBOX": Folder(), "Sent": Folder()}) as started:
        yield started


@asynccontextmanager
async def desk(office: PostOffice, **more: object) -> AsyncIterator[EmailDesk]:
    helpdesk = EmailDesk("mail", office.settings(**more))
    yield helpdesk
    await helpdesk.aclose()


def mail(text: str, message_id: str | None, sender: str = EMILY, to: str = ADDRESS, *refers: str, **more: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, more.pop("subject", "Late parcel")
    if message_id:
        message["Message-ID"] = f"<{message_id}>"
    if refers:
        message["In-Reply-To"] = f"<{refers[-1]}>"
        message["References"] = " ".join(f"<{one}>" for one in refers)
    for name, value in more.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes(policy=policy.SMTP)


async def first_poll(helpdesk: EmailDesk) -> str:
    news = await helpdesk.poll(None)
    assert news.hints == ()
    return news.cursor


async def heard(helpdesk: EmailDesk, cursor: str) -> list[tuple[str, str]]:
    return [(one.delivery, one.ticket_id) for one in (await helpdesk.poll(cursor)).hints]


async def test_what_is_there_before_polling_begins_is_left_alone(office: PostOffice) -> None:
    await office.put(mail("Old", "old@example.com"))
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        assert (await helpdesk.poll(cursor)).hints == ()
        await office.put(mail("New", ROOT))
        news = await helpdesk.poll(cursor)
        assert news.hints == (Hint(ROOT, ROOT),)
        assert (await helpdesk.poll(news.cursor)).hints == ()
        assert (await helpdesk.poll(cursor)).hints == news.hints


async def test_a_conversation_is_read_from_both_folders_in_order(office: PostOffice) -> None:
    await office.put(mail("Where is it?", ROOT))
    async with desk(office) as helpdesk:
        ticket = await helpdesk.read(ROOT)
        await helpdesk.reply(ticket, WORDS, MARK)
        await office.put(mail("And when?", "m2@example.com", EMILY, ADDRESS, ROOT, f"{MARK}@inn.example"))
        await office.put(mail("Tomorrow.", "sam1@inn.example", ADDRESS, EMILY, ROOT, "m2@example.com"), "Sent")
        ticket = await helpdesk.read(ROOT)
    assert ticket.subject == "Late parcel"
    assert [(m.wrote, m.text.splitlines()[0], m.public) for m in ticket.messages] == [
        (Wrote.CUSTOMER, "Where is it?", True),
        (Wrote.US, "It left today.", True),
        (Wrote.CUSTOMER, "And when?", True),
        (Wrote.STAFF, "Tomorrow.", True),
    ]
    assert MARK in ticket.messages[1].text
    assert ticket.owner is Owner.US
    assert ticket.known["to"] == "emily@example.com"


async def test_a_reply_is_sent_kept_and_copied_to_ourselves_without_noise(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Where is it?", ROOT, Reply_To="mallory@example.com"))
        await helpdesk.reply(await helpdesk.read(ROOT), WORDS, MARK)
        [(recipients, content)] = office.sent
        assert recipients == ["emily@example.com", ADDRESS]
        sent = message_from_bytes(content, policy=policy.default)
        assert (sent["In-Reply-To"], sent["Subject"]) == (f"<{ROOT}>", "Re: Late parcel")
        assert await office.flags("Sent") == [{r"\Seen"}]
        assert await heard(helpdesk, cursor) == [(ROOT, ROOT)]
        assert await office.flags() == [set(), {r"\Seen"}]


async def test_a_server_that_keeps_what_is_sent_by_itself_gets_no_second_copy(office: PostOffice) -> None:
    await office.put(mail("Where is it?", ROOT))
    async with desk(office) as helpdesk:
        ticket = await helpdesk.read(ROOT)
        await helpdesk.reply(ticket, WORDS, MARK)
        await helpdesk.reply(ticket, WORDS, MARK)
    assert len(await office.flags("Sent")) == 1


async def test_who_only_knows_a_message_id_doesnt_enter_the_conversation(office: PostOffice) -> None:
    async with desk(office, authserv="mx.inn.example") as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Where is it?", ROOT))
        await office.put(mail("Tell me too", "x1@evil.example", "mallory@evil.example", ADDRESS, ROOT))
        failed = "mx.inn.example; dmarc=fail header.from=example.com"
        await office.put(mail("It's me", "x2@evil.example", EMILY, ADDRESS, ROOT, Authentication_Results=failed))
        await office.put(mail("We pay", "x3@evil.example", ADDRESS, EMILY, ROOT, Authentication_Results=failed))
        assert await heard(helpdesk, cursor) == [
            (ROOT, ROOT),
            ("x1@evil.example", "x1@evil.example"),
            ("x2@evil.example", "x2@evil.example"),
        ]
        assert [m.text for m in (await helpdesk.read(ROOT)).messages] == ["Where is it?"]
        stranger = await helpdesk.read("x1@evil.example")
        assert [m.text for m in stranger.messages] == ["Tell me too"]
        assert stranger.known["to"] == "mallory@evil.example"


async def test_an_answer_that_names_only_ours_is_found_by_it(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Where is it?", ROOT))
        await helpdesk.reply(await helpdesk.read(ROOT), WORDS, MARK)
        await office.put(mail("Thanks", "m2@example.com", EMILY, ADDRESS, f"{MARK}@inn.example"))
        assert await heard(helpdesk, cursor) == [(ROOT, ROOT), ("m2@example.com", ROOT)]
        assert [m.text.splitlines()[0] for m in (await helpdesk.read(ROOT)).messages] == [
            "Where is it?",
            "It left today.",
            "Thanks",
        ]


async def test_an_answer_to_a_persons_mail_has_that_mail_with_it(office: PostOffice) -> None:
    await office.put(mail("Your room is ready.", "sam1@inn.example", ADDRESS, EMILY), "Sent")
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Which floor?", ROOT, EMILY, ADDRESS, "sam1@inn.example"))
        assert await heard(helpdesk, cursor) == [(ROOT, ROOT)]
        ticket = await helpdesk.read(ROOT)
    assert [m.wrote for m in ticket.messages] == [Wrote.STAFF, Wrote.CUSTOMER]


async def test_people_who_take_over_are_never_customers(office: PostOffice) -> None:
    people = "Sam <People@people.example>"
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Where is it?", ROOT))
        await office.put(mail("Who knows?", "p1@people.example", people, ADDRESS, ROOT))
        await office.put(mail("It is here.", "p2@people.example", people, f"{EMILY}, {ADDRESS}", ROOT))
        assert await heard(helpdesk, cursor) == [(ROOT, ROOT)]
        ticket = await helpdesk.read(ROOT)
    assert [(m.wrote, m.public) for m in ticket.messages] == [
        (Wrote.CUSTOMER, True),
        (Wrote.STAFF, False),
        (Wrote.STAFF, True),
    ]


async def test_automatic_mails_and_bounces_are_no_news(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Away", "a1@example.com", Auto_Submitted="auto-replied"))
        await office.put(mail("Not delivered", "a2@example.com", "MAILER-DAEMON@example.com"))
        await office.put(mail("News", "a3@example.com", List_Id="<news.example.com>"))
        await office.put(mail("From nobody", "a4@example.com", "undisclosed"))
        assert await heard(helpdesk, cursor) == []


async def test_a_mail_without_an_id_is_a_conversation_of_its_own(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("No id", None))
        [(delivery, ticket_id)] = await heard(helpdesk, cursor)
        assert delivery == ticket_id
        assert ticket_id.startswith("uid-")
        ticket = await helpdesk.read(ticket_id)
        await helpdesk.reply(ticket, WORDS, MARK)
        await helpdesk.hand_off(ticket, None)
        assert (await helpdesk.read(ticket_id)).owner is Owner.PERSON
    assert message_from_bytes(office.sent[0][1])["References"] is None


async def test_a_note_goes_to_its_queues_people_and_a_hand_off_tags_the_first_mail(office: PostOffice) -> None:
    await office.put(mail("Where is <b>it</b>?", ROOT))
    people = {"billing": "billing@people.example", "": "people@people.example"}
    async with desk(office, handoff_to=people) as helpdesk:
        ticket = await helpdesk.read(ROOT)
        await helpdesk.note(ticket, NOTE, NOTE_MARK)
        await helpdesk.hand_off(ticket, "billing")
        await helpdesk.hand_off(ticket, "billing")
        ticket = await helpdesk.read(ROOT)
        assert ticket.owner is Owner.PERSON
        assert [(m.wrote, m.public) for m in ticket.messages] == [(Wrote.CUSTOMER, True), (Wrote.US, False)]
        assert NOTE_MARK in ticket.messages[1].text
        [(recipients, content)] = office.sent
        assert recipients == ["billing@people.example", ADDRESS]
        assert "Where is <b>it</b>?" in message_from_bytes(content, policy=policy.default).get_body(("plain",)).get_content()
        assert "ai-handoff" in (await office.flags())[0]
        await office.tag("ai-handoff", on=False)
        assert (await helpdesk.read(ROOT)).owner is Owner.US


async def test_a_tag_on_any_mail_of_the_conversation_makes_it_a_persons(office: PostOffice) -> None:
    await office.put(mail("Where is it?", ROOT))
    await office.put(mail("Hello?", "m2@example.com", EMILY, ADDRESS, ROOT))
    async with desk(office, stop_keyword=r"\Flagged") as helpdesk:
        assert (await helpdesk.read(ROOT)).owner is Owner.US
        await office.tag(r"\Flagged", on=True)
        assert (await helpdesk.read(ROOT)).owner is Owner.PERSON


async def test_without_people_a_note_comes_into_the_mailbox_unread(office: PostOffice) -> None:
    async with desk(office, handoff_to={}) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Where is it?", ROOT))
        await helpdesk.note(await helpdesk.read(ROOT), NOTE, NOTE_MARK)
        assert [recipients for recipients, _ in office.sent] == [[ADDRESS]]
        assert await heard(helpdesk, cursor) == [(ROOT, ROOT)]
        assert await office.flags() == [set(), set()]


async def test_a_conversation_that_we_open_is_the_customers(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        opened = await helpdesk.open("From the chat", Contact("Emily", "Emily@example.com"), NOTE, NOTE_MARK)
        ticket = await helpdesk.read(opened)
        assert ticket.known["to"] == "emily@example.com"
        assert [(m.wrote, m.public) for m in ticket.messages] == [(Wrote.US, False)]
        await helpdesk.hand_off(ticket, None)
        assert (await helpdesk.read(opened)).owner is Owner.PERSON
        assert message_from_bytes(office.sent[0][1])["Reply-To"] == f"Emily@example.com, {ADDRESS}"
        people = "people@people.example"
        await office.put(mail("I'm looking.", "p1@people.example", people, f"Emily@example.com, {ADDRESS}", opened))
        ticket = await helpdesk.read(opened)
        assert [(m.wrote, m.public) for m in ticket.messages] == [(Wrote.US, False), (Wrote.STAFF, True)]
        cursor = await first_poll(helpdesk)
        await office.put(mail("Thank you!", "m1@example.com", EMILY, f"{people}, {ADDRESS}", opened, "p1@people.example"))
        assert await heard(helpdesk, cursor) == [("m1@example.com", opened)]
        await office.put(mail("Are you there?", "m2@example.com", EMILY, ADDRESS, "p1@people.example"))
        assert await heard(helpdesk, cursor) == [("m1@example.com", opened), ("m2@example.com", opened)]
        assert [m.wrote for m in (await helpdesk.read(opened)).messages][2:] == [Wrote.CUSTOMER, Wrote.CUSTOMER]
        await helpdesk.note(ticket, replace(NOTE, meant_for=None), MARK)
        assert office.sent[1][0] == [people, ADDRESS]
        assert "emily@example.com" in message_from_bytes(office.sent[1][1])["Reply-To"]
        with pytest.raises(HelpdeskRefused):
            await helpdesk.open("From the chat", Contact("Emily"), NOTE, NOTE_MARK)
        for odd in ("a@b\r\nBcc: all@example.com", "Emily <emily@example.com>", "émily@example.com", "x"):
            with pytest.raises(HelpdeskRefused):
                await helpdesk.open("From the chat", Contact("Emily", odd), NOTE, NOTE_MARK)


async def test_a_mail_that_its_customer_cant_get_leaves_no_copy_that_looks_sent(office: PostOffice) -> None:
    await office.put(mail("Where is it?", ROOT))
    office.unknown.add("emily@example.com")
    async with desk(office) as helpdesk:
        ticket = await helpdesk.read(ROOT)
        with pytest.raises(HelpdeskRefused):
            await helpdesk.reply(ticket, WORDS, MARK)
        assert len((await helpdesk.read(ROOT)).messages) == 1
    assert office.sent == []


async def test_a_copy_that_the_server_wont_take_stops_no_reply(office: PostOffice) -> None:
    await office.put(mail("Where is it?", ROOT))
    office.unknown.add(ADDRESS)
    async with desk(office) as helpdesk:
        await helpdesk.reply(await helpdesk.read(ROOT), WORDS, MARK)
        assert [m.wrote for m in (await helpdesk.read(ROOT)).messages] == [Wrote.CUSTOMER, Wrote.US]


async def test_a_big_mail_is_read_by_its_beginning(office: PostOffice) -> None:
    message = message_from_bytes(mail("Look at this.", ROOT), policy=policy.SMTP)
    message.add_attachment(b"x" * 3_000_000, maintype="application", subtype="octet-stream", filename="big.bin")
    await office.put(message.as_bytes())
    async with desk(office) as helpdesk:
        assert [m.text for m in (await helpdesk.read(ROOT)).messages] == ["Look at this."]


async def test_many_mails_are_one_conversation_still(office: PostOffice) -> None:
    start = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    ids = [ROOT, *(f"m{number}@example.com" for number in range(2, 31))]
    for number, one in enumerate(ids):
        await office.put(mail(f"Word {number}", one, EMILY, ADDRESS, *ids[:number]), at=start + timedelta(minutes=number))
    async with desk(office) as helpdesk:
        assert [m.text for m in (await helpdesk.read(ROOT)).messages] == [f"Word {number}" for number in range(30)]


async def test_what_is_gone_is_missing(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        for ticket_id in ("gone@example.com", "uid-1-1", "uid-x-y", ""):
            with pytest.raises(TicketMissing):
                await helpdesk.read(ticket_id)


async def test_the_check_tells_what_is_wrong(office: PostOffice) -> None:
    async with desk(office) as helpdesk:
        assert [one.detail for one in await helpdesk.check() if not one.ok] == []
    async with desk(office, sent="Gesendet") as helpdesk:
        assert [one.name for one in await helpdesk.check() if not one.ok] == ["folder Gesendet"]
    async with desk(office, smtp="smtp://127.0.0.1:1") as helpdesk:
        assert [one.name for one in await helpdesk.check() if not one.ok] == ["mail server"]
    office.unknown.add("people@people.example")
    async with desk(office) as helpdesk:
        [finding] = [one for one in await helpdesk.check() if not one.ok]
        assert "people@people.example" in finding.detail


async def test_when_the_server_numbers_its_mails_anew_nothing_is_lost() -> None:
    inbox = Folder()
    async with small({"INBOX": inbox, "Sent": Folder()}) as office, desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        await office.put(mail("Before", ROOT))
        cursor = (await helpdesk.poll(cursor)).cursor
        inbox.validity = VALIDITY + 1
        inbox.next_uid = 1
        inbox.mails.clear()
        await office.put(mail("Before", ROOT))
        await office.put(mail("Meanwhile", "m2@example.com"))
        news = await helpdesk.poll(cursor)
        assert [one.delivery for one in news.hints] == [ROOT, "m2@example.com"]
        assert news.cursor.startswith(f"{VALIDITY + 1} 2 ")


async def test_many_mails_at_once_are_taken_up_in_part_and_none_is_lost() -> None:
    async with small({"INBOX": Folder(), "Sent": Folder()}) as office, desk(office) as helpdesk:
        cursor = await first_poll(helpdesk)
        sent = [f"m{number}@example.com" for number in range(MAX_NEWS + 3)]
        for one in sent:
            await office.put(mail("Where is it?", one))
        first = await helpdesk.poll(cursor)
        second = await helpdesk.poll(first.cursor)
        assert [len(first.hints), len(second.hints)] == [MAX_NEWS, 3]
        assert [one.delivery for one in (*first.hints, *second.hints)] == sent
        assert (await helpdesk.poll(second.cursor)).hints == ()


async def test_a_server_that_keeps_no_keywords_is_told() -> None:
    async with small({"INBOX": Folder(keeps_keywords=False), "Sent": Folder()}) as office:
        await office.put(mail("Where is it?", ROOT))
        async with desk(office) as helpdesk:
            assert any("keyword" in one.detail for one in await helpdesk.check() if not one.ok)
            with pytest.raises(HelpdeskRefused, match="keyword"):
                await helpdesk.hand_off(await helpdesk.read(ROOT), None)
        async with desk(office, stop_keyword=r"\Flagged") as helpdesk:
            await helpdesk.hand_off(await helpdesk.read(ROOT), None)
            assert (await helpdesk.read(ROOT)).owner is Owner.PERSON


async def test_a_password_goes_to_no_other_machine_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "LOOPBACK", frozenset())
    async with small({"INBOX": Folder(), "Sent": Folder()}) as office:
        async with desk(office) as helpdesk:
            with pytest.raises(HelpdeskUnavailable, match="encryption"):
                await helpdesk.poll(None)
            assert [one.ok for one in await helpdesk.check()] == [False, False]
        async with desk(office, allow_plain=True) as helpdesk:
            assert [one for one in await helpdesk.check() if not one.ok] == []


async def test_encrypted_servers_must_be_who_they_say(office: PostOffice, tmp_path: Path) -> None:
    """Dovecot's by STARTTLS, the small one's from the start."""
    async with small({"INBOX": Folder(), "Sent": Folder()}, made_certificate(tmp_path)) as other:
        encrypted = office if office.ca_file else other
        async with desk(encrypted) as helpdesk:
            assert [one.detail for one in await helpdesk.check() if not one.ok] == []
        async with desk(encrypted, ca_file=None) as helpdesk:
            findings = await helpdesk.check()
    assert [one.ok for one in findings] == [False, False]
    assert all("SSLCertVerificationError" in one.detail for one in findings)
