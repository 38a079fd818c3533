"""Our client of django-helpdesk before a real one: what it reads, writes, hands over, finds and checks."""

import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from agent.channels.helpdesks.django_helpdesk import DjangoHelpdesk as Client
from agent.channels.helpdesks.marks import marks_in
from agent.channels.helpdesks.types import Contact, Owner, Words, Wrote
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import DjangoHelpdeskSettings
from tests.e2e.real_django_helpdesk import API_USER, CUSTOMER, DjangoHelpdesk, Installation, django_helpdesk

MARK = "IK-0123456789AB"
SECRET = "not-to-be-guessed"
MORE = """
from django.contrib.auth import get_user_model
from helpdesk.models import CustomField, Queue
Queue.objects.create(title="Billing", slug="billing", email_address="billing@example.com")
CustomField.objects.create(name="ai-handoff", label="AI handed over", data_type="boolean", required=False, staff_only=True)
print(get_user_model().objects.get(username="innkeeper").id, Queue.objects.get(slug="billing").id)
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(django_helpdesk_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DjangoHelpdesk]:
    with django_helpdesk(django_helpdesk_installation, tmp_path_factory.mktemp("desk") / "desk") as started:
        yield started


@pytest.fixture(scope="module")
def settings(desk: DjangoHelpdesk) -> DjangoHelpdeskSettings:
    """With a second queue and the custom field, which a person adds in Django's admin."""
    user, password = API_USER
    command = (str(desk.python), "-m", "django", "shell", "-c", MORE)
    told = subprocess.run(command, cwd=desk.folder, env=desk.env, capture_output=True, text=True, timeout=60, check=True)
    user_id, billing = told.stdout.split()[-2:]
    return DjangoHelpdeskSettings(
        system="django-helpdesk",
        url=desk.url,
        token=password,
        user=user,
        user_id=int(user_id),
        secrets=(SECRET,),
        queues={"billing": billing},
        default_queue="1",
        timeout_s=30,
    )


@pytest.fixture
async def client(settings: DjangoHelpdeskSettings) -> AsyncIterator[Client]:
    made = Client("desk", settings)
    yield made
    await made.aclose()


def words(text: str) -> Words:
    return Words(f"{text}\n\nRef. {MARK}", f"<p>{text}</p>")


async def test_a_ticket_is_read_answered_and_noted(desk: DjangoHelpdesk, client: Client) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?\n\nEmily")
    read = await client.read(str(ticket.id))
    assert (read.subject, read.owner) == ("Late parcel", Owner.US)
    assert [(m.wrote, m.text, m.public, m.automatic) for m in read.messages] == [
        (Wrote.CUSTOMER, "Where is my order?\n\nEmily", True, False)
    ]
    await client.reply(read, words("It **left** today [1].\n\n[1] Parcels – https://help.example/d2"), MARK)
    await client.note(read, words("For colleagues."), MARK)
    desk.mail_from_customer(ticket, "Any news?\n\nOn Monday you wrote:\n> Old text\n")
    desk.write_as_staff(ticket.id, "I am on it.")
    desk.write_as_staff(ticket.id, "Careful.", public=False)
    read = await client.read(str(ticket.id))
    assert read.subject == "Late parcel"
    assert [(m.wrote, m.public) for m in read.messages[1:]] == [
        (Wrote.US, True),
        (Wrote.US, False),
        (Wrote.CUSTOMER, True),
        (Wrote.STAFF, True),
        (Wrote.STAFF, False),
    ]
    assert read.messages[3].text == "Any news?"
    assert marks_in(read.messages[1].text) == marks_in(read.messages[2].text) == {MARK}
    assert [m.sent_at for m in read.messages] == sorted(m.sent_at for m in read.messages)
    page = desk.public_page(ticket)
    assert "left" in page
    assert f"Ref. {MARK}" in page
    assert "For colleagues." not in page


HOSTILE = (
    "{{ ticket.title }} {{ 1|nofilter }} {# c #} {% load nothing %} %}{% endverbatim %} {{ unclosed {%} {{{x}}} "
    "<script>alert(1)</script> ![x](http://outside.example/a.png) 5 %} 6"
)


async def test_whatever_a_reply_holds_is_taken_and_shown_as_it_is(desk: DjangoHelpdesk, client: Client) -> None:
    ticket = desk.open_ticket("Late parcel", HOSTILE)
    read = await client.read(str(ticket.id))
    await client.reply(read, words(HOSTILE), MARK)
    shown = HOSTILE.replace("](", "]\\(").replace("<script>alert(1)</script>", "< script>alert(1)< /script>")
    [_, ours] = (await client.read(str(ticket.id))).messages
    assert ours.text == f"{shown}\n\nRef. {MARK}"
    assert shown in desk.public_page(ticket)


async def test_a_mail_shows_the_reply_line_by_line_and_loads_nothing(desk: DjangoHelpdesk, client: Client) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")
    mark = "IK-00000000000A"
    told = "It left today.\n<img src=http://outside.example/a.png>\n1<b"
    await client.reply(await client.read(str(ticket.id)), Words(f"{told}\n\nRef. {mark}", ""), mark)
    html = desk.mailed_html(mark)
    assert f"It left today.<br>< img src=http://outside.example/a.png><br>1< b<br><br>Ref. {mark}" in html


async def test_a_hand_off_moves_the_ticket_and_can_be_taken_back(
    desk: DjangoHelpdesk, client: Client, settings: DjangoHelpdeskSettings
) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")
    desk.write_as_staff(ticket.id, "", new_status="4")
    read = await client.read(str(ticket.id))
    assert [m.wrote for m in read.messages] == [Wrote.CUSTOMER]
    for _ in range(2):
        await client.hand_off(read, "billing")
    assert (await client.read(str(ticket.id))).owner is Owner.PERSON
    now = desk.api.get(f"/tickets/{ticket.id}/").json()
    assert (now["queue"], now["status"], now["on_hold"]) == (int(settings.queues["billing"]), 2, False)
    desk.api.patch(f"/tickets/{ticket.id}/", json={"custom_ai-handoff": False}).raise_for_status()
    assert (await client.read(str(ticket.id))).owner is Owner.US
    desk.api.patch(f"/tickets/{ticket.id}/", json={"on_hold": True}).raise_for_status()
    assert (await client.read(str(ticket.id))).owner is Owner.PERSON
    desk.api.patch(f"/tickets/{ticket.id}/", json={"on_hold": False, "assigned_to": 1}).raise_for_status()
    assert (await client.read(str(ticket.id))).owner is Owner.PERSON


async def test_mail_from_others_and_from_machines_is_not_the_customers_word(desk: DjangoHelpdesk, client: Client) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")
    desk.mail_from_customer(ticket, "I am away.", Auto_Submitted="auto-replied")
    other = type(ticket)(ticket.id, ticket.page, f"x{CUSTOMER}")
    desk.mail_from_customer(other, "Tell me, too.")
    [_, away, foreign] = (await client.read(str(ticket.id))).messages
    assert (away.wrote, away.automatic) == (Wrote.CUSTOMER, True)
    assert (foreign.wrote, foreign.automatic) == (Wrote.MACHINE, False)


async def test_a_ticket_is_opened_for_a_customer(desk: DjangoHelpdesk, client: Client) -> None:
    ticket_id = await client.open("From the chat", Contact("Emily", CUSTOMER), words("Asks for a person."), MARK)
    read = await client.read(ticket_id)
    assert read.subject == "From the chat"
    # The customer is mailed what it begins with: what is for people comes later.
    assert [(m.wrote, m.text) for m in read.messages] == [(Wrote.US, "From the chat")]
    assert desk.mailed_html(f"[support-{ticket_id}]")
    assert not any("Asks for a person." in one for one in desk.mails())
    assert desk.api.get(f"/tickets/{ticket_id}/").json()["submitter_email"] == CUSTOMER
    with pytest.raises(HelpdeskRefused):
        await client.open("From the chat", Contact(), words("Asks for a person."), MARK)


async def test_polling_finds_what_customers_have_written(desk: DjangoHelpdesk, client: Client) -> None:
    ticket = desk.open_ticket("Old", "Old")
    first = await client.poll(None)
    assert first.hints == ()
    assert (await client.poll(first.cursor)).hints == ()
    await client.reply(await client.read(str(ticket.id)), words("Hello."), MARK)
    for number in range(3):
        ticket = desk.open_ticket("New", f"Question {number}")
    desk.write_as_staff(ticket.id, "I am on it.")
    found = await client.poll(first.cursor)
    assert [hint.ticket_id for hint in found.hints] == [str(ticket.id - 2), str(ticket.id - 1), str(ticket.id)]
    again = await client.poll(found.cursor)
    assert {hint.delivery for hint in again.hints} <= {hint.delivery for hint in found.hints}


async def test_the_check_by_real_calls_makes_nothing(
    desk: DjangoHelpdesk, client: Client, settings: DjangoHelpdeskSettings
) -> None:
    ticket = desk.open_ticket("Late parcel", "Where is my order?")
    await client.note(await client.read(str(ticket.id)), words("A note."), MARK)
    before = desk.api.get("/tickets/").json()["count"]
    findings = {one.name: one for one in await client.check()}
    assert [one for one in findings.values() if not one.ok] == []
    assert "custom field ai-handoff" in findings["hand-off"].detail
    for wrong, name, told in (
        ({"token": "wrong"}, "token", "token is wrong"),
        ({"queues": {"billing": "77"}}, "queues", "77"),
        ({"user_id": 1}, "user_id", "by user"),
        ({"stop_tag": "other"}, "hand-off", "on hold"),
    ):
        other = Client("desk", DjangoHelpdeskSettings(**settings.model_dump() | wrong))
        found = {one.name: one for one in await other.check()}
        await other.aclose()
        assert told in found[name].detail
        assert found[name].ok is (name == "hand-off")
    assert desk.api.get("/tickets/").json()["count"] == before


async def test_errors_are_ours(client: Client, settings: DjangoHelpdeskSettings) -> None:
    with pytest.raises(TicketMissing):
        await client.read("999999")
    other = Client("desk", DjangoHelpdeskSettings(**settings.model_dump() | {"user": "nobody"}))
    with pytest.raises(HelpdeskUnavailable):
        await other.read("1")
    await other.aclose()
