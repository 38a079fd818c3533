"""A real django-helpdesk, the started product and the real small model: a customer's ticket from its form to its end."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.channels.helpdesks.marks import marks_in
from tests.e2e.desk_in_browser import looked_at
from tests.e2e.product import ModelServer, Product, product, run, until
from tests.e2e.real_django_helpdesk import API_USER, DjangoHelpdesk, Installation, django_helpdesk
from tests.integration.web.stage import HAS_BROWSER
from tests.servers import free_port

SECRET = "not-to-be-guessed"
SOURCE = "django"
WITH_NUMBER = "from django.contrib.auth import get_user_model; print(get_user_model().objects.get(username='innkeeper').id)"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Talk:
    """The desk and Innkeeper, who know each other."""

    desk: DjangoHelpdesk
    house: Product
    user_id: int

    def ours(self, ticket_id: int, *, public: bool = True) -> list[str]:
        """What the assistant has written in the ticket."""
        found = self.desk.follow_ups(ticket_id)
        return [one["comment"] for one in found if one["user"] == self.user_id and one["public"] is public and one["comment"]]

    def answers(self, ticket_id: int, count: int) -> list[str]:
        """The public replies, once there are so many."""

        def enough() -> list[str] | None:
            found = self.ours(ticket_id)
            return found if len(found) >= count else None

        return until(enough, 180, lambda: self.house.log("worker").read_text()[-3000:])


@pytest.fixture(scope="module")
def talk(
    django_helpdesk_installation: Installation, knowledge: Path, model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    folder = tmp_path_factory.mktemp("talk")
    port = free_port()
    webhook = f"http://127.0.0.1:{port}/webhooks/{SOURCE}/{SECRET}"
    with (
        product(folder, knowledge, model.url) as house,
        django_helpdesk(django_helpdesk_installation, folder / "desk", [webhook], [webhook]) as desk,
    ):
        user, password = API_USER
        command = (str(desk.python), "-m", "django", "shell", "-c", WITH_NUMBER)
        told = subprocess.run(command, cwd=desk.folder, env=desk.env, capture_output=True, text=True, timeout=60, check=True)
        user_id = int(told.stdout.split()[-1])
        settings = {
            "system": "django-helpdesk",
            "url": desk.url,
            "user": user,
            "token": password,
            "user_id": user_id,
            "secrets": [SECRET],
            "timeout_s": 30,
        }
        house.port = port
        house.settings["INNKEEPER_HELPDESKS"] = json.dumps({SOURCE: settings})
        house.start("serve", "worker")
        yield Talk(desk, house, user_id)


def test_a_ticket_from_the_form_is_answered_for_the_customer_to_read(talk: Talk) -> None:
    ticket = talk.desk.open_ticket("Cancelling", "How much do I get back if I cancel three days before check-in?")
    [answer] = talk.answers(ticket.id, 1)
    assert "%" in answer
    assert len(marks_in(answer)) == 1
    page = talk.desk.public_page(ticket)
    assert next(iter(marks_in(answer))) in page

    # A follow-up question is answered in context.
    talk.desk.mail_from_customer(ticket, "And with the strict policy?")
    answers = talk.answers(ticket.id, 2)
    assert "strict" in answers[1].lower()
    if HAS_BROWSER:
        for shown in asyncio.run(looked_at(talk.desk, ticket)):
            assert all(next(iter(marks_in(one))) in shown for one in answers)

    # A member of staff speaks: from then on the assistant is silent.
    talk.desk.write_as_staff(ticket.id, "I have looked at your booking myself.")
    talk.desk.mail_from_customer(ticket, "Thank you! And what does a dog cost?")
    until(lambda: "a person has taken over" in talk.house.log("worker").read_text(), 120)
    assert len(talk.ours(ticket.id)) == 2
    assert len({mark for one in answers for mark in marks_in(one)}) == 2


def test_a_customer_who_asks_for_a_person_is_handed_over_with_a_summary(talk: Talk) -> None:
    ticket = talk.desk.open_ticket("Help", "I'd like to talk to a real person, please.")
    talk.answers(ticket.id, 1)
    [note] = until(lambda: talk.ours(ticket.id, public=False), 60)
    assert "talk to a real person" in note
    assert "talk to a real person" not in talk.ours(ticket.id)[0]


def test_a_forged_webhook_is_refused(talk: Talk) -> None:
    import httpx

    body = {"ticket": {"id": 1, "title": "x", "description": "y", "followup_set": []}, "queue_slug": "support"}
    with httpx.Client(trust_env=False) as client:
        for path in (f"/webhooks/{SOURCE}", f"/webhooks/{SOURCE}/another-secret-of-the-same-length"):
            assert client.post(talk.house.url + path, json=body).status_code == 401
    assert SECRET not in talk.house.log("serve").read_text()


def test_connect_finds_everything_in_place(talk: Talk) -> None:
    settings = {name: value for name, value in talk.house.environment().items() if name.startswith("INNKEEPER_")}
    settings.pop("INNKEEPER_DATA_DIR")
    done = run(talk.house.data_dir, "connect", "django-helpdesk", "--name", SOURCE, "--json", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert all(one["ok"] for one in checks), checks
    assert any(one["name"] == "test event" for one in checks)
