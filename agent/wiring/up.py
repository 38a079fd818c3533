"""Everything on one machine: `innkeeper up` starts Redis, the model, the API, a worker and, on request, the demo desk."""

import base64
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.adapters.embedded import embedded_redis
from agent.adapters.embedded_model import embedded_model, free_port
from agent.adapters.supervisor import Service, Supervisor, check_folder, write_private
from agent.model_profiles import ModelProfile
from agent.settings import Settings
from agent.wiring import parts

__all__ = ["House", "check_folder", "demo_secret", "new_secret", "run_house"]

DEMO_SOURCE = "demo"
DEMO_PORT = 8090
STARTS_IN_S = 120.0
"""Loading the embedding model takes some seconds on an idle machine, and much longer on a busy one."""


@dataclass(frozen=True, slots=True)
class House:
    """What runs now, and where."""

    supervisor: Supervisor
    profile: ModelProfile
    api_url: str
    desk_url: str | None
    worker_log: Path


@asynccontextmanager
async def run_house(settings: Settings, *, demo: bool, say: Callable[[str], None]) -> AsyncIterator[House]:
    """Start everything in order; stop it in reverse on leaving.

    Args:
        settings: what is configured there is used instead of started.
        demo: also start the demo desk, with a helpdesk entry of its own.
        say: told what is being started, one line each.

    Raises:
        ServiceFailed: something did not start; the message ends with its log.
    """
    profile = parts.pick_profile(settings)
    parts.build_policies(settings)  # a bad policy stops here, not in a child's log
    api_port = _port("the API", settings.port, say)
    desk_port = _port("the demo desk", DEMO_PORT, say) if demo else None
    helpdesks = {name: _plain(desk) for name, desk in settings.helpdesks.items()}
    if desk_port:
        helpdesks[DEMO_SOURCE] = {
            "secrets": [demo_secret(settings.data_dir)],
            "reply_url": f"http://127.0.0.1:{desk_port}/inbox",
        }
    env = {
        "INNKEEPER_DATA_DIR": str(settings.data_dir.absolute()),
        "INNKEEPER_PORT": str(api_port),
        "INNKEEPER_HELPDESKS": json.dumps(helpdesks),
        "INNKEEPER_LLM_PROFILE": profile.name,
        "PROMETHEUS_MULTIPROC_DIR": str(_metrics_folder(settings.data_dir)),
    }
    async with Supervisor(settings.data_dir) as supervisor:
        if settings.redis_url is None:
            say("starting Redis")
            redis = embedded_redis(settings.data_dir)
            await supervisor.start(redis)
            env["INNKEEPER_REDIS_URL"] = redis.url
        if settings.llm_base_url is None:
            say(f"starting the model {profile.model}" + (" (a demonstration model)" if profile.demonstration else ""))
            model = embedded_model(profile)
            await supervisor.start(model)
            env["INNKEEPER_LLM_BASE_URL"] = model.url
        api_url = f"http://127.0.0.1:{api_port}"
        say("starting the API")
        await supervisor.start(_innkeeper("api", ("serve",), api_url, env, f"{api_url}/healthz"))
        say("starting a worker")
        await supervisor.start(_innkeeper("worker", ("worker",), "", env, None))
        desk_url = None
        if desk_port:
            say("starting the demo desk")
            desk_url = f"http://127.0.0.1:{desk_port}"
            command = ("demo-desk", "--port", str(desk_port), "--webhook-url", f"{api_url}/webhooks/{DEMO_SOURCE}")
            await supervisor.start(_innkeeper("desk", command, desk_url, env, f"{desk_url}/healthz"))
        yield House(supervisor, profile, api_url, desk_url, settings.data_dir / "logs" / "worker.log")


def demo_secret(data_dir: Path) -> str:
    """The secret that the demo desk and Innkeeper share, made once for each data folder."""
    path = data_dir / "run" / "demo.secret"
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        secret = new_secret()
        write_private(path, secret)
        return secret


def new_secret() -> str:
    """A fresh Standard Webhooks secret: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _innkeeper(name: str, command: tuple[str, ...], url: str, env: dict[str, str], health: str | None) -> Service:
    async def ready() -> bool:
        if health is None:
            return True
        async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
            try:
                return (await client.get(health)).is_success
            except httpx.HTTPError:
                return False

    return Service(name, (sys.executable, "-m", "agent", *command), url, ready, env=env, ready_timeout_s=STARTS_IN_S)


def _port(who: str, wanted: int, say: Callable[[str], None]) -> int:
    port = free_port(wanted)
    if wanted and port != wanted:
        say(f"port {wanted} is in use: {who} takes {port}")
    return port


def _plain(desk: object) -> object:
    from pydantic import BaseModel, SecretStr

    def reveal(value: object) -> object:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, (list, tuple)):
            return [reveal(v) for v in value]
        return value

    assert isinstance(desk, BaseModel)
    return {key: reveal(value) for key, value in desk.model_dump().items()}


def _metrics_folder(data_dir: Path) -> Path:
    """An empty folder for prometheus_client's files: those of an earlier run would count again."""
    folder = data_dir.absolute() / "run" / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink(missing_ok=True)
    return folder
