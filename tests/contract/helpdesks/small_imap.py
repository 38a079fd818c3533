"""A small IMAP server on loopback: as much of RFC 3501 as a mailbox needs that is searched, read, tagged and appended to."""

import asyncio
import email
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from functools import cached_property
from typing import Any

from imapclient.datetime_util import datetime_to_INTERNALDATE

VALIDITY = 1_767_603_600


@dataclass
class Stored:
    """A mail in a folder."""

    uid: int
    raw: bytes
    at: datetime
    flags: set[str] = field(default_factory=set)

    @cached_property
    def headers(self) -> Message:
        return email.message_from_bytes(re.split(rb"\r?\n\r?\n", self.raw, maxsplit=1)[0])

    def header(self, name: str) -> str:
        return " ".join(str(self.headers.get(name, "")).split())


@dataclass
class Folder:
    mails: list[Stored] = field(default_factory=list)
    validity: int = VALIDITY
    next_uid: int = 1
    keeps_keywords: bool = True

    def add(self, raw: bytes, at: datetime, *flags: str) -> Stored:
        mail = Stored(self.next_uid, raw, at, {*flags})
        self.next_uid += 1
        self.mails.append(mail)
        return mail


Token = str | list[Any]


class SmallImap:
    """Serves folders to one user.

    Args:
        before: is awaited before each change (`APPEND`, `STORE`); what it gives is answered instead, if anything.
        after: is awaited after it; True cuts the connection.
    """

    def __init__(
        self,
        folders: dict[str, Folder],
        login: tuple[str, str],
        clock: Callable[[], datetime],
        before: Callable[[str], Awaitable[str | None]],
        after: Callable[[str], Awaitable[bool]],
        is_down: Callable[[], bool],
    ) -> None:
        self.folders = folders
        self._login = login
        self._clock = clock
        self._before, self._after, self._is_down = before, after, is_down

    @asynccontextmanager
    async def served(self, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """The port."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=context)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._is_down():
                writer.write(b"* BYE down for maintenance\r\n")
                return
            await _Talk(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class _Talk:
    def __init__(self, server: SmallImap, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.folder: Folder | None = None
        self.is_in = False

    def say(self, line: str | bytes) -> None:
        self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    async def run(self) -> None:
        self.say("* OK [CAPABILITY IMAP4rev1 LITERAL+] ready")
        while tokens := await self._command():
            tag, name, *rest = tokens
            name = str(name).upper()
            if name == "UID":
                name, rest = f"UID {str(rest[0]).upper()}", rest[1:]
            done = await getattr(self, "do_" + name.replace(" ", "_").lower())(rest)
            if done is None:
                self.writer.close()
                return
            self.say(f"{tag} {done}")
            await self.writer.drain()
            if name == "LOGOUT":
                return

    async def _command(self) -> list[Token]:
        """A line, with the literals that it announces."""
        line = b""
        while True:
            got = await self.reader.readline()
            if not got:
                return []
            line += got.rstrip(b"\r\n")
            found = re.search(rb"\{(\d+)(\+?)\}$", line)
            if found is None:
                return _tokens(line.decode("utf-8", "surrogateescape"))
            if not found[2]:
                self.writer.write(b"+ go on\r\n")
            literal = await self.reader.readexactly(int(found[1]))
            quoted = literal.decode("utf-8", "surrogateescape").replace("\\", "\\\\").replace('"', '\\"')
            line = line[: found.start()] + f'"{quoted}"'.encode("utf-8", "surrogateescape")

    async def do_capability(self, rest: list[Token]) -> str:
        self.say("* CAPABILITY IMAP4rev1 LITERAL+")
        return "OK done"

    async def do_noop(self, rest: list[Token]) -> str:
        return "OK done"

    async def do_login(self, rest: list[Token]) -> str:
        self.is_in = tuple(rest) == self.server._login
        return "OK logged in" if self.is_in else "NO [AUTHENTICATIONFAILED] Authentication failed."

    async def do_logout(self, rest: list[Token]) -> str:
        self.say("* BYE see you")
        return "OK done"

    async def do_list(self, rest: list[Token]) -> str:
        for name in self.server.folders:
            self.say(f'* LIST () "/" "{name}"')
        return "OK done"

    async def do_examine(self, rest: list[Token]) -> str:
        return await self.do_select(rest)

    async def do_select(self, rest: list[Token]) -> str:
        assert self.is_in
        self.folder = self.server.folders.get(str(rest[0]))
        if self.folder is None:
            return "NO [NONEXISTENT] no such mailbox"
        self.say(f"* {len(self.folder.mails)} EXISTS")
        self.say("* 0 RECENT")
        self.say(r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)")
        more = r" \*" if self.folder.keeps_keywords else ""
        self.say(rf"* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen{more})] kept")
        self.say(f"* OK [UIDVALIDITY {self.folder.validity}] valid")
        self.say(f"* OK [UIDNEXT {self.folder.next_uid}] next")
        return "OK [READ-WRITE] done"

    async def do_uid_search(self, rest: list[Token]) -> str:
        assert self.folder is not None
        if rest and str(rest[0]).upper() == "CHARSET":
            rest = rest[2:]
        found = []
        for mail in self.folder.mails:
            words = list(rest)
            matches = True
            while words:
                matches &= self._matches(words, mail)
            if matches:
                found.append(str(mail.uid))
        self.say(" ".join(["* SEARCH", *found]))
        return "OK done"

    def _matches(self, words: list[Token], mail: Stored) -> bool:
        """Takes one key off the words; whether the mail is one of that kind."""
        word = words.pop(0)
        if isinstance(word, list):
            inner, matches = list(word), True
            while inner:
                matches &= self._matches(inner, mail)
            return matches
        match word.upper():
            case "OR":
                first, second = self._matches(words, mail), self._matches(words, mail)
                return first or second
            case "HEADER":
                name, value = str(words.pop(0)), str(words.pop(0))
                return value.lower() in mail.header(name).lower()
            case "UID":
                return _in_set(str(words.pop(0)), mail.uid, max(one.uid for one in self.folder.mails))
            case "SINCE":
                return mail.at.date() >= datetime.strptime(str(words.pop(0)), "%d-%b-%Y").date()  # noqa: DTZ007
            case "ALL":
                return True
        raise AssertionError(f"a search for {word}")

    async def do_uid_fetch(self, rest: list[Token]) -> str:
        for mail in self._named(rest[0]):
            number = self.folder.mails.index(mail) + 1
            said = f"* {number} FETCH (UID {mail.uid}".encode()
            for item in rest[1]:
                said += b" " + self._item(str(item).upper(), mail)
            self.say(said + b")")
        return "OK done"

    def _item(self, item: str, mail: Stored) -> bytes:
        if item == "FLAGS":
            return f"FLAGS ({' '.join(sorted(mail.flags))})".encode()
        if item == "INTERNALDATE":
            return f'INTERNALDATE "{datetime_to_INTERNALDATE(mail.at)}"'.encode()
        if item == "BODY.PEEK[HEADER]":
            head = re.split(rb"\r?\n\r?\n", mail.raw, maxsplit=1)[0] + b"\r\n\r\n"
            return b"BODY[HEADER] {%d}\r\n%s" % (len(head), head)
        found = re.fullmatch(r"BODY\.PEEK\[\]<(\d+)\.(\d+)>", item)
        assert found, item
        some = mail.raw[int(found[1]) : int(found[1]) + int(found[2])]
        return b"BODY[]<%d> {%d}\r\n%s" % (int(found[1]), len(some), some)

    async def do_uid_store(self, rest: list[Token]) -> str | None:
        if refused := await self.server._before("STORE"):
            return refused
        for mail in self._named(rest[0]):
            wanted = {str(one) for one in rest[2]}
            if str(rest[1]).startswith("-"):
                mail.flags -= wanted
            else:
                mail.flags |= {one for one in wanted if one.startswith("\\") or self.folder.keeps_keywords}
            self.say(f"* {self.folder.mails.index(mail) + 1} FETCH (UID {mail.uid} FLAGS ({' '.join(sorted(mail.flags))}))")
        return None if await self.server._after("STORE") else "OK done"

    async def do_append(self, rest: list[Token]) -> str | None:
        if refused := await self.server._before("APPEND"):
            return refused
        flags = [str(one) for one in rest[1]] if isinstance(rest[1], list) else []
        self.server.folders[str(rest[0])].add(str(rest[-1]).encode("utf-8", "surrogateescape"), self.server._clock(), *flags)
        return None if await self.server._after("APPEND") else "OK done"

    def _named(self, uids: Token) -> list[Stored]:
        assert self.folder is not None
        highest = max((one.uid for one in self.folder.mails), default=0)
        return [one for one in self.folder.mails if _in_set(str(uids), one.uid, highest)]


def _in_set(text: str, uid: int, highest: int) -> bool:
    for part in text.split(","):
        first, _, last = part.partition(":")
        low, high = (highest if one == "*" else int(one) for one in (first, last or first))
        if min(low, high) <= uid <= max(low, high):
            return True
    return False


def _tokens(line: str) -> list[Token]:
    """Atoms, quoted strings, and lists in parentheses."""
    stack: list[list[Token]] = [[]]
    for quoted, atom in re.findall(r'"((?:[^"\\]|\\.)*)"|([()]|(?:\[[^\]]*\]|[^\s()"\[])+)', line, re.DOTALL):
        if atom == "(":
            stack.append([])
        elif atom == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(atom or re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    return stack[0]
