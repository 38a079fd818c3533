"""Mails as they are read: from bytes to who wrote what, and whose conversation it belongs to. Pure.

Source: RFC 5322 (threading by Message-ID, In-Reply-To and References), RFC 3834 (automatic answers), RFC 8601
(Authentication-Results: only those of the own mail server count).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from agent.channels.helpdesks.automatic import automatic_mail
from agent.channels.helpdesks.marks import marks_in
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import address, claimed
from agent.channels.helpdesks.types import DeskMessage, Wrote
from agent.types import NOBODY

MARK_HEADER = "X-Innkeeper-Mark"
"""Ours carry it beside their Message-ID, which some servers on the way replace."""
MAX_ID = 150
MAX_REFERENCES = 30
_IDS = re.compile(r"<([^<>\s]+)>")
_COMMENT = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail lies. `validity` is the folder's UIDVALIDITY, without which a uid says nothing."""

    folder: str
    validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail.

    Attributes:
        place: in the mailbox.
        ref: what it is known by: its Message-ID without brackets, or its place if it has none that can be searched for.
        sender: address, lower case; `recipients` too.
        reply_to: the first address that asks for the answers; empty if none does.
        references: Message-IDs that it answers, oldest first.
        at: when it came into its folder, by the server's clock; what a mail says of itself may be anything.
        mark: ours carry one.
    """

    place: Place
    ref: str
    sender: str
    recipients: frozenset[str]
    reply_to: str
    subject: str
    references: tuple[str, ...]
    plain: str
    html: str
    at: datetime
    flags: frozenset[str]
    mark: str | None
    automatic: bool
    failed_authentication: bool

    @property
    def can_be_searched(self) -> bool:
        """False if `ref` is only its place."""
        return "@" in self.ref


@dataclass(frozen=True, slots=True)
class House:
    """Who is who: our own address, and those of the people who take over."""

    address: str
    people: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every address of the house."""
        return self.people | {self.address}

    def wrote(self, mail: Mail, customer: str) -> Wrote | None:
        """Who wrote a mail of this customer's conversation. None: it doesn't belong there, whatever it refers to."""
        if mail.failed_authentication:
            return None
        if mail.sender == self.address:
            return Wrote.US if mail.mark else Wrote.STAFF
        if mail.sender == customer:
            return Wrote.CUSTOMER
        return Wrote.STAFF if mail.sender in self.people else None

    def customer(self, root: Mail) -> str:
        """Whose conversation begins with this mail; one that we opened names the customer as who gets the answers."""
        return root.reply_to if root.sender == self.address else root.sender

    def message(self, mail: Mail, wrote: Wrote, customer: str) -> DeskMessage:
        """The mail as a message of the conversation. What people send to others than the customer is internal."""
        ours = wrote is Wrote.US
        return DeskMessage(
            message_id=mail.ref,
            wrote=wrote,
            text=said(mail.plain, mail.html, mail=not ours),
            sent_at=utc(mail.at),
            public=wrote is Wrote.CUSTOMER or customer in mail.recipients,
            automatic=mail.automatic and not ours,
            customer=claimed(mail.sender) if wrote is Wrote.CUSTOMER else NOBODY,
            may_be_forged=True,
        )


def parse(raw: bytes, place: Place, at: datetime, flags: Iterable[str], authserv: str | None) -> Mail:
    """A mail from its bytes, or from its headers alone. Reads whatever comes; it may be cut off."""
    message, plain, html = _read(raw)
    sender = address(_header(message, "From"))
    headers = {name.lower(): _header(message, name) for name in message}
    return Mail(
        place=place,
        ref=_ref(_header(message, "Message-ID"), place),
        sender=sender,
        recipients=frozenset(_addresses(message, "To", "Cc")),
        reply_to=next(_addresses(message, "Reply-To"), ""),
        subject=" ".join(_decoded(_header(message, "Subject")).split()),
        references=_references(message),
        plain=plain,
        html=html,
        at=at,
        flags=frozenset(flags),
        mark=next(iter(marks_in(f"{_header(message, MARK_HEADER)} {_header(message, 'Message-ID')}")), None),
        automatic=automatic_mail(headers | {"from-address": sender, "subject": _decoded(headers.get("subject", ""))}) is not None,
        failed_authentication=authserv is not None and _failed(message, authserv),
    )


def ids_in(header: str) -> tuple[str, ...]:
    """The Message-IDs of a header, without brackets, that can be searched for."""
    return tuple(one for one in _IDS.findall(header) if _is_plain(one))


def _references(message: Message) -> tuple[str, ...]:
    found = dict.fromkeys((*ids_in(_header(message, "References")), *ids_in(_header(message, "In-Reply-To"))))
    ids = tuple(found)
    # The first is the root, the last ones are what is answered.
    return ids if len(ids) <= MAX_REFERENCES else (ids[0], *ids[1 - MAX_REFERENCES :])


def _ref(header: str, place: Place) -> str:
    ids = ids_in(header)
    return ids[0] if ids else f"uid-{place.validity}-{place.uid}"


def _is_plain(message_id: str) -> bool:
    return (
        len(message_id) <= MAX_ID
        and message_id.isascii()
        and message_id.isprintable()
        and not {'"', "\\"} & {*message_id}
        and "@" in message_id
    )


def _header(message: Message, name: str) -> str:
    """The first of that name, on one line."""
    value = message.get(name)
    return " ".join(str(value).split()) if value is not None else ""


def _decoded(header: str) -> str:
    try:
        return str(make_header(decode_header(header)))
    except (HeaderParseError, LookupError, ValueError):
        return header


def _addresses(message: Message, *names: str) -> Iterator[str]:
    values = [str(value) for name in names for value in message.get_all(name, [])]
    try:
        found = [one.strip().lower() for _, one in getaddresses(values)]
    except RecursionError:
        return
    yield from (one for one in found if "@" in one)


def _failed(message: Message, authserv: str) -> bool:
    """True if our own mail server found that the sender is not who the mail says (DMARC)."""
    for value in message.get_all("Authentication-Results", []):
        said_by, _, results = _COMMENT.sub(" ", " ".join(str(value).split())).partition(";")
        names = said_by.split()
        if names and names[0].lower() == authserv.lower() and re.search(r"\bdmarc\s*=\s*fail\b", results, re.IGNORECASE):
            return True
    return False


def _read(raw: bytes) -> tuple[Message, str, str]:
    """The mail, its plain text and its HTML. Of one whose parts are nested too deep, only the headers."""
    # This policy parses no header by itself: the newer ones fail on some that strangers write.
    try:
        message: Message = message_from_bytes(raw, policy=policy.compat32)
        return message, *_texts(message)
    except RecursionError:
        return BytesHeaderParser(policy=policy.compat32).parsebytes(raw), "", ""


def _texts(message: Message) -> tuple[str, str]:
    """The first plain text and the first HTML that are no attached file."""
    found: dict[str, str] = {}
    for part in _parts(message):
        kind = part.get_content_type()
        if kind in ("text/plain", "text/html") and kind not in found and part.get_content_disposition() != "attachment":
            found[kind] = _text(part)
    return found.get("text/plain", ""), found.get("text/html", "")


def _parts(message: Message) -> Iterator[Message]:
    """Every part but those of mails that are attached."""
    if message.get_content_maintype() == "message":
        return
    if not message.is_multipart():
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message):
            yield from _parts(part)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", errors="replace")
    except LookupError:
        return raw.decode("utf-8", errors="replace")


def flags_of(flags: Iterable[object]) -> frozenset[str]:
    """Flags and keywords as text."""
    return frozenset(one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in flags)


def in_order(mails: Mapping[str, Mail]) -> list[Mail]:
    """Oldest first, as they came in; of one second, what is answered before the answer."""

    def key(mail: Mail) -> tuple[datetime, int, str, int]:
        return mail.at, sum(one in mails for one in mail.references), mail.place.folder, mail.place.uid

    return sorted(mails.values(), key=key)
