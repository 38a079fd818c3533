"""Jira's webhooks, of Cloud and Data Center: which request is one about. Pure.

Source: webhooks of Jira Cloud and Data Center, 2026. Nothing here was tried against a server. Sources disagree on which
registrations of a webhook are signed: `signed` says what is demanded.
"""

import re

from pydantic import ConfigDict, Field

from agent.channels.helpdesks import signatures
from agent.channels.helpdesks.payload import Lenient, payload
from agent.channels.helpdesks.types import Delivery, Hint, Sample
from agent.errors import PayloadInvalid
from agent.helpdesk_settings import JiraSettings

_PLACE = re.compile(r"/issue/(\d+)/comment/")
_HEARD = frozenset({"jira:issue_created", "comment_created"})
_COMMENTED = "jira:issue_updated"
"""How Data Center tells of a comment, which is beside the issue then."""


class _Lenient(Lenient):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class _User(_Lenient):
    accountType: str | None = None


class _Comment(_Lenient):
    id: str
    address: str = Field("", alias="self")
    author: _User | None = None
    jsdPublic: bool | None = None


class _Issue(_Lenient):
    id: str = Field(pattern=r"^[0-9]{1,18}$")
    key: str | None = None


class _Body(_Lenient):
    webhookEvent: str
    timestamp: int | None = None
    issue: _Issue | None = None
    comment: _Comment | None = None


class JiraReceiver:
    """Verifies a webhook and says which request it is about."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings

    def receive(self, delivery: Delivery) -> Hint | None:
        """None for all but a new request or a public comment of this project's, by no app. Raises as `Receiver`."""
        if self._settings.signed:
            given = signatures.from_hex(signatures.header(delivery, "X-Hub-Signature"), "sha256=")
            signatures.require(signatures.digests(self._settings.secrets, delivery.body, "sha256"), given)
        else:
            signatures.require_secret(self._settings.secrets, delivery.key)
        body = payload(_Body, delivery)
        if body.webhookEvent not in _HEARD and not (body.webhookEvent == _COMMENTED and body.comment):
            return None
        if _is_by_app_or_internal(body.comment) or self._is_elsewhere(body.issue):
            return None
        issue = _issue_of(body)
        name = delivery.headers.get("x-atlassian-webhook-identifier")
        told = f"{body.webhookEvent}:{body.comment.id if body.comment else ''}:{body.timestamp or f'at-{delivery.now!r}'}"
        return Hint(f"{issue}:{name or told}", issue)

    def _is_elsewhere(self, issue: _Issue | None) -> bool:
        return issue is not None and issue.key is not None and not issue.key.startswith(f"{self._settings.project}-")


def _is_by_app_or_internal(comment: _Comment | None) -> bool:
    return comment is not None and (comment.jsdPublic is False or (comment.author or _User()).accountType == "app")


def _issue_of(body: _Body) -> str:
    """Its id: a key changes when the issue is moved. Some Jiras tell only the comment's address."""
    if body.issue:
        return body.issue.id
    found = _PLACE.search(body.comment.address) if body.comment else None
    if found is None:
        raise PayloadInvalid(f"issue: a {body.webhookEvent} event must name its issue")
    return found[1]


def sample(settings: JiraSettings, now: float) -> Sample:
    """An event that Jira doesn't have."""
    body = b'{"webhookEvent":"innkeeper:test"}'
    [digest, *_] = signatures.digests(settings.secrets, body, "sha256")
    if settings.signed:
        return Sample({"X-Hub-Signature": f"sha256={digest.hex()}"}, body)
    return Sample({}, body, settings.secrets[0].get_secret_value())
