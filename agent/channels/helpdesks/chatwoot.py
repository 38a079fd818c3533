"""Chatwoot: signed webhooks of an agent bot or of the account, messages by its REST API.

Source: Chatwoot's own code (message finder, conversations, labels, assignments, mail presenter) and, for the webhooks'
headers, copies of it that agree with each other, 2026. Not tried against a server: the signature headers, what a bot's token
may call in each release, and that a call about conversation 0 shows whether a bot's token is good.
"""

import hashlib
from typing import Any

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.chatwoot_messages import INCOMING, attributes, kind_of, message_of, without_links
from agent.channels.helpdesks.checking import Checks
from agent.channels.helpdesks.http import DeskApi
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.types import (
    Contact,
    Delivery,
    DeskTicket,
    Finding,
    Helpdesk,
    Hint,
    Owner,
    Sample,
    Setup,
    System,
    Words,
)
from agent.errors import AgentError, HelpdeskRefused, PayloadInvalid, SignatureInvalid, TicketMissing
from agent.helpdesk_settings import ChatwootSettings

MAX_PAGES = 50
"""Of 20 messages each."""
_CHANGED = frozenset({"conversation_opened", "conversation_resolved", "conversation_status_changed"})


class _Numbered(Lenient):
    id: int


class _Body(Lenient):
    event: str
    id: int | None = None
    message_type: str | int | None = None
    private: bool | None = None
    conversation: _Numbered | None = None
    account: _Numbered | None = None
    account_id: int | None = None


class ChatwootReceiver:
    """Verifies a webhook, an agent bot's or the account's, and says which conversation it is about."""

    def __init__(self, settings: ChatwootSettings) -> None:
        self._settings = settings

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for what isn't a customer's new message, or a new status, in our account. Raises as `Receiver`."""
        self._verify(delivery)
        body = payload(_Body, delivery)
        is_customers = body.event == "message_created" and not body.private and kind_of(body.message_type) == INCOMING
        account = body.account.id if body.account else body.account_id
        if not (is_customers or body.event in _CHANGED) or account not in (None, self._settings.account):
            return None
        if body.id is None or (is_customers and body.conversation is None):
            raise PayloadInvalid("id, conversation.id: a new message has both")
        # A conversation that a person has is to be seen as such, or it could not be given back.
        conversation_id = body.conversation.id if is_customers and body.conversation else body.id
        digest = hashlib.sha256(delivery.body).hexdigest()
        return Hint(delivery.headers.get("x-chatwoot-delivery") or digest, str(conversation_id))

    def _verify(self, delivery: Delivery) -> None:
        secrets = self._settings.secrets
        if not self._settings.signed:
            signatures.require_secret(secrets, delivery.key)
            return
        given = signatures.from_hex(signatures.header(delivery, "X-Chatwoot-Signature"), "sha256=")
        timestamp = signatures.header(delivery, "X-Chatwoot-Timestamp")
        signatures.require(signatures.digests(secrets, f"{timestamp}.".encode() + delivery.body, "sha256"), given)
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
            raise SignatureInvalid("X-Chatwoot-Timestamp is not a number of seconds")
        signatures.require_fresh(int(timestamp), delivery.now, self._settings.window_s)


class Chatwoot:
    """`Helpdesk` by Chatwoot's REST API. An agent's token reads; the bot's, if there is one, speaks."""

    def __init__(self, source: str, settings: ChatwootSettings) -> None:
        self._settings = settings
        self._is_bot = settings.bot_token is not None
        self._api = DeskApi(source, settings, {"api_access_token": settings.token.get_secret_value()})
        self._voice = (
            DeskApi(source, settings, {"api_access_token": settings.bot_token.get_secret_value()})
            if settings.bot_token
            else self._api
        )
        self._base = f"/api/v1/accounts/{settings.account}"
        self._me: int | None = None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._api.aclose()
        if self._is_bot:
            await self._voice.aclose()

    async def read(self, ticket_id: str) -> DeskTicket:
        """The conversation and its messages, 20 a call, the newest first."""
        me = await self._own_id()
        path = self._path(ticket_id)
        conversation = await self._api.get(path)
        messages = await self._messages(f"{path}/messages")
        is_checked = self._settings.trusts_identifiers and (conversation.get("meta") or {}).get("hmac_verified") is True
        spoken = [one for one in messages if not attributes(one).get("deleted")]
        return DeskTicket(
            ticket_id=str(conversation["id"]),
            subject=(conversation.get("additional_attributes") or {}).get("mail_subject"),
            messages=tuple(message_of(one, me, is_bot=self._is_bot, is_checked=is_checked) for one in spoken),
            owner=self._owner(conversation, me),
        )

    async def reply(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """An outgoing message."""
        await self._say(ticket, words, private=False)

    async def note(self, ticket: DeskTicket, words: Words, mark: str) -> None:
        """A private note."""
        await self._say(ticket, words, private=True)

    async def hand_off(self, ticket: DeskTicket, queue: str | None) -> None:
        """The label, then open, then the team: only an open conversation is given to somebody of the team.

        Raises:
            HelpdeskRefused: without a bot only the label keeps us silent, and the account has no such label.
        """
        path = self._path(ticket.ticket_id)
        is_labelled = await self._label(path)
        await self._voice.post(f"{path}/toggle_status", {"status": "open"})
        if not self._is_bot:
            await self._let_go(path)
        if team := self._settings.queue(queue):
            await self._voice.post(f"{path}/assignments", {"team_id": int(team)})
        if not (is_labelled or self._is_bot):
            raise HelpdeskRefused(
                f"conversation {ticket.ticket_id} was handed over, but the account has no label {self._settings.stop_tag}: "
                "create it (Settings > Labels), or the assistant goes on answering"
            )

    async def open(self, subject: str, contact: Contact, words: Words, mark: str) -> str:
        """A new conversation in `inbox` with a private note. Needs the customer's address."""
        if self._settings.inbox is None or contact.email is None:
            raise HelpdeskRefused("a new Chatwoot conversation needs `inbox` in the settings, and the customer's e-mail address")
        wanted: dict[str, Any] = {
            "inbox_id": self._settings.inbox,
            "contact_id": await self._contact(contact, contact.email, self._settings.inbox),
            "status": "open",
            "additional_attributes": {"mail_subject": subject},
            "message": {"content": without_links(words.markdown or words.text), "private": True},
        }
        if self._settings.default_queue:
            wanted["team_id"] = int(self._settings.default_queue)
        return str((await self._voice.post(f"{self._base}/conversations", wanted))["id"])

    async def check(self) -> list[Finding]:
        """Address, token, account, conversations, the bot's token, label, teams, inbox."""
        checks = Checks()
        if not await checks.ok("token", self._own_id, lambda me: f"it is agent {me}"):
            return checks.findings
        if not await checks.ok(
            "conversations", lambda: self._api.get(f"{self._base}/conversations", status="all"), lambda _: "can be read"
        ):
            return checks.findings
        if self._is_bot:
            await checks.ok("bot_token", self._ask_as_bot, lambda _: "it may write")
        else:
            await checks.ok("label", lambda: self._api.get(f"{self._base}/labels"), self._tell_label)
        await checks.names("teams", lambda: self._api.get(f"{self._base}/teams"), self._settings, "id")
        if self._settings.inbox:
            await checks.ok("inbox", lambda: self._api.get(f"{self._base}/inboxes/{self._settings.inbox}"), lambda i: i["name"])
        return checks.findings

    def _path(self, ticket_id: str) -> str:
        return f"{self._base}/conversations/{int(ticket_id)}"

    async def _own_id(self) -> int:
        if self._me is None:
            self._me = int((await self._api.get("/api/v1/profile"))["id"])
        return self._me

    async def _messages(self, path: str) -> list[dict[str, Any]]:
        """Oldest first. A page says nothing of a next one, so it is asked for until nothing new comes."""
        found: dict[int, dict[str, Any]] = {}
        for _ in range(MAX_PAGES):
            page = await self._api.get(path, before=min(found, default=None))
            new = {int(one["id"]): one for one in page["payload"]}
            if new.keys() <= found.keys():
                break
            found |= new
        return [found[number] for number in sorted(found)]

    async def _say(self, ticket: DeskTicket, words: Words, *, private: bool) -> None:
        content = without_links(words.markdown or words.text)
        body = {"content": content, "message_type": "outgoing", "private": private, "content_type": "text"}
        await self._voice.post(f"{self._path(ticket.ticket_id)}/messages", body)

    async def _label(self, path: str) -> bool:
        """Add the stop tag. False if Chatwoot dropped it, as it does with labels that its account doesn't have."""
        tag = self._settings.stop_tag
        labels = (await self._api.get(f"{path}/labels"))["payload"]
        if tag not in labels:
            labels = (await self._api.post(f"{path}/labels", {"labels": [*labels, tag]}))["payload"]
        return tag in labels

    async def _let_go(self, path: str) -> None:
        """An agent who opens a conversation is assigned to it, by which nobody else would see it as theirs to take."""
        assignee = (((await self._api.get(path)).get("meta") or {}).get("assignee") or {}).get("id")
        if assignee == await self._own_id():
            await self._api.post(f"{path}/assignments", {"assignee_id": 0})

    async def _contact(self, contact: Contact, email: str, inbox: int) -> int:
        found = (await self._api.get(f"{self._base}/contacts/search", q=email))["payload"]
        for one in found:
            if (one.get("email") or "").casefold() == email.casefold():
                return int(one["id"])
        made = await self._api.post(f"{self._base}/contacts", {"inbox_id": inbox, "name": contact.name or email, "email": email})
        return int(made["payload"]["contact"]["id"])

    async def _ask_as_bot(self) -> None:
        try:
            await self._voice.post(f"{self._base}/conversations/0/assignments", {})
        except TicketMissing:
            return  # there is no conversation 0: the token was good, and nothing is written

    def _tell_label(self, answer: dict[str, Any]) -> str:
        if self._settings.stop_tag not in {one["title"] for one in answer["payload"]}:
            raise AgentError(f"the account has no label {self._settings.stop_tag}: create it (Settings > Labels)")
        return f"{self._settings.stop_tag} found"

    def _owner(self, conversation: dict[str, Any], me: int) -> Owner:
        meta = conversation.get("meta") or {}
        assignee = None if meta.get("assignee_type") == "AgentBot" else (meta.get("assignee") or {}).get("id")
        if assignee not in (None, me) and not self._settings.answers_assigned:
            return Owner.PERSON
        status = conversation.get("status")
        if self._is_bot:
            return Owner.US if status == "pending" else Owner.PERSON
        is_stopped = self._settings.stop_tag in (conversation.get("labels") or [])
        return Owner.US if status in ("open", "pending") and not is_stopped else Owner.PERSON


def setup(settings: ChatwootSettings) -> Setup:
    """An agent bot, or the account's webhook and a label."""
    if settings.bot_token:
        steps = [
            "Settings > Bots > Add Bot: webhook URL {webhook}.",
            "Its access token is `bot_token` of the settings.",
            "Settings > Inboxes > (the inbox) > Bot Configuration: choose the bot. New conversations are then pending, and ours.",
            "To give a conversation back to the assistant, mark it as pending and remove its assignee.",
        ]
    else:
        steps = [
            f"Settings > Labels > Add label: {settings.stop_tag}.",
            "Settings > Integrations > Webhooks > Add new webhook: {webhook}, "
            "events Message created and Conversation Status Changed.",
            "Settings > Inboxes > (the inbox) > Collaborators: switch automatic assignment off, or set `answers_assigned`.",
            f"To give a conversation back to the assistant, remove its label {settings.stop_tag} and its assignee.",
        ]
    if settings.signed:
        steps.insert(2, "Chatwoot makes the webhook's secret itself: copy it from there into `secrets` of the settings.")
    steps.append("If nginx stands before Chatwoot: it needs `underscores_in_headers on`, or it drops the API's tokens.")
    steps.append("If Innkeeper has a private address: allow it by WEBHOOK_ALLOWED_PRIVATE_HOSTS in Chatwoot's environment.")
    return Setup(steps=tuple(steps))


def sample(settings: ChatwootSettings, now: float) -> Sample:
    """A private note of an agent's."""
    body = (
        b'{"event":"message_created","id":0,"message_type":"outgoing","private":true,"conversation":{"id":0},"account":{"id":%d}}'
        % settings.account
    )
    if not settings.signed:
        return Sample({}, body, settings.secrets[0].get_secret_value())
    timestamp = f"{now:.0f}"
    [signature, *_] = signatures.digests(settings.secrets, f"{timestamp}.".encode() + body, "sha256")
    return Sample({"X-Chatwoot-Timestamp": timestamp, "X-Chatwoot-Signature": f"sha256={signature.hex()}"}, body)


SYSTEM = System("chatwoot", Chatwoot, ChatwootReceiver, setup, sample)
_: type[Helpdesk] = Chatwoot
