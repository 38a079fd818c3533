"""One suite over every helpdesk."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.redis_clients import redis_client
from tests.contract.helpdesks.fake_chatwoot import FakeChatwoot, FakeChatwootAccount
from tests.contract.helpdesks.fake_desk import IMPATIENT_S, FakeDesk, Fault
from tests.contract.helpdesks.fake_django_helpdesk import FakeDjangoHelpdesk
from tests.contract.helpdesks.fake_email import FakeEmail
from tests.contract.helpdesks.fake_freescout import FakeFreeScout
from tests.contract.helpdesks.fake_freshdesk import FakeFreshdesk
from tests.contract.helpdesks.fake_glpi import FakeGlpi
from tests.contract.helpdesks.fake_jira import FakeJira, FakeJiraDataCenter
from tests.contract.helpdesks.fake_request_tracker import FakeRequestTracker
from tests.contract.helpdesks.fake_zammad import FakeZammad
from tests.contract.helpdesks.fake_zendesk import FakeZendesk, FakeZendeskTrigger
from tests.contract.helpdesks.inn import Inn, started_inn

DESKS: tuple[type[FakeDesk], ...] = (
    FakeZammad,
    FakeChatwoot,
    FakeChatwootAccount,
    FakeZendesk,
    FakeZendeskTrigger,
    FakeGlpi,
    FakeDjangoHelpdesk,
    FakeRequestTracker,
    FakeFreshdesk,
    FakeFreeScout,
    FakeJira,
    FakeJiraDataCenter,
    FakeEmail,
)


@pytest.fixture(params=DESKS, ids=lambda kind: kind.system)
def desk(request: pytest.FixtureRequest) -> FakeDesk:
    desk: FakeDesk = request.param()
    if request.node.callspec.params.get("fault") is Fault.HANG:
        desk.timeout_s = IMPATIENT_S
    return desk


@pytest.fixture
async def inn(desk: FakeDesk, redis_url: str) -> AsyncIterator[Inn]:
    async with redis_client(redis_url) as redis, started_inn(desk, redis) as started:
        yield started
