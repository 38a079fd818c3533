"""Who said what in a ticket of django-helpdesk, from what its API gives. Pure.

Source: django-helpdesk 2.6.1, `forms.py`, `email.py`, `update_ticket.py`, `escalate_tickets.py`.
"""

import re
from collections.abc import Iterator
from typing import Any

from agent.channels.helpdesks.automatic import automatic_subject
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import DeskMessage, Wrote
from agent.types import NOBODY

ESCALATED = "Ticket Escalated"
"""Title of what the desk itself writes after some days; no catalogue of the package translates it."""
_ADDRESS = re.compile(r"[^\s<>\"]+@[^\s<>\"]+")


def messages(ticket: dict[str, Any], me: int) -> Iterator[DeskMessage]:
    """What people have said, oldest first; follow-ups that only change something are left out.

    Args:
        ticket: as the API gives it, with all of its follow-ups.
        me: id of the user that is ours.
    """
    follow_ups = sorted(ticket.get("followup_set") or (), key=lambda one: (utc(one["date"]), int(one["id"])))
    description = (ticket.get("description") or "").strip()
    first = follow_ups[0] if follow_ups else None
    # The opening is the ticket's description, and nearly always a follow-up as well; one that came by mail has more in it.
    opens = first and (first["message_id"] or (first["comment"] or "").strip() == description)
    if description and not opens:
        at = utc(first["date"] if first else 0)
        who = claimed(ticket.get("submitter_email"))
        yield DeskMessage(f"ticket-{ticket['id']}", Wrote.CUSTOMER, said(description), at, customer=who)
    for one in follow_ups:
        is_opening = bool(opens) and one is first
        text = (description if is_opening else "") or (one["comment"] or "").strip()
        if text or one["message_id"]:
            yield _message(one, text, _wrote(one, ticket, me, is_opening=is_opening), ticket, is_opening=is_opening)


def _wrote(one: dict[str, Any], ticket: dict[str, Any], me: int, *, is_opening: bool) -> Wrote:
    if one["user"] == me:
        return Wrote.US
    if is_opening:
        # Whoever opens a ticket speaks for the customer, also one of the staff.
        return Wrote.CUSTOMER
    if one["user"] is not None:
        return Wrote.STAFF
    title = one["title"] or ""
    if one["message_id"]:
        # Anybody's mail with the ticket's number in its subject ends here; its sender's address is in the title alone. One in
        # quotes may hold another's: "emily@example.com x"@outside.example.
        customer = (ticket.get("submitter_email") or "").casefold()
        is_customers = '"' not in title and customer in _ADDRESS.findall(title.casefold())
        return Wrote.CUSTOMER if is_customers else Wrote.MACHINE
    return Wrote.MACHINE if title.startswith(ESCALATED) else Wrote.CUSTOMER


def _message(one: dict[str, Any], text: str, wrote: Wrote, ticket: dict[str, Any], *, is_opening: bool) -> DeskMessage:
    by_mail = bool(one["message_id"])
    return DeskMessage(
        message_id=str(one["id"]),
        wrote=wrote,
        text=said(text, mail=by_mail),
        sent_at=utc(one["date"]),
        public=bool(one["public"]),
        # To an automatic mail the desk sends no confirmation, and says so: nobody was told of it.
        automatic=(by_mail and one.get("email_recipients") == []) or (is_opening and automatic_subject(ticket.get("title"))),
        customer=claimed(ticket.get("submitter_email")) if wrote is Wrote.CUSTOMER else NOBODY,
        may_be_forged=by_mail,
    )
