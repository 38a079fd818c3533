"""What django-helpdesk's webhooks mean, and what its comments may hold. It signs nothing: there is no golden vector."""

import json

import pytest

from agent.channels.helpdesks.django_helpdesk import DjangoHelpdeskReceiver
from agent.channels.helpdesks.django_markup import literal, no_links
from agent.channels.helpdesks.django_tickets import messages
from agent.channels.helpdesks.types import Delivery, Hint, Wrote
from agent.errors import PayloadInvalid, RequestRejected, SignatureInvalid
from agent.helpdesk_settings import DjangoHelpdeskSettings

SECRET = "s3cr3t-in-the-path"
US, STAFF = 7, 3
# As release 2.6.1 has sent them.
NEW_TICKET = (
    rb'{"ticket": {"id": 1, "queue": 1, "title": "Late parcel", "description": "Where is my order?\n\nEmily", '
    rb'"resolution": null, "submitter_email": "emily@example.com", "assigned_to": null, "status": 1, "on_hold": '
    rb'false, "priority": 3, "due_date": null, "merged_to": null, "followup_set": [{"id": 1, "ticket": 1, '
    rb'"user": null, "title": "Ticket Opened Via Web", "comment": "Where is my order?\n\nEmily", "public": '
    rb'true, "new_status": null, "time_spent": null, "followupattachment_set": [], "date": '
    rb'"2026-11-26T09:05:51.987427-06:00", "message_id": null, "email_recipients": ["emily@example.com"]}]}, '
    rb'"queue_slug": "support"}'
)
FOLLOW_UP = (
    rb'{"ticket": {"id": 1, "queue": 1, "title": "Late parcel", "description": "Where is my order?\n\nEmily", '
    rb'"resolution": null, "submitter_email": "emily@example.com", "assigned_to": null, "status": 1, "on_hold": '
    rb'false, "priority": 3, "due_date": null, "merged_to": null, "followup_set": [{"id": 1, "ticket": 1, '
    rb'"user": null, "title": "Ticket Opened Via Web", "comment": "Where is my order?\n\nEmily", "public": '
    rb'true, "new_status": null, "time_spent": null, "followupattachment_set": [], "date": '
    rb'"2026-11-26T09:05:51.987427-06:00", "message_id": null, "email_recipients": ["emily@example.com"]}, '
    rb'{"id": 2, "ticket": 1, "user": null, "title": "E-Mail Received from emily@example.com", "comment": "Any '
    rb'news?\n\nOn Monday you wrote:\n> Old text\n", "public": true, "new_status": null, "time_spent": null, '
    rb'"followupattachment_set": [], "date": "2026-11-26T09:05:53.997996-06:00", "message_id": '
    rb'"<179570555229.24170.11013475867673593466@example.com>", "email_recipients": ["emily@example.com"]}]}, '
    rb'"queue_slug": "support", "followup_id": 2}'
)


def settings(*secrets: str) -> DjangoHelpdeskSettings:
    return DjangoHelpdeskSettings(
        system="django-helpdesk", url="http://desk", token="t", user="innkeeper", user_id=US, secrets=secrets or (SECRET,)
    )


def body(*, user: int | None = None, public: bool = True, followup_id: int | None = None) -> bytes:
    ticket = {"id": 5, "queue": 1, "title": "Late parcel", "description": "Where is my order?", "status": 1}
    ticket["followup_set"] = [
        {"id": 8, "ticket": 5, "user": user if followup_id is None else None, "public": True, "comment": "Where is my order?"},
        {"id": 9, "ticket": 5, "user": user, "public": public, "comment": "And now?", "message_id": None},
    ]
    news = {} if followup_id is None else {"followup_id": followup_id}
    return json.dumps({"ticket": ticket, "queue_slug": "support", **news}).encode()


def received(given: bytes, key: str | None = SECRET, *secrets: str) -> Hint | None:
    return DjangoHelpdeskReceiver(settings(*secrets)).receive(Delivery(given, {}, key, 0.0))


def test_a_new_ticket_and_a_customers_follow_up_are_hints() -> None:
    assert received(body()) == Hint("5-new", "5")
    assert received(body(followup_id=9)) == Hint("5-9", "5")
    assert received(body(followup_id=9), SECRET, "another-secret", SECRET) == Hint("5-9", "5")


def test_recorded_bodies() -> None:
    assert received(NEW_TICKET) == Hint("1-new", "1")
    assert received(FOLLOW_UP) == Hint("1-2", "1")


def test_a_ticket_that_somebody_has_opened_while_logged_in_is_a_hint() -> None:
    assert received(body(user=STAFF)) == Hint("5-new", "5")


@pytest.mark.parametrize(
    "given",
    [
        body(user=US),
        body(user=US, followup_id=9),
        body(user=STAFF, followup_id=9),
        body(user=STAFF, public=False, followup_id=9),
        body(public=False, followup_id=9),
    ],
)
def test_what_is_ours_the_staffs_or_internal_is_passed_over(given: bytes) -> None:
    assert received(given) is None


@pytest.mark.parametrize("given", [b'{"ticket":{"id":5}}', b'{"ticket":{"id":5},"followup_id":9}'])
def test_a_body_without_follow_ups_is_a_hint(given: bytes) -> None:
    assert received(given) is not None


@pytest.mark.parametrize("key", [None, "", SECRET[:-1], SECRET + "x", "another-secret"])
def test_any_other_secret_is_refused(key: str | None) -> None:
    with pytest.raises(SignatureInvalid):
        received(body(), key)


@pytest.mark.parametrize("given", [b"", b"[]", b"{}", b'{"ticket":{}}', b'{"ticket":{"id":"x"}}', b'{"ticket":5}', b"\xff"])
def test_a_body_that_is_not_django_helpdesks_is_refused_in_words(given: bytes) -> None:
    with pytest.raises(RequestRejected) as told:
        received(given)
    assert str(told.value)
    assert not isinstance(told.value, SignatureInvalid)
    assert isinstance(told.value, PayloadInvalid) or b"{" not in given


def follow_up(number: int, title: str, **more: object) -> dict[str, object]:
    at = f"2026-01-05T09:0{number}:00+01:00"
    return {"id": number, "user": None, "title": title, "comment": f"Text {number}", "public": True, "date": at} | {
        "message_id": None,
        "email_recipients": ["emily@example.com"],
        **more,
    }


def test_who_wrote_what() -> None:
    by_mail = {"message_id": "<a@example.com>"}
    ticket = {"id": 1, "title": "Late", "description": "Text 0", "submitter_email": "Emily@example.com"}
    ticket["followup_set"] = [
        follow_up(8, 'E-Mail Received from "emily@example.com x"@outside.example', **by_mail),
        follow_up(6, "Ticket Escalated After 3 Days"),
        follow_up(5, "E-Mail Received from xemily@example.com", **by_mail),
        follow_up(4, "E-Mail Received from emily@example.com", **by_mail, email_recipients=[]),
        follow_up(3, "E-Mail Received from emily@example.com", **by_mail),
        follow_up(2, "Late", user=STAFF, public=False),
        follow_up(1, "Late", user=US),
        follow_up(0, "Ticket Opened Via Web"),
        follow_up(7, "Assigned", comment="", user=STAFF),
    ]
    assert [(m.message_id, m.wrote, m.public, m.automatic) for m in messages(ticket, US)] == [
        ("0", Wrote.CUSTOMER, True, False),
        ("1", Wrote.US, True, False),
        ("2", Wrote.STAFF, False, False),
        ("3", Wrote.CUSTOMER, True, False),
        ("4", Wrote.CUSTOMER, True, True),
        ("5", Wrote.MACHINE, True, False),
        ("6", Wrote.MACHINE, True, False),
        ("8", Wrote.MACHINE, True, False),
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("You get **half** back [1].\n\n[1] Fees – https://help.example/d2", None),
        ("[x](javascript:alert(1))", "[x]\\(javascript:alert(1))"),
        ("![x](http://outside.example/a.png)", "![x]\\(http://outside.example/a.png)"),
        ("see [1]\n\n[1]: http://outside.example", "see [1]\n\n\\[1]: http://outside.example"),
        ("> [1]: http://outside.example", "> \\[1]: http://outside.example"),
        ("<http://outside.example> <a@b.example>", "< http://outside.example> < a@b.example>"),
        ("2 < 3 <3 a<=b", None),
        ("a<b and <img src=x> </p> <!-- x --> <?x?>", "a< b and < img src=x> < /p> < !-- x --> < ?x?>"),
    ],
)
def test_no_link_and_no_html_is_left_in_markdown(text: str, shown: str | None) -> None:
    assert no_links(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("{{ ticket.title }}", '{{ "{" }}{ ticket.title }}'),
        ("{% load x %}", '{{ "{" }}% load x %{{ "}" }}'),
        ("{# x #}", '{{ "{" }}# x #}'),
        ("100%} {%", '100%{{ "}" }} {{ "{" }}%'),
        ("{ a } {", "{ a } {"),
        ("one\ntwo\r\n\nthree", "one\r\ntwo\r\n\r\nthree"),
    ],
)
def test_nothing_in_a_comment_is_a_template_and_its_lines_end_as_a_forms_do(text: str, left: str) -> None:
    assert literal(text) == left
