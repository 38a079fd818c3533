import pytest

from agent.channels.widget import limits
from agent.errors import TooManyRequests
from agent.site_settings import SiteSettings
from tests.fakes_widget import InMemoryWidgetSessions

SITE = SiteSettings.model_validate(
    {"name": "Shop", "origins": ["https://shop.example"], "limits": {"session_messages": 2, "site_messages": 3}}
)


def key(address: str) -> str:
    return limits.session_limits("shop", SITE, address)[0].key


def test_an_ipv6_customer_has_one_address_and_neighbours_do_not_share_it() -> None:
    assert key("2001:db8::1") == key("2001:db8::ffff:1")
    assert key("2001:db8::1") != key("2001:db8:0:1::1")
    assert key("::ffff:192.0.2.1") == key("192.0.2.1")
    assert key("192.0.2.1") != key("192.0.2.2")
    assert "192.0.2.1" not in key("192.0.2.1")


async def test_a_session_and_a_site_each_have_their_limit() -> None:
    sessions = InMemoryWidgetSessions()
    for owner in ("a", "a", "b"):
        await limits.take(sessions, limits.message_limits("shop", SITE, owner))
    for owner in ("a", "b", "c"):
        with pytest.raises(TooManyRequests) as refused:
            await limits.take(sessions, limits.message_limits("shop", SITE, owner))
        assert refused.value.retry_after_s == 60
    await limits.take(sessions, limits.message_limits("other", SITE, "c"))
