"""What a message of Chatwoot is: who wrote it, who may read it, what its Markdown may do. Pure.

Source: Chatwoot's own code (message model, message builder, mail presenter), 2026.
"""

import re
from typing import Any

from agent.channels.helpdesks.automatic import automatic_mail
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import LONGEST, claimed
from agent.channels.helpdesks.types import DeskMessage, Wrote
from agent.types import NOBODY, Customer, Identity

INCOMING, OUTGOING, ACTIVITY = 0, 1, 2
_KINDS = {"incoming": INCOMING, "outgoing": OUTGOING, "activity": ACTIVITY}
_LINKED = re.compile(r"\](?=[(:])")
"""What makes a link, an image or a link's definition of Markdown."""


def without_links(markdown: str) -> str:
    """Markdown in which no link and no image is hidden behind other words: Chatwoot would show it. Bare addresses stay."""
    return _LINKED.sub(r"]\\", markdown)


def kind_of(value: str | int | None) -> int | None:
    """A message's type: a number in the API, a word in webhooks."""
    return _KINDS.get(value) if isinstance(value, str) else value


def attributes(message: dict[str, Any]) -> dict[str, Any]:
    """What its kind of message has beside the text."""
    return message.get("content_attributes") or {}


def message_of(message: dict[str, Any], me: int, *, is_bot: bool, is_checked: bool = False) -> DeskMessage:
    """A message as the helpdesk room knows it.

    Args:
        message: as the API has it.
        me: id of the agent whose token is used.
        is_bot: an agent bot's token is, too. A bot's id is told nowhere to the agent, so every bot's message counts as ours.
        is_checked: the contact's identifier was signed by the company's site, as Chatwoot has verified.
    """
    kind = kind_of(message.get("message_type"))
    by_mail = kind == INCOMING and message.get("content_type") == "incoming_email"
    return DeskMessage(
        message_id=str(message["id"]),
        wrote=_wrote(message, kind, me, is_bot),
        text=said(message.get("content"), mail=by_mail),
        sent_at=utc(message["created_at"]),
        public=not message.get("private", False) and kind != ACTIVITY,
        automatic=kind == INCOMING and _is_automatic(attributes(message).get("email") or {}),
        # A mail is put into the conversation that it refers to, whoever has sent it.
        customer=_customer(message.get("sender") or {}, is_checked=is_checked and not by_mail) if kind == INCOMING else NOBODY,
    )


def _customer(contact: dict[str, Any], *, is_checked: bool) -> Customer:
    """The checked identifier by itself: the address beside it is what anybody may have typed in."""
    identifier = str(contact.get("identifier") or "")
    if is_checked and 0 < len(identifier) <= LONGEST and identifier.isprintable():
        return Customer(Identity.VERIFIED, identifier)
    return claimed(contact.get("email"))


def _is_automatic(mail: dict[str, Any]) -> bool:
    sender = str((mail.get("from") or [""])[0])
    return (
        bool(mail.get("auto_reply")) or automatic_mail({"from-address": sender, "subject": mail.get("subject") or ""}) is not None
    )


def _wrote(message: dict[str, Any], kind: int | None, me: int, is_bot: bool) -> Wrote:
    if kind == INCOMING:
        return Wrote.CUSTOMER
    if kind != OUTGOING:
        return Wrote.MACHINE
    sender = message.get("sender") or {}
    match sender.get("type"):
        case "user":
            return Wrote.US if sender.get("id") == me else Wrote.STAFF
        case "agent_bot":
            return Wrote.US if is_bot else Wrote.MACHINE
        case None:
            # Without a sender: a rule's or a campaign's message, or a person's who wrote by the channel's own app.
            is_rules = attributes(message).get("automation_rule_id") or (message.get("additional_attributes") or {}).get(
                "campaign_id"
            )
            return Wrote.MACHINE if is_rules else Wrote.STAFF
    return Wrote.MACHINE
