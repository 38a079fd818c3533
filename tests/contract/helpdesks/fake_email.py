"""A mail server with one mailbox that people work in, too: SMTP takes and delivers, IMAP shows."""

import asyncio
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, ClassVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from fastapi import FastAPI, Request

from agent.helpdesk_settings import EmailSettings
from tests.contract.helpdesks.fake_desk import EMAIL, NAME, Entry, FakeDesk, FakeTicket, Fault, Webhook
from tests.contract.helpdesks.small_imap import Folder, SmallImap

ADDRESS = "support@inn.example"
PASSWORD = "pa55-of-the-assistant"
BILLING, PEOPLE = "billing@people.example", "people@people.example"
KNOWN = {ADDRESS, EMAIL, BILLING, PEOPLE}
REFUSED = {Fault.REFUSE: "NO [UNAVAILABLE] try later", Fault.DENY: "NO [NOPERM] not now"}


class FakeEmail(FakeDesk):
    system = "email"
    polled = True
    address = "imap://mail.internal smtp://mail.internal"
    wrong: ClassVar = {"password": "another-password"}
    wrong_word = "password"
    elsewhere: ClassVar = {"handoff_to": {"billing": "999999@people.example"}}

    def __init__(self) -> None:
        super().__init__()
        self.folders = {"INBOX": Folder(), "Sent": Folder(), "Archive": Folder()}
        self._of: dict[str, int] = {}  # ticket of each Message-ID

    def settings(self, url: str) -> EmailSettings:
        imap, smtp = url.split()
        return EmailSettings(
            system="email",
            address=ADDRESS,
            name="Inn & Co, support",
            imap=imap,
            smtp=smtp,
            password=PASSWORD,
            handoff_to={"billing": BILLING, "": PEOPLE},
            timeout_s=self.timeout_s,
        )

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        imap = SmallImap(self.folders, (ADDRESS, PASSWORD), self._tick, self._before, self._after, lambda: self.is_down)
        smtp = await asyncio.get_running_loop().create_server(self._smtp, "127.0.0.1", 0)
        async with imap.served() as port:
            yield f"imap://127.0.0.1:{port} smtp://127.0.0.1:{smtp.sockets[0].getsockname()[1]}"
            smtp.close()

    # People.

    def add(self, ticket: FakeTicket, wrote: str, text: str, **more: Any) -> Entry:
        self._drop_what_is_gone()
        entry = super().add(ticket, wrote, text, **more)
        if wrote == "customer":
            self._deliver(ticket, self._mail(ticket, entry, f"{NAME} <{ticket.email}>", ADDRESS), "INBOX")
        elif wrote == "staff" and entry.public:
            self._deliver(ticket, self._mail(ticket, entry, ADDRESS, ticket.email), "Sent", r"\Seen")
        elif wrote == "staff":
            self._deliver(ticket, self._mail(ticket, entry, f"Sam <{PEOPLE}>", ADDRESS), "INBOX")
        return entry

    def take_over(self, ticket_id: int) -> None:
        self._mails(ticket_id)[-1].flags.add("ai-handoff")

    def is_handed_off(self, ticket: FakeTicket) -> bool:
        return any("ai-handoff" in mail.flags for mail in self._mails(ticket.id))

    def gives_back(self, ticket: FakeTicket) -> bool:
        for mail in self._mails(ticket.id):
            mail.flags.discard("ai-handoff")
        return True

    def remove(self, ticket_id: int) -> None:
        super().remove(ticket_id)
        self._drop_what_is_gone()

    def id_of(self, ticket_id: int) -> str:
        return next(one for one, of in self._of.items() if of == ticket_id).strip("<>")

    def ticket_with(self, ticket_id: str) -> FakeTicket:
        return self.tickets[self._of[f"<{ticket_id}>"]]

    # The mail server.

    def _mail(self, ticket: FakeTicket, entry: Entry, sender: str, to: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, to
        before = [one for one, of in self._of.items() if of == ticket.id]
        mail["Subject"] = entry.subject or (f"Re: {ticket.subject}" if before else ticket.subject)
        mail["Message-ID"] = f"<m{entry.id}@{sender.rstrip('>').rpartition('@')[2]}>"
        if before:
            mail["In-Reply-To"], mail["References"] = before[-1], " ".join(before)
        if entry.auto:
            mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(entry.text, subtype="html" if entry.html else "plain")
        return mail

    def _deliver(self, ticket: FakeTicket, mail: EmailMessage, folder: str, *flags: str) -> None:
        self._of[mail["Message-ID"]] = ticket.id
        self.folders[folder].add(mail.as_bytes(policy=policy.SMTP), self._now, *flags)

    def _mails(self, ticket_id: int) -> list[Any]:
        return [one for one in self.folders["INBOX"].mails if self._of.get(one.header("Message-ID")) == ticket_id]

    def _drop_what_is_gone(self) -> None:
        for folder in self.folders.values():
            folder.mails = [m for m in folder.mails if self._of.get(m.header("Message-ID"), -1) in {-1, *self.tickets}]

    def _tick(self) -> datetime:
        self._now += timedelta(seconds=20)
        return self._now

    def _smtp(self) -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it takes passwords without encryption
            return SMTP(
                _Handler(self),
                hostname="mail.inn.example",
                authenticator=_authenticate,
                auth_require_tls=False,
                auth_required=True,
                enable_SMTPUTF8=True,
            )

    def taken(self, content: bytes, recipients: list[str]) -> None:
        """A mail of ours, on its way to everybody."""
        mail = message_from_bytes(content, policy=policy.default)
        referred = [self._of[one] for one in str(mail["References"] or "").split() if one in self._of]
        if not referred:
            ticket = FakeTicket(next(self._ticket_ids), str(mail["Subject"]), email=EMAIL)
            self.tickets[ticket.id] = ticket
        else:
            ticket = self.tickets[referred[0]]
            assert str(mail["In-Reply-To"]) == str(mail["References"]).split()[-1]
        assert mail["Auto-Submitted"] in ("auto-replied", "auto-generated")
        assert mail["Return-Path"] is None
        if BILLING in recipients:
            ticket.group = "Billing"
        body = mail.get_body(("html",)).get_content()
        assert re.search(r"Ref\. IK-", mail.get_body(("plain",)).get_content())
        FakeDesk.add(self, ticket, "us", body, public=ticket.email in recipients, html=True)
        self._of.setdefault(str(mail["Message-ID"]), ticket.id)
        if ADDRESS in recipients:
            self.folders["INBOX"].add(content, self._now)

    async def _before(self, what: str) -> str | None:
        self._drop_what_is_gone()
        fault = self._fault(what)
        self._late = fault
        return REFUSED.get(fault) if fault else None

    async def _after(self, what: str) -> bool:
        if self._late is Fault.HANG:
            await asyncio.sleep(self.hang_s)
        return self._late is Fault.LOSE

    def _fault(self, what: str) -> Fault | None:
        return self.faults.pop(0) if self.faults and self.is_write(what) else None

    def is_write(self, request: Any) -> bool:
        return request in ("DATA", "APPEND", "STORE")

    # It has no API, and sends no webhooks.

    def is_ours(self, request: Request) -> bool:
        raise NotImplementedError

    def add_routes(self, app: FastAPI) -> None:
        raise NotImplementedError

    def webhook(self, ticket: FakeTicket, entry: Entry, delivery: str) -> Webhook:
        raise NotImplementedError


class _Handler:
    def __init__(self, desk: FakeEmail) -> None:
        self._desk = desk

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return ["421 4.3.2 down for maintenance"] if self._desk.is_down else responses

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address not in KNOWN:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        fault = self._desk._fault("DATA")
        if fault is Fault.REFUSE:
            return "451 4.3.0 try later"
        if fault is Fault.DENY:
            return "530 5.7.0 Authentication required"
        self._desk.taken(envelope.content, envelope.rcpt_tos)
        if fault is Fault.LOSE:
            server.transport.abort()
        if fault is Fault.HANG:
            await asyncio.sleep(self._desk.hang_s)
        return "250 2.0.0 queued"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (ADDRESS.encode(), PASSWORD.encode()), handled=False)
