"""GLPI 11: signed webhooks from its queue, tickets and followups by its legacy REST API.

Source: GLPI's `src/Webhook.php`, `src/QueuedWebhook.php`, `src/ITILFollowup.php` and `apirest.md`, release 11. A retry
carries the timestamp and the signature of the first attempt. A hand-off assigns a group (see `GlpiSettings`). Nothing here was
tried against a server; least sure is the requester without an account, by whose address a ticket is opened.
"""

import hashlib
import hmac
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.automatic import automatic_subject
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.glpi_api import GlpiApi, Login
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import (
    Challenged,
    Contact,
    Delivery,
    DeskMessage,
    DeskTicket,
    Finding,
    Helpdesk,
    Hint,
    Owner,
    Sample,
    Setup,
    System,
    Words,
    Wrote,
)
from agent.errors import AgentError, HelpdeskRefused, PayloadInvalid, SignatureInvalid, TicketMissing
from agent.helpdesk_settings import GlpiSettings
from agent.types import NOBODY

REQUESTER, ASSIGNED = 1, 2
"""Kinds of people of a ticket. Source: GLPI, `CommonITILActor`."""
OPEN = 1
ENDED = frozenset({5, 6})
"""Solved, closed. Source: GLPI, `CommonITILObject`."""
BY_MAIL = 2
"""The request source "E-Mail" of a new GLPI: what comes by it may quote earlier messages."""
ADD_TO_ALL, SEE_PRIVATE = 4096, 8192
"""Rights on followups. Source: GLPI, `ITILSubItemRights`."""


_TOKEN = re.compile(r"[A-Za-z0-9+/=_.-]{1,128}")


class _Item(Lenient):
    id: int
    itemtype: str | None = None
    items_id: int | None = None
    is_private: bool = False


class _Body(Lenient):
    event: str
    item: _Item


class GlpiReceiver:
    """Verifies a webhook with the default payload and says which ticket it is about."""

    def __init__(self, settings: GlpiSettings) -> None:
        self._secrets = settings.secrets
        self._window_s = settings.window_s

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for what is no new ticket and no new public followup of one. Raises as `Receiver`."""
        stamp = signatures.header(delivery, "X-GLPI-timestamp")
        given = signatures.from_hex(signatures.header(delivery, "X-GLPI-signature"))
        signatures.require(signatures.digests(self._secrets, delivery.body + stamp.encode(), "sha256"), given)
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 16):
            raise SignatureInvalid("X-GLPI-timestamp is not a number of seconds")
        signatures.require_fresh(int(stamp), delivery.now, self._window_s)
        body = payload(_Body, delivery)
        item = body.item
        is_ticket = item.itemtype is None
        if body.event != "new" or item.is_private or not (is_ticket or item.itemtype == "Ticket"):
            return None
        ticket_id = item.id if is_ticket else item.items_id
        if not ticket_id:
            return None
        return Hint(f"{'ticket' if is_ticket else 'followup'}-{item.id}-{stamp}", str(ticket_id))

    def challenge(self, token: str) -> str:
        """The token's hash by the first secret.

        Raises:
            PayloadInvalid: the token could be a webhook's body: hashes of those are signatures, and anybody may ask here.
        """
        if not _TOKEN.fullmatch(token):
            raise PayloadInvalid("crc_token: letters, digits and + / = _ . - only, at most 128")
        return hmac.new(self._secrets[0].get_secret_value().encode(), token.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class _People:
    """Who is who on a ticket, by user id. 0 among the customers: one without an account.

    Attributes:
        address: of the only customer, if that one has no account; GLPI tells those of accounts elsewhere.
    """

    us: int
    customers: frozenset[int]
    assigned: frozenset[int]
    address: str | None

    def wrote(self, user_id: int) -> Wrote:
        if user_id == self.us:
            return Wrote.US
        if user_id in self.customers:
            return Wrote.CUSTOMER
        return Wrote.STAFF if user_id else Wrote.MACHINE


class Glpi:
    """`Helpdesk` by GLPI's legacy REST API."""

    def __init__(self, source: str, settings: GlpiSettings) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.timezone)
        self._groups = frozenset({*settings.queues.values(), settings.default_queue})
        self._api = GlpiApi(source, settings)

    async def aclose(self) -> None:
        """Close its session and connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket, its followups and solutions, its people and its groups: five calls or more."""
        path = f"/Ticket/{int(ticket_id)}"
        ticket = await self._api.get(path, get_hateoas="false")
        if ticket.get("is_deleted"):
            raise TicketMissing(f"ticket {ticket_id} of the helpdesk {self._api.source!r} is in its trash")
        followups = await self._api.rows(f"{path}/ITILFollowup")
        solutions = await self._api.rows(f"{path}/ITILSolution")
        people = _people(await self._api.rows(f"{path}/Ticket_User"), (await self._api.login()).user_id)
        groups = [str(one["groups_id"]) for one in await self._api.rows(f"{path}/Group_Ticket") if int(one["type"]) == ASSIGNED]
        messages = [
            self._opening(ticket, people),
            *(self._message("followup", one, people) for one in followups),
            *(self._message("solution", one, people) for one in solutions),
        ]
        return DeskTicket(
            ticket_id=str(ticket["id"]),
            subject=ticket.get("name"),
            messages=tuple(sorted(messages, key=lambda one: one.sent_at)),
            owner=self._owner(people, groups),
            known={"groups": groups, "status": int(ticket.get("status") or OPEN)},
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A public followup, of which GLPI notifies the requester."""
        await self._followup(ticket, words, is_private=False)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A private followup."""
        await self._followup(ticket, words, is_private=True)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """An open status, then the group."""
        if ticket.known["status"] in ENDED:
            await self._api.put(f"/Ticket/{ticket.ticket_id}", {"input": {"status": OPEN}})
        group = self._settings.queue(queue) or self._settings.default_queue
        if group not in ticket.known["groups"]:
            wanted = {"tickets_id": int(ticket.ticket_id), "groups_id": int(group), "type": ASSIGNED}
            await self._api.post("/Group_Ticket", {"input": wanted})

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket of somebody without an account, assigned to `default_queue`.

        Without the words: GLPI mails the requester what it begins with.
        """
        if contact.email is None:
            raise HelpdeskRefused("a new GLPI ticket needs the customer's e-mail address")
        wanted = {
            "name": subject,
            "content": f"<p>{html.escape(subject)}</p>",
            "_users_id_requester": 0,
            "_users_id_requester_notif": {"use_notification": [1], "alternative_email": [contact.email]},
            "_groups_id_assign": int(self._settings.default_queue),
        }
        return str((await self._api.post("/Ticket", {"input": wanted}))["id"])

    async def check(self) -> list[Finding]:
        """Address, tokens, rights, tickets, groups."""
        checks = Checks()
        if await checks.ok("token", self._api.login, lambda login: f"it is user {login.user_id}"):
            await checks.ok("rights", self._api.login, _rights)
            await checks.ok("tickets", lambda: self._api.get("/Ticket", range="0-0"), lambda _: "can be read")
            await checks.names("groups", self._assignable, self._settings, key="id")
        return checks.findings

    async def _assignable(self) -> list[dict[str, Any]]:
        return [one for one in await self._api.rows("/Group") if one.get("is_assign", 1)]

    async def _followup(self, ticket: DeskTicket, words: Words, *, is_private: bool) -> None:
        wanted = {
            "itemtype": "Ticket",
            "items_id": int(ticket.ticket_id),
            "content": words.html,
            "is_private": int(is_private),
        }
        await self._api.post("/ITILFollowup", {"input": wanted})

    def _owner(self, people: _People, groups: Iterable[str]) -> Owner:
        is_assigned = bool(people.assigned - {0, people.us}) and not self._settings.answers_assigned
        return Owner.PERSON if is_assigned or self._groups.intersection(groups) else Owner.US

    def _opening(self, ticket: dict[str, Any], people: _People) -> DeskMessage:
        # A ticket that one of the staff has written down for a customer holds the customer's question, too.
        is_ours = ticket.get("users_id_recipient") == people.us
        return DeskMessage(
            message_id=f"ticket-{ticket['id']}",
            wrote=Wrote.US if is_ours else Wrote.CUSTOMER,
            text=_said(ticket, is_customers=True),
            sent_at=self._utc(ticket.get("date") or ticket["date_creation"]),
            automatic=automatic_subject(ticket.get("name")),
            customer=NOBODY if is_ours else claimed(people.address),
        )

    def _message(self, kind: str, row: dict[str, Any], people: _People) -> DeskMessage:
        wrote = people.wrote(int(row.get("users_id") or 0))
        return DeskMessage(
            message_id=f"{kind}-{row['id']}",
            wrote=wrote,
            text=_said(row, is_customers=wrote is Wrote.CUSTOMER),
            sent_at=self._utc(row.get("date") or row["date_creation"]),
            public=not row.get("is_private"),
            customer=claimed(people.address) if wrote is Wrote.CUSTOMER else NOBODY,
            may_be_forged=row.get("requesttypes_id") == BY_MAIL,
        )

    def _utc(self, value: str) -> str:
        return utc(datetime.fromisoformat(value).replace(tzinfo=self._zone))


def _said(row: dict[str, Any], *, is_customers: bool) -> str:
    content = row.get("content") or ""
    # Rows from before release 11 may still hold their HTML escaped.
    content = html.unescape(content) if content.lstrip().startswith("&lt;") else content
    return said(None, content, mail=is_customers and row.get("requesttypes_id") == BY_MAIL)


def _people(rows: Sequence[dict[str, Any]], us: int) -> _People:
    kinds: dict[int, set[int]] = {REQUESTER: set(), ASSIGNED: set()}
    for row in rows:
        kinds.setdefault(int(row["type"]), set()).add(int(row.get("users_id") or 0))
    asking = [row for row in rows if int(row["type"]) == REQUESTER and int(row.get("users_id") or 0) != us]
    address = asking[0].get("alternative_email") if len(asking) == 1 and not asking[0].get("users_id") else None
    return _People(us, frozenset(kinds[REQUESTER] - {us}), frozenset(kinds[ASSIGNED]), address)


def _rights(login: Login) -> str:
    held = int(login.profile.get("followup") or 0)
    wanted = {"add followups to all tickets": ADD_TO_ALL, "see private followups": SEE_PRIVATE}
    if missing := [name for name, bit in wanted.items() if not held & bit]:
        raise AgentError(f"its profile lacks: {', '.join(missing)} (Administration > Profiles > Assistance > Followups)")
    return "followups can be written, and private ones seen"


def setup(settings: GlpiSettings) -> Setup:
    """The API, a user of its own, and two webhooks."""
    groups = ", ".join(sorted({*settings.queues.values(), settings.default_queue}))
    return Setup(
        steps=(
            "Setup > General > API: enable the legacy REST API and login with an external token; add an API client for "
            "this machine's address.",
            "Administration > Users > New: a user for the assistant alone, whose profile may see all tickets, assign "
            "them, add followups to all tickets and see private ones. Its token: Remote access keys > API token.",
            "Setup > Webhooks > New, twice, for the item types Ticket and Followup: event New, URL {webhook}, method POST, "
            "active, the default payload.",
            "  Security tab: secret {secret}; the challenge may be switched on.",
            "Setup > Automatic actions > queuedwebhook: run it every minute; until then an answer waits.",
            f"A ticket is a person's while group {groups} (ids) is assigned to it: remove the group to give it back. "
            "No rule may assign these groups to new tickets.",
        ),
    )


def sample(settings: GlpiSettings, now: float) -> Sample:
    """An update, which is nothing that we answer."""
    body, timestamp = b'{"event":"update","item":{"id":0}}', f"{now:.0f}"
    [signature, *_] = signatures.digests(settings.secrets, body + timestamp.encode(), "sha256")
    return Sample({"X-GLPI-signature": signature.hex(), "X-GLPI-timestamp": timestamp}, body)


SYSTEM = System("glpi", Glpi, GlpiReceiver, setup, sample)
_: tuple[type[Helpdesk], type[Challenged]] = (Glpi, GlpiReceiver)
