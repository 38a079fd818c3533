"""What this installation may reach beyond its own machine, and what for.

The one list: the guard of every process, `innkeeper prove-egress` and the tests of the chart's network policies take it
from here. The sources of the knowledge base add what they read from, as they are listed (`source_services`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.privacy.egress import Destination, destination
from agent.redis_urls import each_host, node_urls
from agent.settings import Settings
from knowledge.sources.kinds import BaseSource


@dataclass(frozen=True, slots=True)
class Service:
    """Something outside this process that the settings name.

    Attributes:
        purpose: what it is for, e.g. `redis`, `model`, or a helpdesk's name as `helpdesk acme`.
        url: where it is.
    """

    purpose: str
    url: str

    @property
    def destination(self) -> Destination | None:
        """Host and port; None for a socket in the file system.

        Raises:
            SettingsInvalid: the URL can't be read.
        """
        return None if self.url.startswith("unix:") else destination(self.url)


def services(settings: Settings) -> tuple[Service, ...]:
    """Every service of the settings, in the order in which they are read."""
    return tuple(_services(settings))


def source_services(sources: Iterable[BaseSource]) -> tuple[Service, ...]:
    """The places that the listed sources are read from, each for its source."""
    return tuple(Service(f"source {source.name}", url) for source in sources for url in source.reaches)


def reached(found: Iterable[Service]) -> dict[Destination, tuple[str, ...]]:
    """The places, each with all that it is for; what is a file is left out."""
    places: dict[Destination, tuple[str, ...]] = {}
    for service in found:
        place = service.destination
        if place is not None:
            places[place] = (*places.get(place, ()), service.purpose)
    return places


def _services(settings: Settings) -> Iterator[Service]:
    # Each host of the URL, and what sentinels or a cluster may name beside them.
    redis = (*(each_host(settings.redis_url) if settings.redis_url else ()), *node_urls(settings.redis_nodes))
    yield from (Service("redis", url) for url in redis)
    named = {
        "chroma": settings.chroma_url,
        "model": settings.llm_base_url,
        "reranker": settings.reranker_url,
        "collector": settings.otlp_endpoint,
    }
    yield from (Service(purpose, url) for purpose, url in named.items() if url)
    yield from (Service(f"model {name}", model.base_url) for name, model in settings.models.items())
    for name, desk in settings.helpdesks.items():
        yield from (Service(f"helpdesk {name}", address) for address in desk.addresses)
    for name, system in settings.tools.items():
        yield from (Service(f"tools {name}", address) for address in system.addresses)
