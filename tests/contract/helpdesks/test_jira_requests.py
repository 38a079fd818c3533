"""What only Jira has: projects beside the own one, and customers who must be known before a request is theirs."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agent.adapters.redis_clients import redis_client
from agent.channels.helpdesks.types import Contact, Words, Wrote
from agent.errors import HelpdeskRefused, HelpdeskUnavailable, TicketMissing
from agent.helpdesk_settings import JiraSettings
from tests.contract.helpdesks.fake_desk import Fault
from tests.contract.helpdesks.fake_jira import FakeJira, FakeJiraDataCenter
from tests.contract.helpdesks.inn import HANDOFF, Inn, started_inn

WORDS = Words("Asks for a **person**.\n\nRef. IK-0123456789AB", "<p>Asks for a person.</p>")
EMILY = Contact("Emily", "emily@example.com")


class FakeOtherProject(FakeJira):
    """The token sees more than the service project of the settings."""

    def settings(self, url: str) -> JiraSettings:
        return JiraSettings(**{**super().settings(url).model_dump(), "project": "HR"})


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> type[FakeJira]:
    return getattr(request, "param", FakeJira)


@pytest.fixture
async def inn(kind: type[FakeJira], redis_url: str) -> AsyncIterator[Inn]:
    async with redis_client(redis_url) as redis, started_inn(kind(), redis) as started:
        yield started


@pytest.mark.parametrize("kind", [FakeJira, FakeJiraDataCenter], indirect=True)
async def test_a_customer_is_made_once_and_found_again(inn: Inn) -> None:
    desk = inn.desk
    assert isinstance(desk, FakeJira)
    first = await inn.helpdesk.open("From the chat", EMILY, WORDS, "IK-0123456789AB")
    await inn.helpdesk.open("From the chat", Contact("Emily", "Emily@example.com"), WORDS, "IK-0123456789AB")
    assert desk.customers == ["emily@example.com"]
    description, note = desk.tickets[int(first)].entries
    assert description.text == "From the chat"
    assert note.text.startswith("Asks for a *person*.")
    assert not note.public


async def test_a_request_that_we_have_opened_is_not_read_as_the_customers_words(inn: Inn) -> None:
    ticket = await inn.helpdesk.read(await inn.helpdesk.open("From the chat", EMILY, WORDS, "IK-0123456789AB"))
    assert [one.wrote for one in ticket.messages] == [Wrote.US, Wrote.US]


@pytest.mark.parametrize("kind", [FakeOtherProject], indirect=True)
async def test_an_issue_of_another_project_is_never_read(inn: Inn) -> None:
    ticket_id, _ = inn.desk.customer_writes("Where is my order?")
    with pytest.raises(TicketMissing):
        await inn.helpdesk.read(str(ticket_id))


async def test_somebody_who_has_an_account_and_is_no_customer_is_told_in_words(inn: Inn) -> None:
    desk = inn.desk
    assert isinstance(desk, FakeJira)
    desk.strangers = ["emily@example.com"]
    with pytest.raises(HelpdeskRefused, match="add them to the customers of SUP"):
        await inn.helpdesk.open("From the chat", EMILY, WORDS, "IK-0123456789AB")


async def test_the_check_says_for_whom_requests_can_be_opened(inn: Inn) -> None:
    desk = inn.desk
    assert isinstance(desk, FakeJira)
    assert "are made" in {one.name: one for one in await inn.helpdesk.check()}["customers"].detail
    desk.is_admin = False
    found = {one.name: one for one in await inn.helpdesk.check()}["customers"]
    assert found.ok
    assert "administer Jira" in found.detail
    with pytest.raises(HelpdeskUnavailable):
        await inn.helpdesk.open("From the chat", EMILY, WORDS, "IK-0123456789AB")


async def test_a_note_that_is_too_long_for_jira_is_cut_and_written_once(inn: Inn) -> None:
    inn.graph.outcome = replace(HANDOFF, summary="[*] " * 9000)
    ticket_id, entry = inn.desk.customer_writes("Where is my order?")
    await inn.hear(ticket_id, entry)
    inn.desk.faults = [Fault.LOSE, Fault.LOSE, Fault.REFUSE]
    for _ in range(4):
        await inn.work()
    ticket = inn.desk.tickets[ticket_id]
    assert len(ticket.by("us", public=True)) == 1
    assert len(ticket.by("us", public=False)) == 1
    assert inn.desk.is_handed_off(ticket)
    assert await inn.given_up() == []
