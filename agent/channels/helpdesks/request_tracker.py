"""Request Tracker 5: polled by its REST2 API. It has no webhooks of its own.

Source: RT 5 documentation (RT::REST2), and RT 5.0.3 as Debian ships it, which all of this was tried against. What it showed:
- Dates in a search are read in the user's own time zone, even if they name another. So news is found by transaction ids,
  which only grow; the newest ones are asked for again, since a transaction may become visible after a later one.
- A change that RT refuses (no such owner, queue or value) is answered with 200. So a hand-off is read back.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from agent.channels.helpdesks.automatic import automatic_mail
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.rest2 import API, NOBODY_USER, Rest2, headers_of, name_of, quoted, text_part
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import (
    Contact,
    DeskMessage,
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
from agent.errors import AgentError, HelpdeskRefused
from agent.helpdesk_settings import RequestTrackerSettings
from agent.types import NOBODY

NEWEST = 100
"""Messages whose words are read; no turn sees more."""
OVERLAP = 200
"""Transaction ids that are asked for again."""
OVERLAP_S = 600
"""How old a transaction may be that is found so."""
CLOSED = frozenset({"rejected", "deleted"})
_IS_PUBLIC = {"Create": True, "Correspond": True, "Comment": False}


@dataclass(frozen=True, slots=True)
class _People:
    """Who is who on a ticket, by name."""

    me: str
    requestors: frozenset[str]
    on_behalf: frozenset[str]
    staff: frozenset[str] = frozenset()

    def wrote(self, transaction: Mapping[str, Any]) -> Wrote:
        creator = name_of(transaction.get("Creator"))
        if creator == self.me:
            return Wrote.US
        if creator in self.requestors or (transaction["Type"] == "Create" and creator in self.on_behalf):
            return Wrote.CUSTOMER
        # Anybody can mail to a ticket's address: who isn't its requestor is no customer of this ticket.
        return Wrote.STAFF if creator in self.staff else Wrote.MACHINE

    def sender(self, transaction: Mapping[str, Any], headers: Sequence[Mapping[str, str]]) -> str:
        """A customer's address: who writes by mail has it for a name. What others have opened is the requestor's."""
        names = sorted(self.requestors)
        creator = name_of(transaction.get("Creator"))
        name = creator if creator in self.requestors else names[0] if len(names) == 1 else ""
        by_mail = (one["from-address"] for one in headers if creator in self.requestors and one["from-address"])
        return name if "@" in name else next(by_mail, "")


class RequestTracker:
    """`PolledHelpdesk` by REST2."""

    def __init__(self, source: str, settings: RequestTrackerSettings) -> None:
        self._settings = settings
        self._rest = Rest2(source, settings)
        self._api = self._rest.api

    @property
    def poll_s(self) -> float:
        """Seconds between two polls."""
        return self._settings.poll_s

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def poll(self, cursor: str | None) -> News:
        """A hint for each message in a watched queue that isn't ours.

        The cursor is RT's time when polling began, before which nothing is looked at, and the highest id seen.
        """
        me = await self._rest.own_name()
        if cursor is None:
            return News((), f"{await self._now()} {await self._newest()}")
        start, _, seen = cursor.partition(" ")
        last = newest = int(seen)
        recent = utc(datetime.now(UTC) - timedelta(seconds=OVERLAP_S))
        hints = []
        query = self._news_query(max(0, last - OVERLAP))
        async for one in self._rest.pages(
            "/transactions", query=query, fields="Creator,Created,ObjectId", orderby="id", order="ASC"
        ):
            number, created = int(one["id"]), utc(one["Created"])
            newest = max(newest, number)
            if created >= start and (number > last or created >= recent) and name_of(one.get("Creator")) != me:
                hints.append(Hint(str(number), str(one["ObjectId"])))
        return News(tuple(hints), f"{start} {newest}")

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket, its transactions, the list of their parts; then the text of each message, one call each."""
        me = await self._rest.own_name()
        ticket = await self._rest.ticket(ticket_id)
        number = int(ticket["id"])
        written = [one for one in await self._rest.transactions(number) if one.get("Type") in _IS_PUBLIC][-NEWEST:]
        parts = await self._rest.parts(number)
        people = await self._people(ticket, written, me)
        found = await asyncio.gather(*(self._message(one, parts.get(str(one["id"]), []), people) for one in written))
        return DeskTicket(
            ticket_id=str(number),
            subject=ticket.get("Subject"),
            messages=tuple(message for message in found if message is not None),
            owner=self._owner(ticket, me),
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """Correspondence: RT mails it to the requestors."""
        await self._write(ticket.ticket_id, "correspond", words)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A comment."""
        await self._write(ticket.ticket_id, "comment", words)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """The owner and the stop field, then the queue, which may end our rights; then a look at whether it worked."""
        path = f"{API}/ticket/{int(ticket.ticket_id)}"
        wanted: dict[str, Any] = {}
        if self._settings.stop_field:
            wanted["CustomFields"] = {self._settings.stop_field: self._settings.stop_tag}
        if self._settings.handoff_owner:
            wanted["Owner"] = self._settings.handoff_owner
        if wanted:
            await self._api.put(path, wanted)
        if target := self._settings.queue(queue):
            await self._api.put(path, {"Queue": target})
        changed = await self._rest.ticket(ticket.ticket_id)
        if self._owner(changed, await self._rest.own_name()) is not Owner.PERSON:
            raise HelpdeskRefused(
                f"ticket {ticket.ticket_id} can't be handed off: RT took neither the queue {target!r}, the owner "
                f"{self._settings.handoff_owner!r} nor the field {self._settings.stop_field!r}; `innkeeper connect` says why"
            )

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket in `default_queue`, without the words: RT may mail a ticket's first message to its requestor."""
        if self._settings.default_queue is None or contact.email is None:
            raise HelpdeskRefused("a new RT ticket needs `default_queue` in the settings, and the customer's e-mail address")
        wanted = {"Queue": self._settings.default_queue, "Subject": subject, "Requestor": contact.email}
        return str((await self._api.post(f"{API}/ticket", wanted))["id"])

    async def check(self) -> list[Finding]:
        """Address, token, queues, and what we may do with the tickets of the watched ones."""
        checks = Checks()
        if not await checks.ok("token", self._rest.own_name, lambda me: f"it is user {me}"):
            return checks.findings
        await checks.names("queues", self._queues, self._settings, key="Name")
        for watched in self._settings.watched:
            await self._check_watched(checks, watched)
        if owner := self._settings.handoff_owner:
            await checks.ok("handoff_owner", lambda: self._rest.user(owner), lambda _: "found")
        return checks.findings

    async def _check_watched(self, checks: Checks, queue: str) -> None:
        await checks.ok(f"watched queue {queue}", lambda: self._rights(queue), str)

    async def _rights(self, queue: str) -> str:
        """What we may do in a watched queue, as its newest ticket offers."""
        await self._api.get(f"{API}/queue/{quote(queue, safe='')}")
        query = f"Queue = {quoted(queue)}"
        found = await self._api.get(
            f"{API}/tickets", query=query, orderby="id", order="DESC", per_page=1, fields="_hyperlinks,CustomFields"
        )
        if not found["items"]:
            return "found; no ticket of it can be seen, so what may be done with one was not tried (ShowTicket is needed)"
        offered = {link.get("ref") for link in found["items"][0].get("_hyperlinks") or []}
        if missing := sorted({"correspond", "comment"} - offered):
            raise AgentError(f"no right to {' and to '.join(missing)}: grant ReplyToTicket and CommentOnTicket")
        fields = {one.get("name") for one in found["items"][0].get("CustomFields") or []}
        if self._settings.stop_field and self._settings.stop_field not in fields:
            raise AgentError(
                f"its tickets have no custom field {self._settings.stop_field}, or it can't be seen (SeeCustomField)"
            )
        return "its tickets can be read, answered and commented on"

    async def _now(self) -> str:
        """RT's clock, ours if it doesn't tell."""
        told = (await self._api.request("GET", f"{API}/rt")).headers.get("date")
        return utc(parsedate_to_datetime(told) if told else datetime.now(UTC))

    async def _newest(self) -> int:
        """The id of the newest message in the watched queues; 0 if there is none."""
        query = self._news_query(0)
        async for one in self._rest.pages("/transactions", query=query, orderby="id", order="DESC"):
            return int(one["id"])
        return 0

    def _news_query(self, above: int) -> str:
        queues = " OR ".join(f"TicketQueue = {quoted(name)}" for name in self._settings.watched)
        return f"ObjectType = 'RT::Ticket' AND (Type = 'Create' OR Type = 'Correspond') AND ({queues}) AND id > {above}"

    async def _queues(self) -> list[dict[str, Any]]:
        return [one async for one in self._rest.pages("/queues/all", fields="Name")]

    async def _people(self, ticket: Mapping[str, Any], written: Iterable[Mapping[str, Any]], me: str) -> _People:
        requestors = frozenset(name_of(one) for one in ticket.get("Requestor") or [])
        people = _People(me, requestors, frozenset(self._settings.on_behalf))
        unknown = {name_of(one.get("Creator")) for one in written if people.wrote(one) is Wrote.MACHINE}
        return replace(people, staff=await self._rest.staff(unknown))

    async def _message(self, written: dict[str, Any], parts: list[dict[str, Any]], people: _People) -> DeskMessage | None:
        part = text_part(parts)
        if part is None:
            return None  # a ticket that was opened without a word
        wrote = people.wrote(written)
        content = await self._rest.content(str(part["id"]))
        html = part.get("ContentType") == "text/html"
        headers = [headers_of(one) for one in parts]
        by_mail = any(one.get("x-rt-interface") == "Email" for one in headers)
        return DeskMessage(
            message_id=str(written["id"]),
            wrote=wrote,
            text=said(None if html else content, content if html else None, mail=by_mail and wrote is Wrote.CUSTOMER),
            sent_at=utc(written["Created"]),
            public=_IS_PUBLIC[str(written["Type"])],
            automatic=by_mail and any(automatic_mail(one) is not None for one in headers),
            customer=claimed(people.sender(written, headers)) if wrote is Wrote.CUSTOMER else NOBODY,
            may_be_forged=by_mail,
        )

    async def _write(self, ticket_id: str, action: str, words: Words) -> None:
        body = {"ContentType": "text/html", "Content": words.html}
        await self._api.post(f"{API}/ticket/{int(ticket_id)}/{action}", body)

    def _owner(self, ticket: Mapping[str, Any], me: str) -> Owner:
        settings = self._settings
        owner = name_of(ticket.get("Owner"))
        is_assigned = owner not in ("", NOBODY_USER, me) and not (settings.answers_assigned and owner != settings.handoff_owner)
        is_watched = (ticket.get("Queue") or {}).get("Name") in settings.watched
        is_marked = settings.stop_field is not None and any(
            one.get("name") == settings.stop_field and settings.stop_tag in (one.get("values") or [])
            for one in ticket.get("CustomFields") or []
        )
        if is_assigned or is_marked or not is_watched or ticket.get("Status") in CLOSED:
            return Owner.PERSON
        return Owner.US


def setup(settings: RequestTrackerSettings) -> Setup:
    """A user, its rights, a token."""
    rights = "SeeQueue, ShowTicket, ShowTicketComments, ReplyToTicket, CommentOnTicket, ModifyTicket, CreateTicket"
    targets = sorted({*settings.queues.values(), *([settings.default_queue] if settings.default_queue else [])})
    steps = (
        "Admin > Users > Create: a user for Innkeeper alone, with 'Let this user be granted rights'.",
        f"Admin > Queues > {', '.join(settings.watched)} > User Rights: give it {rights}.",
        f"  The same on the queues that it hands tickets to: {', '.join(targets)}." if targets else "",
        f"  And SeeCustomField and ModifyCustomField on {settings.stop_field}." if settings.stop_field else "",
        "Logged in as that user (with the right ManageAuthTokens), Settings > Auth Tokens > Create: that is `token`.",
        f"RT calls nobody: it is asked every {settings.poll_s:g} s what is new.",
        f"To give a ticket back to the assistant, move it to {settings.watched[0]}, without an owner"
        + (f", its field {settings.stop_field} empty." if settings.stop_field else "."),
    )
    return Setup(steps=tuple(step for step in steps if step))


SYSTEM = System("request-tracker", RequestTracker, None, setup)
_: type[PolledHelpdesk] = RequestTracker
