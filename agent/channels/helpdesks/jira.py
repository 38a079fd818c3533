"""Jira Service Management, Cloud and Data Center: comments of requests, labels and components of issues.

Source: Jira platform REST API v2, Jira Service Management REST API, 2026. Nothing here was tried against a server. Doubtful:
whether every Jira answers the permission `SERVICEDESK_AGENT`. Cloud tells whether a comment's author is a customer; Data
Center doesn't, so that there anybody but the reporter counts as a person who works there, and we are silent. A later
out-of-office reply can't be told: Jira keeps neither its headers nor its subject.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import httpx

from agent.channels.helpdesks.automatic import automatic_subject
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.jira_markup import wiki
from agent.channels.helpdesks.jira_webhooks import JiraReceiver, sample
from agent.channels.helpdesks.reading import said, utc
from agent.channels.helpdesks.senders import claimed
from agent.channels.helpdesks.types import (
    Contact,
    DeskMessage,
    DeskTicket,
    Finding,
    Helpdesk,
    Owner,
    Setup,
    System,
    Words,
    Wrote,
)
from agent.errors import AgentError, HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import JiraSettings
from agent.types import NOBODY, Customer

PER_PAGE = 100
MOST_PAGES = 50
ADMINISTER = "ADMINISTER"
NEEDED = ("BROWSE_PROJECTS", "ADD_COMMENTS", "EDIT_ISSUES", "SERVICEDESK_AGENT")
_FIELDS = "summary,description,reporter,creator,assignee,labels,created"
_DESK = "/rest/servicedeskapi"


class Jira:
    """`Helpdesk` by both APIs. Whether it is Cloud shows by the e-mail address in the settings."""

    def __init__(self, source: str, settings: JiraSettings) -> None:
        self._settings = settings
        token = settings.token.get_secret_value()
        headers = {"X-ExperimentalApi": "opt-in"} | ({} if settings.email else {"authorization": f"Bearer {token}"})
        self._api = DeskApi(source, settings, headers, httpx.BasicAuth(settings.email, token) if settings.email else None)
        self._me: str | None = None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The issue, whose description is the first message, and its comments page by page."""
        me = await self._own_id()
        issue = await self._api.get(f"/rest/api/2/issue/{int(ticket_id)}", fields=_FIELDS)
        if not str(issue["key"]).startswith(f"{self._settings.project}-"):
            raise TicketMissing(f"issue {ticket_id} of the helpdesk {self._api.source!r} is of another project")
        fields = issue["fields"]
        comments = [one async for one in self._comments(str(issue["id"]))]
        customer = who(fields.get("reporter"))
        rest = sorted((_message(one, me, customer) for one in comments), key=lambda one: (one.sent_at, int(one.message_id)))
        return DeskTicket(
            ticket_id=str(issue["id"]),
            subject=fields.get("summary"),
            messages=(_description(str(issue["id"]), fields, me), *rest),
            owner=self._owner(fields, me),
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A public comment, which goes out by e-mail."""
        await self._comment(ticket.ticket_id, words, public=True)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """An internal comment."""
        await self._comment(ticket.ticket_id, words, public=False)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """The label and the component in one call; what is there already is added once."""
        component = self._settings.queue(queue)
        update: dict[str, Any] = {"labels": [{"add": self._settings.stop_tag}]}
        if component:
            update["components"] = [{"add": {"name": component}}]
        await self._api.put(f"/rest/api/2/issue/{ticket.ticket_id}", {"update": update})

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new request in the customer's name, then an internal comment: the customer sees the description.

        If only the comment fails, a repeat opens another request.
        """
        if self._settings.request_type is None or contact.email is None:
            raise HelpdeskRefused("a new Jira request needs `request_type` in the settings, and the customer's e-mail address")
        desk = await self._service_desk()
        wanted = {
            "serviceDeskId": desk,
            "requestTypeId": self._settings.request_type,
            "requestFieldValues": {"summary": subject, "description": wiki(subject)},
            "raiseOnBehalfOf": await self._customer(desk, contact.email, contact.name),
        }
        made = str((await self._api.post(f"{_DESK}/request", wanted))["issueId"])
        await self._comment(made, words, public=False)
        return made

    async def check(self) -> list[Finding]:
        """Address, token, service project, rights, request type, components."""
        settings, api, checks = self._settings, self._api, Checks()
        if not await checks.ok("token", self._own_id, lambda me: f"it is user {me}"):
            return checks.findings
        if await checks.ok("project", self._service_desk, lambda desk: f"{settings.project} is service project {desk}"):
            await checks.ok("rights", lambda: self._permissions(NEEDED), _rights)
            if settings.request_type:
                await checks.ok("request type", self._request_type, lambda one: f"requests are opened as {one['name']}")
                await checks.ok("customers", lambda: self._permissions([ADMINISTER]), _customers)
            if settings.queues or settings.default_queue:
                path = f"/rest/api/2/project/{settings.project}/components"
                await checks.names("components", lambda: api.get(path), settings)
        return checks.findings

    async def _permissions(self, asked: Iterable[str]) -> Any:
        found = await self._api.get("/rest/api/2/mypermissions", projectKey=self._settings.project, permissions=",".join(asked))
        return found["permissions"]

    async def _request_type(self) -> Any:
        path = f"{_DESK}/servicedesk/{await self._service_desk()}/requesttype/{self._settings.request_type}"
        return await self._api.get(path)

    async def _comment(self, issue: str, words: Words, *, public: bool) -> None:
        path = f"{_DESK}/request/{issue}/comment"
        await self._api.post(path, {"body": wiki(words.markdown or words.text), "public": public})

    async def _comments(self, issue: str) -> AsyncIterator[dict[str, Any]]:
        """Each with `jsdPublic` (or `public`): only Cloud's platform tells it, only Data Center needs the desk's API for it."""
        if not self._settings.email:
            async for one in self._pages(f"{_DESK}/request/{issue}/comment"):
                yield one
            return
        path, start = f"/rest/api/2/issue/{issue}/comment", 0
        for _ in range(MOST_PAGES):
            found = await self._api.get(path, startAt=start, maxResults=PER_PAGE)
            for one in found["comments"]:
                yield one
            start += len(found["comments"])
            if not found["comments"] or start >= int(found["total"]):
                return
        raise self._too_long(path)

    async def _pages(self, path: str, **params: str) -> AsyncIterator[dict[str, Any]]:
        start = 0
        for _ in range(MOST_PAGES):
            found = await self._api.get(path, start=start, limit=PER_PAGE, **params)
            for one in found["values"]:
                yield one
            start += len(found["values"])
            if not found["values"] or found.get("isLastPage", True):
                return
        raise self._too_long(path)

    def _too_long(self, path: str) -> HelpdeskRefused:
        return HelpdeskRefused(f"{path} of the helpdesk {self._api.source!r} has more than {MOST_PAGES} pages: left to people")

    async def _own_id(self) -> str:
        if self._me is None:
            me = who(await self._api.get("/rest/api/2/myself"))
            if me is None:
                raise HelpdeskUnavailable(
                    f"the helpdesk {self._api.source!r} doesn't tell whose token it is: is its address right?"
                )
            self._me = me
        return self._me

    async def _service_desk(self) -> str:
        async for one in self._pages(f"{_DESK}/servicedesk"):
            if one.get("projectKey") == self._settings.project:
                return str(one["id"])
        raise HelpdeskRefused(
            f"the helpdesk {self._api.source!r} shows no service project {self._settings.project} to this token"
        )

    async def _customer(self, desk: str, email: str, name: str | None) -> str:
        """The customer's id for a request in their name; made if the service project knows none of that address.

        Raises:
            HelpdeskRefused: Jira has somebody of that address who is no customer of this project.
        """
        async for one in self._pages(f"{_DESK}/servicedesk/{desk}/customer", query=email):
            if str(one.get("emailAddress", "")).lower() == email.lower():
                return _name(one)
        shown = {"displayName" if self._settings.email else "fullName": name or email, "email": email}
        try:
            return _name(await self._api.post(f"{_DESK}/customer", shown))
        except HelpdeskRefused as error:
            raise HelpdeskRefused(
                f"the helpdesk {self._api.source!r} makes no customer of this address: if somebody has it already, "
                f"add them to the customers of {self._settings.project}"
            ) from error

    def _owner(self, fields: Mapping[str, Any], me: str) -> Owner:
        is_assigned = who(fields.get("assignee")) not in (None, me)
        if self._settings.stop_tag in (fields.get("labels") or []) or (is_assigned and not self._settings.answers_assigned):
            return Owner.PERSON
        return Owner.US


def who(user: Mapping[str, Any] | None) -> str | None:
    """A user's id: Cloud's account id, or Data Center's key, which stays when the name changes."""
    found = (user or {}).get("accountId") or (user or {}).get("key") or (user or {}).get("name")
    return str(found) if found else None


def _name(user: Mapping[str, Any]) -> str:
    """What a request is raised on behalf of: the account id, or the user name of Data Center."""
    return str(user.get("accountId") or user["name"])


def _rights(told: Mapping[str, Any]) -> str:
    if missing := [one for one in NEEDED if one in told and not told[one]["havePermission"]]:
        raise AgentError(f"this token's user lacks {', '.join(missing)} in the project: give them in its permission scheme")
    return "reading, commenting, editing, agent"


def _customers(told: Mapping[str, Any]) -> str:
    """Only who administers Jira may make customers."""
    if told.get(ADMINISTER, {}).get("havePermission"):
        return "are made when the project doesn't know them"
    return "requests are opened for those whom the project knows; for others the token's user would have to administer Jira"


def _description(issue: str, fields: Mapping[str, Any], me: str) -> DeskMessage:
    """What the reporter asked; ours if we have made the issue, in whosever name."""
    is_ours = me in (who(fields.get("creator")), who(fields.get("reporter")))
    return DeskMessage(
        message_id=f"i{issue}",
        wrote=Wrote.US if is_ours else Wrote.CUSTOMER,
        text=said(fields.get("description") or fields.get("summary")),
        sent_at=utc(fields["created"]),
        automatic=automatic_subject(fields.get("summary")),
        customer=NOBODY if is_ours else _claimed(fields.get("reporter")),
    )


def _message(comment: Mapping[str, Any], me: str, reporter: str | None) -> DeskMessage:
    author = who(comment.get("author"))
    kind = (comment.get("author") or {}).get("accountType")
    if author == me:
        wrote = Wrote.US
    elif author is None or kind == "app" or comment.get("jsdAuthorCanSeeRequest") is False:
        # The last: a mail from somebody who has no part in the request.
        wrote = Wrote.MACHINE
    else:
        wrote = Wrote.CUSTOMER if author == reporter or kind == "customer" else Wrote.STAFF
    created = comment["created"]
    return DeskMessage(
        message_id=str(comment["id"]),
        wrote=wrote,
        text=said(comment.get("body"), mail=wrote is Wrote.CUSTOMER),
        sent_at=utc(int(created["epochMillis"]) / 1000 if isinstance(created, Mapping) else created),
        # What is restricted to a role or group is seen by no customer, whatever else is said of it.
        public=bool(comment.get("jsdPublic", comment.get("public", True))) and not comment.get("visibility"),
        customer=_claimed(comment.get("author")) if wrote is Wrote.CUSTOMER else NOBODY,
        may_be_forged=True,  # a comment that came by mail looks like any other
    )


def _claimed(user: Mapping[str, Any] | None) -> Customer:
    """By the address, which Jira Cloud tells only of who shows it."""
    return claimed((user or {}).get("emailAddress"))


def setup(settings: JiraSettings) -> Setup:
    """A webhook of the system's."""
    signed = "Secret: {secret}" if settings.signed else "no secret: it stands in the URL"
    return Setup(
        steps=(
            f"System > WebHooks > Create a WebHook: URL {{webhook}}, {signed}.",
            f"  Issue related events, JQL: project = {settings.project}",
            "  Issue: created. Comment: created. On Data Center also Issue: updated, which tells of comments there.",
            f"Project settings > People: the token's user is an agent (Service Desk Team) of {settings.project}, and "
            "Innkeeper's alone.",
            f"To give a request back to the assistant, remove its label {settings.stop_tag} and the assignee.",
        )
    )


SYSTEM = System("jira", Jira, JiraReceiver, setup, sample, notes_decide=False)
_: type[Helpdesk] = Jira
