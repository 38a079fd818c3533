"""A mailbox: IMAP to read and keep, SMTP to send. Each call has a connection and a thread of its own; failures are our errors.

Source: RFC 3501 and RFC 9051 (IMAP), RFC 5321 (SMTP), RFC 6409 and RFC 8314 (ports).
"""

import asyncio
import re
import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from agent.channels.helpdesks.http import tls
from agent.channels.helpdesks.mail_writing import Envelope
from agent.channels.helpdesks.mails import Mail, Place, flags_of, parse
from agent.errors import HelpdeskRefused, HelpdeskUnavailable
from agent.helpdesk_settings import EmailSettings

T = TypeVar("T")
PORTS = {"imap": 143, "imaps": 993, "smtp": 587, "smtps": 465}
MAX_BYTES = 262_144
"""Read of one mail: its text comes first, its files after it. A conversation of 200 mails must fit into the memory."""
IDS_AT_ONCE = 10
"""Of one search."""
CONNECTIONS = 4
"""At once; servers allow about ten for one user."""
BAD_LOGIN = frozenset({530, 534, 535, 538})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PLACE = re.compile(r"uid-(\d{1,12})-(\d{1,12})")
_log = structlog.get_logger(__name__)


class Mailbox:
    """Reads and sends as one user. Every method but the constructor raises `HelpdeskUnavailable` or `HelpdeskRefused`."""

    def __init__(self, source: str, settings: EmailSettings) -> None:
        """Connects to nothing yet. Raises `SettingsInvalid` for certificates that can't be used."""
        self.source = source
        self._settings = settings
        self._user = settings.user or settings.address
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._tls = tls(settings.ca_file)

    async def read(self, work: "Callable[[Folders], T]") -> T:
        """Do some work on the folders, by one connection, in a thread."""
        return await self._in_thread(partial(self._read, work))

    async def send(self, envelope: Envelope) -> None:
        """Hand a mail to the mail server, with a copy to ourselves."""
        await self._in_thread(partial(self._send, envelope))

    async def try_recipients(self, addresses: Sequence[str]) -> list[str]:
        """Log in to the mail server and ask whether it would take mail to these. Which it wouldn't. Sends nothing."""
        return await self._in_thread(partial(self._try_recipients, addresses))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._free:
            return await asyncio.to_thread(work)

    def _read(self, work: "Callable[[Folders], T]") -> T:
        with self._imap() as client:
            return work(Folders(client, self._settings))

    @contextmanager
    def _imap(self) -> Iterator[IMAPClient]:
        scheme, host, port = _parts(self._settings.imap)
        try:
            client = IMAPClient(host, port, ssl=scheme == "imaps", ssl_context=self._tls, timeout=self._settings.timeout_s)
            try:
                client.normalise_times = False
                if scheme == "imap":
                    self._secure(host, b"STARTTLS" in client.capabilities(), lambda: client.starttls(self._tls))
                client.login(self._user, self._settings.password.get_secret_value())
                yield client
            finally:
                with suppress(OSError, IMAPClientError):  # it may be cut already
                    client.logout()
                with suppress(OSError):
                    client.shutdown()
        except LoginError as error:
            raise HelpdeskUnavailable(
                f"the mailbox {self.source!r} refuses our login: the user or the password is wrong, or it is not allowed now"
            ) from error
        except (IMAPClientError, OSError, EOFError) as error:
            raise HelpdeskUnavailable(
                f"the mailbox {self.source!r} can't be used now ({scheme}://{host}:{port}): {type(error).__name__}"
            ) from error

    @contextmanager
    def _smtp(self) -> Iterator[smtplib.SMTP]:
        scheme, host, port = _parts(self._settings.smtp)
        # A name of our own, since the library would look this machine's up by DNS.
        more: dict[str, Any] = {"timeout": self._settings.timeout_s, "local_hostname": self._settings.address.rpartition("@")[2]}
        try:
            kind = partial(smtplib.SMTP_SSL, context=self._tls) if scheme == "smtps" else smtplib.SMTP
            with kind(host, port, **more) as client:
                client.ehlo()
                if scheme == "smtp":
                    self._secure(host, client.has_extn("starttls"), lambda: client.starttls(context=self._tls))
                    client.ehlo()
                if client.has_extn("auth"):
                    client.login(self._user, self._settings.password.get_secret_value())
                yield client
        except smtplib.SMTPAuthenticationError as error:
            raise HelpdeskUnavailable(
                f"the mail server of {self.source!r} refuses our login: the user or the password is wrong"
            ) from error
        except smtplib.SMTPResponseException as error:
            self._judge(error.smtp_code, error)
        except (smtplib.SMTPException, OSError, EOFError) as error:
            raise HelpdeskUnavailable(
                f"the mail server of {self.source!r} can't be used now ({scheme}://{host}:{port}): {type(error).__name__}"
            ) from error

    def _secure(self, host: str, is_offered: bool, start: Callable[[], object]) -> None:
        """Encrypt before the password goes out; only to this machine it may go without."""
        if is_offered:
            start()
        elif host not in LOOPBACK and not self._settings.allow_plain:
            raise HelpdeskUnavailable(
                f"the server {host} of {self.source!r} offers no encryption, so the password was not sent: "
                "use imaps:// and smtps://, or set allow_plain if the network is trusted"
            )

    def _send(self, envelope: Envelope) -> None:
        with self._smtp() as client:
            self._expect(client.mail(self._settings.address))
            # First the one who matters: a mail that only we got would look as if it had been sent.
            self._expect(client.rcpt(envelope.to))
            if envelope.to != self._settings.address and client.rcpt(self._settings.address)[0] not in (250, 251):
                _log.warning("no_copy_to_ourselves", source=self.source)
            self._expect(client.data(envelope.content))

    def _try_recipients(self, addresses: Sequence[str]) -> list[str]:
        with self._smtp() as client:
            self._expect(client.mail(self._settings.address))
            refused = [one for one in addresses if client.rcpt(one)[0] not in (250, 251)]
            client.rset()
            return refused

    def _expect(self, answer: tuple[int, bytes]) -> None:
        if not 200 <= answer[0] < 300:
            self._judge(answer[0], None)

    def _judge(self, code: int, cause: Exception | None) -> None:
        # Only the code is told: the words beside it may hold the customer's address.
        told = f"the mail server of {self.source!r} answered {code}"
        if code in BAD_LOGIN:
            raise HelpdeskUnavailable(f"{told}: it wants another login; check the user and the password") from cause
        if 500 <= code < 600:
            raise HelpdeskRefused(f"{told}: it won't take this mail") from cause
        raise HelpdeskUnavailable(f"{told}; it is tried again") from cause


class Folders:
    """The folders of a mailbox, by one connection. Blocking; raises what the library raises."""

    def __init__(self, client: IMAPClient, settings: EmailSettings) -> None:
        self.client = client
        self._authserv = settings.authserv
        self._selected: tuple[str, bool] | None = None
        self._validity = 0

    def select(self, folder: str, *, writable: bool = False) -> dict[bytes, Any]:
        """Open a folder; what the server says of it."""
        told: dict[bytes, Any] = self.client.select_folder(folder, readonly=not writable)
        self._selected = (folder, writable)
        self._validity = int(told.get(b"UIDVALIDITY", 0))
        return told

    def with_header(self, folder: str, names: Sequence[str], ids: Sequence[str]) -> list[int]:
        """UIDs of the mails that have one of the Message-IDs in one of these headers."""
        self._open(folder)
        found: dict[int, None] = {}
        terms = [("HEADER", name, f"<{one}>") for one in ids for name in names]
        for start in range(0, len(terms), IDS_AT_ONCE):
            some = terms[start : start + IDS_AT_ONCE]
            criteria = ["OR"] * (len(some) - 1) + [word for term in some for word in term]
            found |= dict.fromkeys(self.client.search(criteria))
        return list(found)

    def fetch(self, folder: str, uids: Sequence[int], *, headers_only: bool = False) -> list[Mail]:
        """The mails with these UIDs that are still there, in their order."""
        if not uids:
            return []
        self._open(folder)
        body = "BODY.PEEK[HEADER]" if headers_only else f"BODY.PEEK[]<0.{MAX_BYTES}>"
        answer = self.client.fetch(uids, ["INTERNALDATE", "FLAGS", body])
        mails = []
        for uid in sorted(uid for uid in answer if uid in set(uids)):
            got = answer[uid]
            raw = next((value for key, value in got.items() if key.startswith(b"BODY[")), None)
            if raw is None or b"INTERNALDATE" not in got:
                continue  # only news of its flags: it is gone
            place = Place(folder, self._validity, uid)
            mails.append(parse(raw, place, got[b"INTERNALDATE"], flags_of(got.get(b"FLAGS", ())), self._authserv))
        return mails

    def named(self, folder: str, ref: str) -> Mail | None:
        """The mail with this `ref`."""
        if place := _PLACE.fullmatch(ref):
            self._open(folder)
            uids = [int(place[2])] if int(place[1]) == self._validity else []
        else:
            uids = self.with_header(folder, ["Message-ID"], [ref])
        return next((mail for mail in self.fetch(folder, uids) if mail.ref == ref), None)

    def keep(self, folder: str, envelope: Envelope) -> None:
        """A copy of what we have sent, unless the server has kept one by itself."""
        if not self.with_header(folder, ["Message-ID"], [envelope.message_id]):
            self.client.append(folder, envelope.content, [r"\Seen"])

    def mark(self, mails: Sequence[Mail], flag: str) -> bool:
        """Set a flag on mails of one folder. True if the server has kept it."""
        uids = [mail.place.uid for mail in mails]
        self.select(mails[0].place.folder, writable=True)
        self.client.add_flags(uids, [flag])
        return all(flag.lower() in {one.lower() for one in flags_of(kept)} for kept in self.client.get_flags(uids).values())

    def _open(self, folder: str) -> None:
        if self._selected is None or self._selected[0] != folder:
            self.select(folder)


def _parts(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme]
