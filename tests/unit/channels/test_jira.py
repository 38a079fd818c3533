"""The golden vector of Jira's signature, and what its webhooks, issues and comments mean."""

import hashlib
import hmac
from typing import Any

import pytest
from pydantic import ValidationError

from agent.channels.helpdesks.jira import _description, _message, _rights, setup
from agent.channels.helpdesks.jira_webhooks import JiraReceiver, sample
from agent.channels.helpdesks.types import Delivery, Hint, Wrote
from agent.errors import AgentError, PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import JiraSettings

SECRET = "jira_secret"
BODY = (
    b'{"timestamp":1767225600000,"webhookEvent":"comment_created","issue":{"id":"10002","key":"SUP-1"},'
    b'"comment":{"id":"10100","body":"Hi"}}'
)
SIGNATURE = "sha256=1c28fe500fbc91f2f40f1a71d8eaac380ee9d3937a4e0bded074e2753bdc6f02"
FULL = BODY.replace(
    b'"body":"Hi"', b'"body":"Hi","jsdPublic":true,"author":{"accountId":"qm:1","accountType":"customer","displayName":"Emily"}'
)
ME, REPORTER = "5b10-me", "qm:1"


def settings(**more: Any) -> JiraSettings:
    return JiraSettings(system="jira", url="http://jira", token="t" * 9, **{"secrets": (SECRET,), "project": "SUP", **more})


def receiver(**more: Any) -> JiraReceiver:
    return JiraReceiver(settings(**more))


def delivery(body: bytes = BODY, signature: str = SIGNATURE, name: str | None = "w-1", now: float = 1000.0) -> Delivery:
    headers = {"x-hub-signature": signature} | ({"x-atlassian-webhook-identifier": name} if name else {})
    return Delivery(body, headers, None, now)


def signed(body: bytes, name: str | None = "w-1", now: float = 1000.0) -> Delivery:
    return delivery(body, "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(), name, now)


def hint(*given: Any) -> Hint:
    found = receiver().receive(signed(*given))
    assert found is not None
    return found


def test_golden_vector() -> None:
    assert receiver().receive(delivery()) == Hint("10002:w-1", "10002")
    assert receiver(secrets=("another-secret", SECRET)).receive(delivery()) == Hint("10002:w-1", "10002")


@pytest.mark.parametrize(
    "signature", ["", "sha256=", SIGNATURE[:-1] + "0", SIGNATURE.removeprefix("sha256="), "sha1=" + "ab" * 20, "sha256=zz"]
)
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(signature=signature))


def test_a_changed_body_or_secret_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        receiver().receive(delivery(BODY.replace(b"10002", b"10003")))
    with pytest.raises(SignatureInvalid):
        receiver(secrets=("another-secret",)).receive(delivery())


def test_an_unsigned_jira_needs_the_secret_in_the_path() -> None:
    unsigned = receiver(signed=False)
    assert unsigned.receive(Delivery(BODY, {}, SECRET, 1000.0)) is not None
    for key in (None, "", "another-secret"):
        with pytest.raises(SignatureInvalid):
            unsigned.receive(Delivery(BODY, {"x-hub-signature": SIGNATURE}, key, 1000.0))
    with pytest.raises(SignatureInvalid):
        receiver().receive(Delivery(BODY, {}, SECRET, 1000.0))


@pytest.mark.parametrize(
    "change",
    [
        (b'"jsdPublic":true', b'"jsdPublic":false'),
        (b'"accountType":"customer"', b'"accountType":"app"'),
        (b"SUP-1", b"SUPER-1"),
        (b"SUP-1", b"HR-1"),
        (b"comment_created", b"comment_updated"),
        (b"comment_created", b"comment_deleted"),
        (b"comment_created", b"project_created"),
    ],
)
def test_what_is_no_customers_public_message_is_passed_over(change: tuple[bytes, bytes]) -> None:
    assert hint(FULL).ticket_id == "10002"
    assert receiver().receive(signed(FULL.replace(*change))) is None


def test_a_new_issue_is_a_hint_and_a_changed_one_only_with_a_comment() -> None:
    issue = b'{"timestamp":5,"webhookEvent":"jira:issue_created","issue":{"id":10002,"key":"SUP-1","fields":{"summary":"?"}}}'
    assert hint(issue).ticket_id == "10002"
    changed = issue.replace(b"created", b"updated")
    assert receiver().receive(signed(changed)) is None
    assert hint(changed.replace(b'"issue":', b'"comment":{"id":"7"},"issue":')).ticket_id == "10002"


def test_a_comment_that_names_no_issue_is_placed_by_its_address() -> None:
    body = b'{"timestamp":5,"webhookEvent":"comment_created","comment":{"id":"7","self":"%s"}}'
    assert hint(body % b"http://jira/rest/api/2/issue/10148/comment/7").ticket_id == "10148"
    with pytest.raises(PayloadInvalid):
        receiver().receive(signed(body % b"http://jira/"))


def test_without_an_identifier_a_delivery_is_known_by_its_time_and_comment() -> None:
    assert hint(FULL, None, 1000.0) == hint(FULL, None, 1300.0)
    assert hint(FULL, None) != hint(FULL.replace(b"10100", b"10101"), None)
    untimed = FULL.replace(b'"timestamp":1767225600000,', b"")
    assert hint(untimed, None, 1000.0) != hint(untimed, None, 1000.5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"webhookEvent":"comment_created"}',
        b'{"webhookEvent":"jira:issue_created","issue":{"id":"../7"}}',
        b'{"webhookEvent":"jira:issue_created","issue":{"id":null}}',
        b"\xff",
    ],
)
def test_a_genuine_body_that_is_not_jiras_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        receiver().receive(signed(body))
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in body


@pytest.mark.parametrize("is_signed", [True, False])
def test_the_sample_is_genuine_and_leads_to_nothing(is_signed: bool) -> None:
    told = sample(settings(signed=is_signed), 1000.0)
    headers = {name.lower(): value for name, value in told.headers.items()}
    assert receiver(signed=is_signed).receive(Delivery(told.body, headers, told.key, 1000.0)) is None
    assert any("{secret}" in step for step in setup(settings(signed=is_signed)).steps) is is_signed


@pytest.mark.parametrize("project", ["", "sup", "SUP-1", "SUP AND 1=1"])
def test_a_projects_key_is_one(project: str) -> None:
    with pytest.raises(ValidationError):
        settings(project=project)


def comment(account: str | None, kind: str | None = None, **more: Any) -> dict[str, Any]:
    author = {"accountId": account, "accountType": kind} if account else None
    return {"id": "5", "author": author, "body": "Hello", "created": "2026-01-05T09:00:00.000+0100", "jsdPublic": True, **more}


@pytest.mark.parametrize(
    ("one", "wrote", "public"),
    [
        (comment(REPORTER, "customer"), Wrote.CUSTOMER, True),
        (comment(REPORTER, "atlassian"), Wrote.CUSTOMER, True),
        (comment("qm:2", "customer"), Wrote.CUSTOMER, True),
        (comment("qm:3", "customer", jsdAuthorCanSeeRequest=False), Wrote.MACHINE, True),
        (comment("5b10-staff", "atlassian"), Wrote.STAFF, True),
        (comment("5b10-staff", "atlassian", jsdPublic=False), Wrote.STAFF, False),
        (comment("5b10-staff", "atlassian", visibility={"type": "role", "value": "Administrators"}), Wrote.STAFF, False),
        (comment("5b10-app", "app"), Wrote.MACHINE, True),
        (comment(ME, "atlassian"), Wrote.US, True),
        (comment(ME, "app", jsdPublic=False), Wrote.US, False),
        (comment(None), Wrote.MACHINE, True),
    ],
)
def test_who_has_written_a_comment(one: dict[str, Any], wrote: Wrote, public: bool) -> None:
    message = _message(one, ME, REPORTER)
    assert (message.wrote, message.public, message.text) == (wrote, public, "Hello")
    assert message.sent_at == "2026-01-05T08:00:00.000Z"


def test_what_a_customers_mail_quotes_is_left_out_and_a_persons_is_kept() -> None:
    quoted = "Thanks!\n\nOn Mon, Jan 5, 2026 at 9:00 AM Support <support@example.com> wrote:\n> Ref. IK-0123456789AB"
    assert _message(comment(REPORTER, "customer", body=quoted), ME, REPORTER).text == "Thanks!"
    assert _message(comment(ME, "atlassian", body=quoted), ME, REPORTER).text == quoted


def test_a_comment_of_the_desks_api_is_read_too() -> None:
    author = {"name": "emily", "key": "JIRAUSER1"}
    one = {"id": "5", "author": author, "body": "Hi", "public": False, "created": {"epochMillis": 1767225600000}}
    message = _message(one, ME, "JIRAUSER1")
    assert (message.wrote, message.public, message.sent_at) == (Wrote.CUSTOMER, False, "2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("creator", "summary", "wrote", "automatic"),
    [
        (REPORTER, "Late", Wrote.CUSTOMER, False),
        ("5b10-form", "Late", Wrote.CUSTOMER, False),
        (ME, "Late", Wrote.US, False),
        (REPORTER, "Out of office", Wrote.CUSTOMER, True),
    ],
)
def test_who_has_written_the_issue_itself(creator: str, summary: str, wrote: Wrote, automatic: bool) -> None:
    fields = {"summary": summary, "description": None, "reporter": {"accountId": REPORTER}, "creator": {"accountId": creator}}
    message = _description("10002", {**fields, "created": "2026-01-05T09:00:00.000+0000"}, ME)
    assert (message.message_id, message.wrote, message.automatic, message.text) == ("i10002", wrote, automatic, summary)


def test_a_right_that_is_lacking_is_named() -> None:
    told = {"ADD_COMMENTS": {"havePermission": True}, "EDIT_ISSUES": {"havePermission": False}}
    with pytest.raises(AgentError, match="EDIT_ISSUES"):
        _rights(told)
    assert _rights({})
