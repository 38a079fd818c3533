"""Are the services there? Used by `innkeeper doctor`."""

from agent.adapters.redis_clients import is_ready, redis_client
from agent.adapters.redis_nodes import announced, fewest_replicas, version
from agent.channels.helpdesks.registry import clients
from agent.errors import ModelUnavailable, QueueUnavailable, SettingsInvalid
from agent.settings import Settings
from agent.wiring import rules, shelf


async def redis(settings: Settings) -> str:
    """Raises `QueueUnavailable`, `SettingsInvalid` for a node that may not be reached, or `ServiceFailed` if there is none."""
    url = shelf.redis_url(settings)
    guard = shelf.guard_egress(settings, url)
    place = url.rpartition("@")[2].rpartition("://")[2]
    async with redis_client(url) as client:
        nodes = await announced(client)
        strange = [f"{host}:{port}" for host, port in (*nodes.primaries, *nodes.replicas) if not guard.allows(host, port)]
        if strange:
            raise SettingsInvalid(
                f"the {nodes.mode} at {place} also name {', '.join(strange)}, which may not be reached: "
                "add them to INNKEEPER_REDIS_NODES if they are yours"
            )
        if not await is_ready(client):
            raise QueueUnavailable(f"Redis at {place} does not answer, or takes no writes; check INNKEEPER_REDIS_URL")
        replicas, wanted = await fewest_replicas(client), settings.redis_replicas
        if replicas < wanted:
            raise QueueUnavailable(
                f"INNKEEPER_REDIS_REPLICAS asks for {wanted} and a primary at {place} has {replicas}: nothing it takes counts as "
                "stored until more replicas follow it"
            )
        told = f"{await version(client)} at {place} ({nodes})"
        if wanted or replicas:
            told += f"; what is stored counts once {wanted} of {replicas} replicas have it (INNKEEPER_REDIS_REPLICAS)"
        return told


async def model(settings: Settings) -> str:
    """Raises `ModelUnavailable`."""
    profile = rules.pick_profile(settings)
    url = shelf.model_url(settings)
    if url is None:
        return f"profile {profile.name}; no server runs: `innkeeper up` or `ask` start the packaged one"
    from agent.wiring import parts  # takes long to import, and where no server runs it isn't needed

    async with parts.open_chat(settings, profile, url) as chat:
        if not await chat.is_ready():
            raise ModelUnavailable(f"the model server at {url} does not answer; check it, and INNKEEPER_LLM_BASE_URL")
    told = "; a demonstration model" if profile.demonstration else ""
    return f"profile {profile.name} at {url}{told}"


async def helpdesks(settings: Settings) -> tuple[list[str], list[str]]:
    """What is wrong with the helpdesks, and what there is: real calls for those that have an API."""
    problems: list[str] = []
    for name, client in clients(settings.helpdesks).items():
        try:
            problems += [f"{name}: {one.name}: {one.detail}" for one in await client.check() if not one.ok]
        finally:
            await client.aclose()
    told = [f"{name} ({desk.system}) at {', '.join(desk.addresses)}" for name, desk in settings.helpdesks.items()]
    return problems, told
