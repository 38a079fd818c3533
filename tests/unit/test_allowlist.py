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
        reranker_url="http://rerank:8000/v1",
        reranker_model="rerank",
        helpdesks={"acme": DESK},
    )
    assert reached(services(settings)) == {
        Destination("redis", 6379): ("redis",),
        Destination("chroma", 8000): ("chroma",),
        Destination("vllm", 8000): ("model",),
        Destination("rerank", 8000): ("reranker",),
        Destination("desk.internal", 443): ("helpdesk acme",),
    }


def test_a_place_with_two_purposes_is_one_place() -> None:
    both = [Service("model", "http://vllm:8000/v1"), Service("reranker", "http://vllm:8000/v1")]
    assert reached(both) == {Destination("vllm", 8000): ("model", "reranker")}


def test_a_socket_in_the_file_system_is_no_place() -> None:
    assert reached([Service("redis", "unix:///run/redis.sock")]) == {}


def test_what_the_sources_are_read_from_is_listed_for_each_source() -> None:
    folder = FolderSource(name="docs", path="docs")
    site = WebsiteSource(name="wiki", url="https://wiki.internal/help", allowed_hosts=("media.internal",))
    assert reached(source_services([folder, site])) == {
        Destination("wiki.internal", 443): ("source wiki",),
        Destination("media.internal", 443): ("source wiki",),
    }
