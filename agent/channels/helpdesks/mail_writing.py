"""Mails as they are written: a reply to the customer, a note to the people who take over. Pure.

Source: RFC 5322 (threading), RFC 3834, sections 3 and 5 (how an automatic answer says that it is one);
`X-Auto-Response-Suppress` is Exchange's, and keeps out-of-office replies from coming back.
"""

import html
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime

from agent.channels.helpdesks.mails import MARK_HEADER
from agent.channels.helpdesks.types import Words
from agent.errors import HelpdeskRefused
from agent.helpdesk_settings import MAIL_ADDRESS

MAX_SUBJECT = 200
# Folded late: a Message-ID that is longer than a line would be encoded, and then it is none.
_WIRE = policy.SMTP.clone(max_line_length=990)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail that is ready.

    Attributes:
        to: who gets it, beside ourselves.
        message_id: without brackets.
    """

    to: str
    message_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Whom our mails are from."""

    address: str
    name: str

    def write(
        self,
        to: str,
        subject: str,
        words: Words,
        mark: str,
        *,
        references: Iterable[str] = (),
        is_reply: bool = True,
        reply_to: Sequence[str] = (),
    ) -> Envelope:
        """A mail whose Message-ID is made of the mark: the same at every attempt.

        Args:
            to: one address.
            subject: as it is shown.
            words: both of their forms are sent.
            mark: of the outbox entry's part.
            references: Message-IDs of the conversation, oldest first; the last one is answered.
            is_reply: False for what nobody has asked for.
            reply_to: addresses that get the answers, if not we alone.

        Raises:
            HelpdeskRefused: one of them is no address that mail can be sent to.
        """
        for one in (to, *reply_to):
            if not re.fullmatch(MAIL_ADDRESS, one):
                raise HelpdeskRefused("the customer's address is none that mail can be sent to")
        message = EmailMessage(policy=policy.SMTP)
        message_id = f"{mark}@{self.address.rpartition('@')[2]}"
        ids = [f"<{one}>" for one in references]
        message["From"] = Address(self.name, addr_spec=self.address)
        message["To"] = to
        message["Subject"] = _line(subject)
        message["Date"] = localtime()
        message["Message-ID"] = f"<{message_id}>"
        if ids:
            message["In-Reply-To"] = ids[-1]
            message["References"] = " ".join(ids)
        if reply_to:
            message["Reply-To"] = ", ".join(reply_to)
        message["Auto-Submitted"] = "auto-replied" if is_reply else "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message[MARK_HEADER] = mark
        message.set_content(words.text)
        message.add_alternative(f"<!doctype html><html><body>{words.html}</body></html>", subtype="html")
        return Envelope(to, message_id, message.as_bytes(policy=_WIRE))


def subject_of_reply(subject: str | None) -> str:
    """With one `Re:`."""
    given = (subject or "").strip()
    return given if given.lower().startswith("re:") else f"Re: {given}".strip()


def _line(text: str) -> str:
    """What may stand in a header: one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_SUBJECT]


def with_conversation(words: Words, customer: str, ours: str, told: Iterable[tuple[bool, str]]) -> Words:
    """A note as people get it by mail: how to answer, and what was said so far.

    Args:
        words: the note.
        customer: address.
        ours: address that people answer from, or copy.
        told: whether the customer said it, and what.
    """
    how = f"Answer the customer at {customer}, from {ours} or with it in copy."
    lines = [(("Customer:" if by_customer else "Support:"), text) for by_customer, text in told]
    text = "\n\n".join([words.text, how, *(f"{who}\n" + textwrap.indent(said, "> ", lambda _: True) for who, said in lines)])
    quoted = "".join(f"<p>{who}</p><blockquote>{_as_html(said)}</blockquote>" for who, said in lines)
    return replace(words, text=text, html=f"{words.html}<hr><p>{html.escape(how)}</p>{quoted}")


def _as_html(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
