"""The forms of `INNKEEPER_REDIS_URL`: one server, sentinels, a cluster. Pure."""

from urllib.parse import urlsplit

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")


def is_sentinel(url: str) -> bool:
    """True if the URL names sentinels."""
    return _scheme(url).endswith("+sentinel")


def is_cluster(url: str) -> bool:
    """True if the URL names nodes of a cluster."""
    return _scheme(url).endswith("+cluster")


def each_host(url: str) -> tuple[str, ...]:
    """A URL for each host of one that names several, as `redis+cluster://user:password@host:port,host:port`; else itself."""
    if not (is_sentinel(url) or is_cluster(url)):
        return (url,)
    scheme, separator, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    login, at, hosts = rest[:end].rpartition("@")
    return tuple(f"{scheme}{separator}{login}{at}{host.strip()}{rest[end:]}" for host in hosts.split(","))


def check_redis_url(url: str) -> None:
    """Raise `ValueError` for a URL that none of our clients takes."""
    if _scheme(url) not in SCHEMES:
        raise ValueError(f"the URL begins with none of {', '.join(f'{one}://' for one in SCHEMES)}")
    if _scheme(url) == "unix":
        return
    for one in each_host(url):
        parts = urlsplit(one)
        if not parts.hostname or parts.port == 0:  # reading the port raises `ValueError` for one that can't be
            raise ValueError("each place is host:port; several, with commas, need redis+sentinel:// or redis+cluster://")
    path = urlsplit(each_host(url)[0]).path.strip("/").split("/")
    if is_sentinel(url) and not path[0]:
        raise ValueError("sentinels need the name of what they watch: redis+sentinel://host:26379,host:26379/mymaster")
    if is_sentinel(url) and not all(one.isdecimal() for one in path[1:]):
        raise ValueError("what follows the name that the sentinels watch is the number of a database")
    if is_cluster(url) and path not in ([""], ["0"]):
        raise ValueError("a cluster has no databases: leave the number out")


def node_urls(nodes: str) -> tuple[str, ...]:
    """The URL of each `host:port` of a list with commas. Raises `ValueError` for one that is none."""
    urls = []
    for node in filter(None, map(str.strip, nodes.split(","))):
        parts = urlsplit(f"redis://{node}")
        if not parts.hostname or not parts.port or parts.netloc != node or "@" in node:
            raise ValueError(f"{node!r} is not host:port")
        urls.append(f"redis://{node}")
    return tuple(urls)


def _scheme(url: str) -> str:
    return url.partition("://")[0]
