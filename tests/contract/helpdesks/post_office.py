"""Mail servers for the tests of the mailbox: a small IMAP server or a real Dovecot, and an SMTP server that delivers into it."""

import asyncio
import grp
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from imapclient import IMAPClient

from agent.helpdesk_settings import EmailSettings
from tests.contract.helpdesks.small_imap import Folder, SmallImap
from tests.servers import free_port

ADDRESS = "support@inn.example"
PASSWORD = "pa55-of-the-assistant"
NOBODY = 65_534
STARTS_IN_S = 120.0


@dataclass
class PostOffice:
    """A mailbox, and what went out of it. Mails are put into it as another program of the same user."""

    imap_port: int
    smtp_port: int = 0
    ca_file: Path | None = None
    scheme: str = ""  # "s": encrypted from the start
    sent: list[tuple[list[str], bytes]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def settings(self, **more: Any) -> EmailSettings:
        given = {
            "system": "email",
            "address": ADDRESS,
            "imap": f"imap{self.scheme}://127.0.0.1:{self.imap_port}",
            "smtp": f"smtp{self.scheme}://127.0.0.1:{self.smtp_port}",
            "password": PASSWORD,
            "handoff_to": {"": "people@people.example"},
            "timeout_s": 60,
            "ca_file": self.ca_file,
        }
        return EmailSettings(**given | more)

    async def put(self, raw: bytes, folder: str = "INBOX", *flags: str, at: datetime | None = None) -> None:
        await asyncio.to_thread(self._put, raw, folder, flags, at or datetime.now(UTC))

    async def flags(self, folder: str = "INBOX") -> list[set[str]]:
        """Of every mail, in order."""
        return await asyncio.to_thread(self._flags, folder)

    async def tag(self, flag: str, *, on: bool, folder: str = "INBOX") -> None:
        """A person tags every mail of the folder, or takes the tag away."""
        await asyncio.to_thread(self._tag, flag, on, folder)

    def _put(self, raw: bytes, folder: str, flags: tuple[str, ...], at: datetime) -> None:
        with self._client() as client:
            client.append(folder, raw, flags, at)

    def _flags(self, folder: str) -> list[set[str]]:
        with self._client() as client:
            client.select_folder(folder)
            found = client.fetch(client.search(), ["FLAGS"])
            return [{one.decode() for one in found[uid][b"FLAGS"]} - {r"\Recent"} for uid in sorted(found)]

    def _tag(self, flag: str, on: bool, folder: str) -> None:
        with self._client() as client:
            client.select_folder(folder)
            (client.add_flags if on else client.remove_flags)(client.search(), [flag])

    @contextmanager
    def _client(self) -> Iterator[IMAPClient]:
        trusted = ssl.create_default_context(cafile=self.ca_file)
        client = IMAPClient("127.0.0.1", self.imap_port, ssl=bool(self.scheme), ssl_context=trusted, timeout=60)
        client.login(ADDRESS, PASSWORD)
        yield client
        client.logout()

    # SMTP, as its server calls it.

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.unknown:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.sent.append((list(envelope.rcpt_tos), envelope.content))
        if ADDRESS in envelope.rcpt_tos:
            await self.put(envelope.content)
        return "250 2.0.0 queued"


@asynccontextmanager
async def with_smtp(office: PostOffice, context: ssl.SSLContext | None = None) -> AsyncIterator[PostOffice]:
    """With certificates it is encrypted from the start if the office is, else by STARTTLS, without which it takes no password."""
    more = {"tls_context": context, "require_starttls": True} if context and not office.scheme else {}
    more["auth_require_tls"] = bool(more)

    def made() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it takes passwords without encryption
            return SMTP(office, hostname="mail", authenticator=_authenticate, auth_required=True, **more)

    by = context if office.scheme else None
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=by)
    office.smtp_port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (ADDRESS.encode(), PASSWORD.encode()), handled=False)


@asynccontextmanager
async def small(folders: dict[str, Folder], certificate: "Certificate | None" = None) -> AsyncIterator[PostOffice]:
    async def before(what: str) -> str | None:
        return None

    async def after(what: str) -> bool:
        return False

    imap = SmallImap(folders, (ADDRESS, PASSWORD), lambda: datetime.now(UTC), before, after, lambda: False)
    context = certificate.context() if certificate else None
    async with imap.served(context) as port:
        office = PostOffice(port, ca_file=certificate.path if certificate else None, scheme="s" if certificate else "")
        async with with_smtp(office, context):
            yield office


@dataclass(frozen=True)
class Certificate:
    """Of a server on this machine, which is its own authority."""

    path: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def made_certificate(folder: Path) -> Certificate:
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    names = ["-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", "-x509", *key, "-keyout", made.key, "-out", made.path, *names]
    subprocess.run(command, check=True, capture_output=True)
    return made


def has_dovecot() -> bool:
    """CI installs it; elsewhere its tests are skipped."""
    return _dovecot() is not None or "CI" in os.environ


def _dovecot() -> str | None:
    return shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def dovecot() -> AsyncIterator[PostOffice]:
    """Debian's, encrypted by STARTTLS, without rights: as nobody if we are root, else as us.

    Every path and user in its configuration is its own.
    """
    port = free_port()
    user = pwd.getpwuid(os.getuid() or NOBODY)
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        configuration = folder / "dovecot.conf"
        certificate = await asyncio.to_thread(made_certificate, folder)
        group = grp.getgrgid(user.pw_gid).gr_name
        configuration.write_text(
            _CONFIGURATION.format(folder=folder, port=port, user=user.pw_name, group=group, uid=user.pw_uid, gid=user.pw_gid)
        )
        as_user: dict[str, Any] = {}
        if os.getuid() == 0:
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            for one in (folder, certificate.key):
                os.chown(one, user.pw_uid, user.pw_gid)
        command = (_dovecot() or "dovecot", "-F", "-c", str(configuration))
        process = await asyncio.create_subprocess_exec(*command, **as_user)
        try:
            await asyncio.wait_for(_until_it_listens(process, port), STARTS_IN_S)
            async with with_smtp(PostOffice(port, ca_file=certificate.path), certificate.context()) as office:
                with office._client() as client:
                    client.create_folder("Sent")
                yield office
        finally:
            process.terminate()
            await process.wait()


async def _until_it_listens(process: asyncio.subprocess.Process, port: int) -> None:
    while True:
        assert process.returncode is None, "dovecot ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:~/Maildir
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password=pa55-of-the-assistant
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""
