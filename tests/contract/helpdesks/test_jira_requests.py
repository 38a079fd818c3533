"""What only Jira has: projects beside the own one, and customers who must be known before a request is theirs."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_store import redis_client
from agent.channels.helpdesks.types import Contact, Words, Wrote
from agent.errors import TicketMissing
from agent.helpdesk_settings import JiraSettings
from tests.contract.helpdesks.fake_jira import FakeJira, FakeJiraDataCenter
from tests.contract.helpdesks.inn import Inn, started_inn

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
