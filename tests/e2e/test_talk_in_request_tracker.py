"""A real Request Tracker, the started product and the real small model: a customer's mail from its arrival to its end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from agent.channels.helpdesks.marks import marks_in
from tests.e2e.product import ModelServer, Product, product, until
from tests.e2e.real_request_tracker import QUEUE, RequestTracker, has_request_tracker, new_database, request_tracker

SOURCE = "rt"
ANSWERS_IN_S = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not has_request_tracker(), reason="request-tracker5 is not installed")]


@dataclass(frozen=True)
class Talk:
    """The desk and Innkeeper, who polls it."""

    desk: RequestTracker
    house: Product

    def ours(self, ticket_id: int, kind: str = "Correspond") -> list[str]:
        """What the assistant has written in the ticket."""
        found = self.desk.transactions(ticket_id)
        return [one["Content"] for one in found if one["Creator"] == "innkeeper" and one["Type"] == kind and one["Content"]]

    def delivered(self, count: int) -> None:
        """Wait in the log: the desk has few processes, and whoever asks it all the time keeps others from it."""
        log = self.house.log("worker")
        until(lambda: log.read_text().count('"delivered"') >= count, ANSWERS_IN_S, lambda: log.read_text()[-3000:])


@pytest.fixture(scope="module")
def talk(
    request: pytest.FixtureRequest, knowledge: Path, model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Talk]:
    cache = getattr(request.config, "cache", None)
    made = new_database(cache.mkdir("request-tracker") if cache else tmp_path_factory.mktemp("request-tracker"))
    folder = tmp_path_factory.mktemp("talk")
    with product(folder, knowledge, model.url) as house, request_tracker(made, folder / "rt") as desk:
        settings = {
            "system": "request-tracker",
            "url": desk.url,
            "token": desk.token,
            "watched": [QUEUE],
            "handoff_owner": "sam",
            "poll_s": 3,
            "timeout_s": 60,
        }
        house.settings["INNKEEPER_HELPDESKS"] = json.dumps({SOURCE: settings})
        house.start("serve", "worker")
        # What was there before the first poll is nobody's news.
        with redis.Redis.from_url(house.redis.url) as client:
            until(lambda: client.get(f"innkeeper:hints:cursor:{SOURCE}"), 60)
        yield Talk(desk, house)


def test_a_customers_mail_is_answered_in_context_until_a_person_speaks(talk: Talk) -> None:
    before = talk.house.log("worker").read_text().count('"delivered"')
    ticket = talk.desk.open_ticket("Cancelling", "How much do I get back if I cancel three days before check-in?")
    talk.delivered(before + 1)
    [answer] = talk.ours(ticket)
    assert "%" in answer
    assert len(marks_in(answer)) == 1
    assert next(iter(marks_in(answer))) in talk.desk.mails()  # and the desk has mailed it to the customer

    talk.desk.write_as_customer(ticket, "And with the strict policy?")
    talk.delivered(before + 2)
    answers = talk.ours(ticket)
    assert len(answers) == 2
    assert "strict" in answers[1].lower()

    talk.desk.write_as_staff(ticket, "I have looked at your booking myself.")
    talk.desk.write_as_customer(ticket, "Thank you! And what does a dog cost?")
    until(lambda: "a person has taken over" in talk.house.log("worker").read_text(), 120)
    assert len(talk.ours(ticket)) == 2


def test_a_customer_who_asks_for_a_person_is_handed_over_with_a_summary(talk: Talk) -> None:
    before = talk.house.log("worker").read_text().count('"delivered"')
    ticket = talk.desk.open_ticket("Help me", "I'd like to talk to a real person, please.")
    talk.delivered(before + 1)
    [answer] = talk.ours(ticket)
    [note] = talk.ours(ticket, "Comment")
    assert "talk to a real person" in note
    assert "talk to a real person" not in answer
    assert talk.desk.api.get(f"/ticket/{ticket}").raise_for_status().json()["Owner"]["id"] == "sam"
