"""What `INNKEEPER_REDIS_URL` and `INNKEEPER_REDIS_NODES` may be."""

import pytest

from agent.errors import SettingsInvalid
from agent.redis_urls import check_redis_url, each_host, node_urls
from agent.settings import Settings, load_settings


@pytest.mark.parametrize(
    "url",
    [
        "redis://:p@localhost:6379/0",
        "rediss://redis",
        "unix:///run/redis.sock",
        "redis+sentinel://s1,s2:26380/inn",
        "rediss+sentinel://user:p%2Cw@[::1]:1,s2/inn/3?sentinel_password=x",
        "redis+cluster://n1:7000,n2:7000,n3:7000",
    ],
)
def test_every_form_is_taken(url: str) -> None:
    check_redis_url(url)
    assert Settings(redis_url=url).redis_url == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://redis", "begins with none of"),
        ("redis://", "host:port"),
        ("redis://a:1,b:2", "Port could not be cast"),
        ("redis+cluster://a:1,:2", "host:port"),
        ("redis+cluster://a:1,", "host:port"),
        ("redis+cluster://a:1/3", "no databases"),
        ("redis+sentinel://a:1,b:99999/inn", "Port out of range"),
        ("redis+sentinel://a:1,b:2", "the name of what they watch"),
        ("redis+sentinel://a:1/inn/x", "number of a database"),
    ],
)
def test_what_no_client_takes_is_refused_at_the_start(url: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=why):
        check_redis_url(url)
    monkeypatch.setenv("INNKEEPER_REDIS_URL", url)
    with pytest.raises(SettingsInvalid, match="INNKEEPER_REDIS_URL"):
        load_settings()


def test_each_host_keeps_the_login_the_path_and_the_options() -> None:
    url = "redis+sentinel://user:p%40w@s1:1, [::1]:2/inn/3?socket_timeout=4"
    assert each_host(url) == (
        "redis+sentinel://user:p%40w@s1:1/inn/3?socket_timeout=4",
        "redis+sentinel://user:p%40w@[::1]:2/inn/3?socket_timeout=4",
    )
    assert each_host("http://a,b/c") == ("http://a,b/c",)


def test_nodes_are_places_with_ports() -> None:
    assert node_urls("r1:6379, [::1]:6380,") == ("redis://r1:6379", "redis://[::1]:6380")
    assert node_urls("") == ()
    for wrong in ("r1", "r1:x", "r1:6379/0", "user@r1:6379", ":6379"):
        with pytest.raises(ValueError, match=r"host:port|Port could not"):
            node_urls(wrong)
