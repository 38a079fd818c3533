"""What a message of Chatwoot is: whose, for whom, and which of its words count."""

from typing import Any

import pytest

from agent.channels.helpdesks.chatwoot_messages import message_of
from agent.channels.helpdesks.types import DeskMessage, Wrote

ME = 7
QUOTED = "Thanks!\n\nOn Mon, Jan 5, 2026 at 9:00 AM Support <support@example.com> wrote:\n> Ref. IK-0123456789AB"


def read(*, is_bot: bool = False, **more: Any) -> DeskMessage:
    plain = {"id": 5, "content": "Hello", "message_type": 0, "content_type": "text", "private": False, "created_at": 1767603600}
    return message_of({**plain, "content_attributes": None, **more}, ME, is_bot=is_bot)


def sender(kind: str, number: int = 3) -> dict[str, Any]:
    return {"message_type": 1, "sender": {"id": number, "type": kind}}


@pytest.mark.parametrize(
    ("more", "is_bot", "wrote"),
    [
        ({}, False, Wrote.CUSTOMER),
        (sender("user"), False, Wrote.STAFF),
        (sender("user", ME), False, Wrote.US),
        (sender("agent_bot", ME), False, Wrote.MACHINE),
        (sender("agent_bot", 9), True, Wrote.US),
        (sender("captain_assistant", ME), True, Wrote.MACHINE),
        ({"message_type": 1}, False, Wrote.STAFF),
        ({"message_type": 1, "content_attributes": {"automation_rule_id": 4}}, False, Wrote.MACHINE),
        ({"message_type": 1, "additional_attributes": {"campaign_id": 4}}, False, Wrote.MACHINE),
        ({"message_type": 2}, False, Wrote.MACHINE),
        ({"message_type": 3}, False, Wrote.MACHINE),
    ],
)
def test_who_has_written(more: dict[str, Any], is_bot: bool, wrote: Wrote) -> None:
    assert read(is_bot=is_bot, **more).wrote is wrote


def test_notes_and_activities_are_not_for_the_customer() -> None:
    assert read().public
    assert not read(private=True).public
    assert not read(message_type=2).public


def test_only_a_mail_has_quotes_that_are_left_out() -> None:
    assert read(content=QUOTED, content_type="incoming_email").text == "Thanks!"
    assert read(content=QUOTED).text == QUOTED
    assert read(content=QUOTED, **sender("user")).text == QUOTED


@pytest.mark.parametrize(
    ("email", "is_automatic"),
    [
        ({"subject": "Late parcel", "from": ["emily@example.com"], "auto_reply": False}, False),
        ({"subject": "Late parcel", "from": ["emily@example.com"], "auto_reply": True}, True),
        ({"subject": "Out of office", "from": ["emily@example.com"]}, True),
        ({"subject": None, "from": ["no-reply@example.com"]}, True),
        ({"subject": None, "from": []}, False),
        (None, False),
    ],
)
def test_a_machines_mail_is_told_by_its_headers(email: dict[str, Any] | None, is_automatic: bool) -> None:
    assert read(content_attributes={"email": email}).automatic is is_automatic
    assert not read(content_attributes={"email": email}, **sender("user")).automatic
