"""One list of what may be reached: every service of the settings is on it, and nothing else."""

from agent.allowlist import Service, reached, services, source_services
from agent.privacy.egress import Destination
from agent.settings import Settings
from knowledge.sources.kinds import FolderSource, WebsiteSource

DESK = {"secrets": ["whsec_" + "a" * 43 + "="], "reply_url": "https://desk.internal/innkeeper"}


def test_nothing_is_reached_that_is_not_configured() -> None:
    assert services(Settings()) == ()


def test_every_configured_service_is_listed_with_its_purpose() -> None:
    settings = Settings(
        redis_url="redis://:secret@redis:6379/0",
        chroma_url="http://chroma:8000",
        llm_base_url="http://vllm:8000/v1",
        models={"small": {"base_url": "http://vllm-small:8000/v1"}},
        reranker_url="http://rerank:8000/v1",
        reranker_model="rerank",
        otlp_endpoint="http://collector:4318",
        helpdesks={"acme": DESK},
    )
    assert reached(services(settings)) == {
        Destination("redis", 6379): ("redis",),
        Destination("chroma", 8000): ("chroma",),
        Destination("vllm", 8000): ("model",),
        Destination("vllm-small", 8000): ("model small",),
        Destination("rerank", 8000): ("reranker",),
        Destination("collector", 4318): ("collector",),
        Destination("desk.internal", 443): ("helpdesk acme",),
    }


def test_a_place_with_two_purposes_is_one_place() -> None:
    both = [Service("model", "http://vllm:8000/v1"), Service("reranker", "http://vllm:8000/v1")]
    assert reached(both) == {Destination("vllm", 8000): ("model", "reranker")}


def test_a_socket_in_the_file_system_is_no_place() -> None:
    assert reached([Service("redis", "unix:///run/redis.sock")]) == {}


def test_every_host_that_redis_may_be_at_is_listed_and_no_other() -> None:
    settings = Settings(
        redis_url="redis+sentinel://:secret@s1,s2:26380/inn/0?sentinel_password=x", redis_nodes="r1:6379, [fd00::2]:6380"
    )
    assert reached(services(settings)) == {
        Destination("s1", 26379): ("redis",),
        Destination("s2", 26380): ("redis",),
        Destination("r1", 6379): ("redis",),
        Destination("fd00::2", 6380): ("redis",),
    }
    cluster = Settings(redis_url="rediss+cluster://n1:7000,n2:7001")
    assert set(reached(services(cluster))) == {Destination("n1", 7000), Destination("n2", 7001)}


def test_what_the_sources_are_read_from_is_listed_for_each_source() -> None:
    folder = FolderSource(name="docs", path="docs")
    site = WebsiteSource(name="wiki", url="https://wiki.internal/help", allowed_hosts=("media.internal",))
    assert reached(source_services([folder, site])) == {
        Destination("wiki.internal", 443): ("source wiki",),
        Destination("media.internal", 443): ("source wiki",),
    }
