"""django-helpdesk 2.6: unsigned webhooks with a secret in their path, tickets by its REST API, which is polled as well.

Source: the package's `webhooks.py`, `views/api.py`, `serializers.py`, `update_ticket.py`, `email.py`, release 2.6.1. Its webhook
is sent once, within the request that saves the message, and so perhaps before others can read it: what is lost by that is found
by polling. Its API tells neither who one is, nor the names of queues: both are settings, by number.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import structlog

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.django_markup import literal, no_links
from agent.channels.helpdesks.django_tickets import messages
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.marks import is_marked
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.types import (
    Contact,
    Delivery,
    DeskTicket,
    Finding,
    Hint,
    News,
    Owner,
    PolledHelpdesk,
    Sample,
    Setup,
    System,
    Words,
)
from agent.errors import AgentError, HelpdeskRefused
from agent.helpdesk_settings import DjangoHelpdeskSettings

REOPENED, RESOLVED, CLOSED, DUPLICATE = 2, 3, 4, 5
MOST_PAGES = 50
PAGE = 100
OVERLAP = 50
"""Follow-ups that are looked at once more: one with a lower number may be committed after one with a higher."""
_log = structlog.get_logger(__name__)


class _FollowUp(Lenient):
    id: int
    user: int | None = None
    public: bool = True


class _Ticket(Lenient):
    id: int
    followup_set: tuple[_FollowUp, ...] = ()


class _Body(Lenient):
    ticket: _Ticket
    followup_id: int | None = None


class DjangoHelpdeskReceiver:
    """Takes a webhook that knows the secret and says which ticket it is about."""

    def __init__(self, settings: DjangoHelpdeskSettings) -> None:
        self._secrets = settings.secrets
        self._user_id = settings.user_id

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for what the staff or we have written, and for notes. Raises as `Receiver`."""
        signatures.require_secret(self._secrets, delivery.key)
        body = payload(_Body, delivery)
        ticket, number = body.ticket, body.followup_id
        if number is None:
            # A new one. Somebody who is logged in may have opened it, but not we.
            is_news = not any(one.user == self._user_id for one in ticket.followup_set[:1])
        else:
            about = next((one for one in ticket.followup_set if one.id == number), None)
            is_news = about is None or (about.user is None and about.public)
        return Hint(f"{ticket.id}-{'new' if number is None else number}", str(ticket.id)) if is_news else None


class DjangoHelpdesk:
    """`PolledHelpdesk` by django-helpdesk's REST API."""

    def __init__(self, source: str, settings: DjangoHelpdeskSettings) -> None:
        self._settings = settings
        auth = httpx.BasicAuth(settings.user, settings.token.get_secret_value())
        self._api = DeskApi(source, settings, {}, auth)
        self._me = settings.user_id
        self._field = f"custom_{settings.stop_tag}"

    @property
    def poll_s(self) -> float:
        """Seconds between two polls."""
        return self._settings.poll_s

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The ticket; its follow-ups are in it: one call."""
        ticket = await self._api.get(f"/api/tickets/{int(ticket_id)}/")
        return DeskTicket(
            ticket_id=str(ticket["id"]),
            subject=ticket.get("title"),
            messages=tuple(messages(ticket, self._me)),
            owner=self._owner(ticket),
            known={"status": ticket.get("status"), "has_field": self._field in ticket},
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A public follow-up, which the desk mails to the customer."""
        await self._follow_up(ticket, words, public=True)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A follow-up that only staff see."""
        await self._follow_up(ticket, words, public=False)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """The custom field or "on hold", the queue and an open status, in one call."""
        change: dict[str, Any] = {self._field: True} if ticket.known["has_field"] else {"on_hold": True}
        if ticket.known["status"] in (RESOLVED, CLOSED, DUPLICATE):
            change["status"] = REOPENED
        if number := self._settings.queue(queue):
            change["queue"] = int(number)
        await self._api.call("PATCH", f"/api/tickets/{ticket.ticket_id}/", json=change)

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new ticket in `default_queue`, without the words: the customer is mailed what it begins with."""
        if self._settings.default_queue is None or contact.email is None:
            raise HelpdeskRefused(
                "a new ticket of django-helpdesk needs `default_queue` in the settings, and the customer's e-mail address"
            )
        wanted = {
            "queue": int(self._settings.default_queue),
            "title": subject,
            "description": no_links(subject),
            "priority": 3,
            "submitter_email": contact.email,
        }
        return str((await self._api.post("/api/tickets/", wanted))["id"])

    async def poll(self, cursor: str | None) -> News:
        """Tickets whose customers have written. The cursor holds the numbers of the first and the newest follow-up seen."""
        first, _, newest = (cursor or "").partition(":")
        since = max(int(first), int(newest) - OVERLAP) if newest else None
        found: list[dict[str, Any]] = []
        async for page in self._pages_backwards():
            found += page
            if since is None or any(int(one["id"]) <= since for one in page):
                break
        last = max((int(one["id"]) for one in found), default=0)
        if since is None:
            return News((), f"{last}:{last}")
        news = [one for one in found if int(one["id"]) > since and one.get("user") is None and one.get("public")]
        hints = {int(one["id"]): Hint(f"{one['ticket']}-{one['id']}", str(one["ticket"])) for one in news}
        return News(tuple(hint for _, hint in sorted(hints.items())), f"{first}:{max(last, int(newest))}")

    async def check(self) -> list[Finding]:
        """Address, password, own id, queues, custom field; writes nothing."""
        checks = Checks()
        who = self._settings.user
        tickets = partial(self._api.get, "/api/tickets/", page_size=1)
        if await checks.ok("token", tickets, lambda _: f"user {who} can read tickets"):
            await checks.ok("user_id", self._last_page, self._tell_own_id)
            await checks.ok("queues", self._missing_queues, self._tell_queues)
            await checks.ok("hand-off", self._fields, self._tell_field)
        return checks.findings

    async def _follow_up(self, ticket: DeskTicket, words: Words, *, public: bool) -> None:
        # Without a title: it would be the ticket's new one.
        wanted = {"ticket": int(ticket.ticket_id), "comment": literal(words.text), "public": public}
        user = (await self._api.post("/api/followups/", wanted)).get("user")
        if user is not None and user != self._me:
            # What is ours is told by this number; from here on by the one that the desk gives.
            _log.error("user_id_wrong", configured=self._settings.user_id, actual=user)
            self._me = int(user)

    def _owner(self, ticket: dict[str, Any]) -> Owner:
        is_assigned = ticket.get("assigned_to") not in (None, self._me) and not self._settings.answers_assigned
        return Owner.PERSON if is_assigned or ticket.get("on_hold") or ticket.get(self._field) else Owner.US

    async def _pages_backwards(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Every page of the follow-ups, which come oldest first; at most 50."""
        answer = await self._last_page()
        yield answer["results"]
        for _ in range(MOST_PAGES - 1):
            if not answer["previous"]:
                return
            page = parse_qs(urlsplit(answer["previous"]).query).get("page", ["1"])[0]
            answer = await self._api.get("/api/followups/", page_size=PAGE, page=page)
            yield answer["results"]

    async def _last_page(self) -> Any:
        return await self._api.get("/api/followups/", page_size=PAGE, page="last")

    def _tell_own_id(self, page: dict[str, Any]) -> str:
        ours = {one["user"] for one in page["results"] if one["user"] and is_marked(one.get("comment") or "")}
        if others := ours - {self._settings.user_id}:
            raise AgentError(f"user_id is {self._settings.user_id}, but the assistant's follow-ups are by user {min(others)}")
        return f"{self._settings.user_id}, which no follow-up speaks against"

    async def _missing_queues(self) -> list[str]:
        """The API lists no queues, but refuses a ticket in one that is not there. A ticket without a title is never made."""
        wanted = {*self._settings.queues.values(), *([self._settings.default_queue] if self._settings.default_queue else [])}
        missing = []
        for number in sorted(wanted):
            response = await self._api.request("POST", "/api/tickets/", answers=(400,), json={"queue": number})
            if response.status_code == 400 and "queue" in response.json():
                missing.append(number)
        return missing

    def _tell_queues(self, missing: list[str]) -> str:
        if missing:
            raise AgentError(
                f"there is no queue {', '.join(missing)}, or {self._settings.user} may not see it: name it by its id"
            )
        return "found" if self._settings.queues else "none named: a hand-off stays where the ticket is"

    async def _fields(self) -> Any:
        return (await self._api.call("OPTIONS", "/api/tickets/"))["actions"]["POST"]

    def _tell_field(self, fields: dict[str, Any]) -> str:
        if self._field in fields:
            return f"sets the custom field {self._settings.stop_tag}"
        return f"puts the ticket on hold, since there is no custom field {self._settings.stop_tag}"


def setup(settings: DjangoHelpdeskSettings) -> Setup:
    """A user of its own, two addresses in its settings, and a custom field."""
    return Setup(
        steps=(
            "Django's admin > Users > Add: a user for the assistant alone, with staff status, and access to its queues if "
            "these are granted one by one. The number in the address of its page is `user_id`.",
            "The site's settings: HELPDESK_ACTIVATE_API_ENDPOINT = True, and Django REST framework with BasicAuthentication.",
            "The environment of the site: HELPDESK_NEW_TICKET_WEBHOOK_URLS={webhook} and "
            "HELPDESK_FOLLOWUP_WEBHOOK_URLS={webhook}. Beside another address, the first takes a comma, the second a "
            "comma between two spaces.",
            f"Django's admin > Custom fields > Add: name {settings.stop_tag}, data type Boolean, staff only, not required. "
            "Without it a hand-off puts the ticket on hold, which also pauses its escalation.",
            "To give a ticket back to the assistant, untick that field, or take the ticket off hold.",
        ),
    )


def sample(settings: DjangoHelpdeskSettings, now: float) -> Sample:
    """A comment of staff's, for staff."""
    body = b'{"ticket":{"id":0,"followup_set":[{"id":0,"user":1,"public":false}]},"queue_slug":"","followup_id":0}'
    return Sample({}, body, settings.secrets[0].get_secret_value())


SYSTEM = System("django-helpdesk", DjangoHelpdesk, DjangoHelpdeskReceiver, setup, sample)
_: type[PolledHelpdesk] = DjangoHelpdesk
