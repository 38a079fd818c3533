"""A mailbox as a helpdesk: polled over IMAP, answered over SMTP. The mailbox is the truth, nothing is remembered elsewhere.

Source: RFC 5322 (threading), RFC 3834 (automatic answers), RFC 9051 (IMAP: UIDVALIDITY, keywords).
- Our mails have a Message-ID that is made of the mark, and a copy of each goes to ourselves. So one that went out just before
  the connection was cut is found in the inbox, even if it never came into the folder of sent mails.
- An answer goes to the address that the customer's mails are from, never to a Reply-To: whoever can forge the one could have
  the other's conversation sent to himself.
- What a hand-off leaves is a keyword on the conversation's first mail, which most mail programs show as a tag or label.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.mail_writing import Envelope, Letterhead, subject_of_reply, with_conversation
from agent.channels.helpdesks.mailbox import Folders, Mailbox
from agent.channels.helpdesks.mails import House, Mail
from agent.channels.helpdesks.marks import without_marks
from agent.channels.helpdesks.threads import Thread, Threads
from agent.channels.helpdesks.types import (
    Contact,
    DeskTicket,
    Finding,
    Hint,
    News,
    Owner,
    PolledHelpdesk,
    Setup,
    System,
    Words,
    Wrote,
)
from agent.errors import AgentError, HelpdeskRefused, TicketMissing
from agent.helpdesk_settings import EmailSettings

SEEN = r"\Seen"
MAX_REFERENCES = 12
MAX_NEWS = 100
"""Mails that one poll takes up; the next goes on from there, so that a flood neither fills the memory nor begins anew."""


class EmailDesk:
    """`PolledHelpdesk` by a mailbox."""

    def __init__(self, source: str, settings: EmailSettings) -> None:
        self._settings = settings
        self._address = settings.address.lower()
        self._mailbox = Mailbox(source, settings)
        self._house = House(self._address, frozenset(one.lower() for one in settings.handoff_to.values()) - {self._address})
        self._letterhead = Letterhead(settings.address, settings.name)

    @property
    def poll_s(self) -> float:
        """Seconds between two polls."""
        return self._settings.poll_s

    async def aclose(self) -> None:
        """Every call has closed its own connection."""

    async def poll(self, cursor: str | None) -> News:
        """A hint for each new mail of a customer's. The cursor is UIDVALIDITY, the highest UID seen, and the day."""
        return await self._mailbox.read(lambda folders: self._poll(folders, cursor))

    async def read(self, ticket_id: str) -> DeskTicket:
        """The conversation whose first mail this is."""
        thread = await self._mailbox.read(lambda folders: self._threads(folders).read(ticket_id))
        if thread is None:
            raise TicketMissing("the first mail of the conversation is not in the mailbox any more")
        return self._ticket(ticket_id, thread)

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A mail to the customer that answers his newest one."""
        envelope = self._letterhead.write(
            ticket.known["to"], subject_of_reply(ticket.subject), words, mark, references=ticket.known["references"]
        )
        await self._send(envelope)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A mail with the conversation to the people who take over; if there are none, to this mailbox."""
        told = [(m.wrote is Wrote.CUSTOMER, without_marks(m.text)) for m in ticket.messages if m.public]
        words = with_conversation(words, ticket.known["to"], self._settings.address, told)
        envelope = self._letterhead.write(
            self._people(words.meant_for) if words.meant_for else ticket.known["people"],
            f"For a person: {ticket.subject or ''}",
            words,
            mark,
            references=ticket.known["references"],
            is_reply=False,
            reply_to=ticket.known["reply_to"],
        )
        await self._send(envelope)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """The keyword on the first mail; the note has gone to the queue's people."""
        await self._mailbox.read(lambda folders: self._give_over(folders, ticket.ticket_id))

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A mail to the people who take over. Their answers go to the customer, and here, too, to be seen."""
        if contact.email is None:
            raise HelpdeskRefused("a conversation by e-mail needs the customer's e-mail address")
        reply_to = (contact.email, self._settings.address)
        envelope = self._letterhead.write(self._people(words.meant_for), subject, words, mark, is_reply=False, reply_to=reply_to)
        await self._send(envelope)
        return envelope.message_id

    async def check(self) -> list[Finding]:
        """Both logins, both folders, whether keywords are kept, whether the people's addresses are taken."""
        checks = Checks()
        if await checks.ok("mailbox", lambda: self._mailbox.read(lambda folders: len(folders.client.list_folders())), _folders):
            for folder in (self._settings.inbox, self._settings.sent):
                await self._check_folder(checks, folder)
        await checks.ok("mail server", self._refused, self._tell_refused)
        return checks.findings

    # What the methods above are made of.

    def _threads(self, folders: Folders) -> Threads:
        return Threads(folders, self._house, self._settings.inbox, self._settings.sent)

    def _poll(self, folders: Folders, cursor: str | None) -> News:
        told = folders.select(self._settings.inbox)
        validity, ahead = int(told[b"UIDVALIDITY"]), int(told[b"UIDNEXT"])
        today = datetime.now(UTC).date()
        if cursor is None:
            return News((), f"{validity} {ahead - 1} {today}")
        known_validity, seen, day = cursor.split(" ")
        last = int(seen)
        if int(known_validity) == validity:
            uids = [one for one in folders.client.search(["UID", f"{last + 1}:*"]) if one > last]
        else:
            # The server has numbered its mails anew. What is found twice has the same Message-ID, and is told once.
            uids, last = folders.client.search(["SINCE", date.fromisoformat(day) - timedelta(days=1)]), 0
        uids = sorted(uids)
        newest = uids[MAX_NEWS - 1] if len(uids) > MAX_NEWS else max([last, ahead - 1, *uids])
        mails = folders.fetch(self._settings.inbox, uids[:MAX_NEWS], headers_only=True)
        threads = self._threads(folders)
        hints = [Hint(mail.ref, threads.root(mail).ref) for mail in mails if self._is_news(mail)]
        if copies := [mail for mail in mails if mail.mark and self._is_from_us(mail) and self._address not in mail.recipients]:
            folders.mark(copies, SEEN)
        return News(tuple(hints), f"{validity} {newest} {today}")

    def _is_news(self, mail: Mail) -> bool:
        """True for a customer's. What the people who take over send here are answers to us or to customers."""
        return mail.sender not in {"", *self._house.all} and not mail.automatic

    def _is_from_us(self, mail: Mail) -> bool:
        return mail.sender == self._address

    def _ticket(self, ticket_id: str, thread: Thread) -> DeskTicket:
        mails = [mail for mail, _ in thread.mails]
        asked = [mail for mail, wrote in thread.mails if wrote is Wrote.CUSTOMER and not mail.automatic]
        answered = asked[-1] if asked else thread.root
        ids = [one for one in (*answered.references, answered.ref) if "@" in one]
        stop = self._settings.stop_keyword.lower()
        is_persons = any(stop in {flag.lower() for flag in mail.flags} for mail in mails)
        # Once people were told of it, the same ones are told of what comes after.
        told = [mail for mail, wrote in thread.mails if wrote is Wrote.US and thread.customer not in mail.recipients]
        people = sorted(told[-1].recipients & self._house.all) if told else []
        is_opened_by_us = thread.root.sender == self._address
        known: dict[str, Any] = {
            "to": thread.customer,
            "people": people[0] if people else self._people(None),
            "reply_to": (thread.customer, self._settings.address) if is_opened_by_us else (),
            "references": ids if len(ids) <= MAX_REFERENCES else [ids[0], *ids[1 - MAX_REFERENCES :]],
        }
        return DeskTicket(
            ticket_id=ticket_id,
            subject=thread.root.subject or None,
            messages=tuple(self._house.message(mail, wrote, thread.customer) for mail, wrote in thread.mails),
            owner=Owner.PERSON if is_persons else Owner.US,
            known=known,
        )

    async def _send(self, envelope: Envelope) -> None:
        await self._mailbox.send(envelope)
        await self._mailbox.read(lambda folders: folders.keep(self._settings.sent, envelope))

    def _people(self, queue: str | None) -> str:
        return self._settings.handoff_to.get(queue or "") or self._settings.handoff_to.get("") or self._settings.address

    def _give_over(self, folders: Folders, ticket_id: str) -> None:
        root = self._threads(folders).first(ticket_id)
        if root is None:
            raise TicketMissing("the first mail of the conversation is not in the mailbox any more")
        if not folders.mark([root], self._settings.stop_keyword):
            raise HelpdeskRefused(
                f"the mail server keeps no keyword {self._settings.stop_keyword!r}: set stop_keyword to one that it keeps, such "
                r"as \Flagged"
            )

    async def _check_folder(self, checks: Checks, name: str) -> None:
        def look(folders: Folders) -> str:
            kept = {str(one.decode()).lower() for one in folders.select(name, writable=True).get(b"PERMANENTFLAGS", ())}
            stop = self._settings.stop_keyword
            if kept and not {r"\*", stop.lower()} & kept:
                raise AgentError(rf"keeps no keyword {stop!r}: set stop_keyword to one that it keeps, such as \Flagged")
            return f"found, and keeps the keyword {stop}"

        await checks.ok(f"folder {name}", lambda: self._mailbox.read(look), str)

    async def _refused(self) -> list[str]:
        return await self._mailbox.try_recipients(sorted({self._settings.address, *self._settings.handoff_to.values()}))

    def _tell_refused(self, refused: list[str]) -> str:
        if refused:
            raise AgentError(f"takes no mail to {', '.join(refused)}: correct handoff_to")
        return "login works, and it takes mail to everybody who is named"


def _folders(count: int) -> str:
    return f"login works, {count} folders"


def setup(settings: EmailSettings) -> Setup:
    """Nothing but the people's mail program."""
    people = ", ".join(sorted({*settings.handoff_to.values()})) or settings.address
    return Setup(
        steps=(
            f"Give Innkeeper the mailbox {settings.address}; people may work in it, too. It is read every {settings.poll_s:g} s.",
            "In the mail server, let no other program answer its mails, and sort no mail away before it is answered.",
            f"Hand-offs and drafts go to {people}. Answer the customer from {settings.address}, so that the answer lies in "
            f"{settings.sent}; once a person has answered, Innkeeper is silent there.",
            f"A conversation with the tag (keyword) {settings.stop_keyword} on a mail is a person's. Remove it to give it back.",
            *(
                ()
                if settings.authserv
                else ("Set authserv if your mail server checks senders (DMARC) and says so in the mails.",)
            ),
        )
    )


SYSTEM = System("email", EmailDesk, None, setup, notes_decide=False)
_: type[PolledHelpdesk] = EmailDesk
