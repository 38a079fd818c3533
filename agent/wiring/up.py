"""Everything on one machine: `innkeeper up` starts Redis, the model, the API, a worker and, on request, the demo desk."""

import base64
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.embedded import embedded_redis
from agent.adapters.embedded_model import answers, embedded_model
from agent.adapters.live_services import check_folder, write_private
from agent.adapters.supervisor import Service, Supervisor
from agent.channels.widget.files import DEMO_SITE
from agent.errors import ServiceFailed
from agent.helpdesk_settings import plain
from agent.model_profiles import ModelProfile
from agent.settings import Settings
from agent.wiring import rules
from agent.wiring.bookings import BOOKINGS, BOOKINGS_PORT, bookings_system, bookings_token, site_secret
from agent.wiring.http import listen

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
    widget_url: str | None
    bookings_url: str | None
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
    profile = rules.pick_routes(settings).turn_profile
    rules.build_policies(settings)  # a bad policy stops here, not in a child's log
    async with AsyncExitStack() as stack:
        # Held from here to the end, so that no other program gets in between, and a service that is started again
        # finds the connections that came meanwhile.
        api = stack.enter_context(_listen("the API", settings.host, settings.port, say))
        desk = stack.enter_context(_listen("the demo desk", "127.0.0.1", DEMO_PORT, say)) if demo else None
        # A booking system of the settings is used in place of the sample company's.
        shows_bookings = demo and BOOKINGS not in settings.tools
        bookings = stack.enter_context(_listen("the bookings", "127.0.0.1", BOOKINGS_PORT, say)) if shows_bookings else None
        yield await _start(settings, profile, stack, api, desk, bookings, say)


async def _start(
    settings: Settings,
    profile: ModelProfile,
    stack: AsyncExitStack,
    api: socket.socket,
    desk: socket.socket | None,
    bookings: socket.socket | None,
    say: Callable[[str], None],
) -> House:
    desk_url = f"http://127.0.0.1:{_port(desk)}" if desk else None
    helpdesks = {name: plain(known) for name, known in settings.helpdesks.items()}
    if desk_url:
        helpdesks[DEMO_SOURCE] = {
            "secrets": [demo_secret(settings.data_dir)],
            "reply_url": f"{desk_url}/inbox",
        }
    sites = {name: plain(known) for name, known in settings.sites.items()}
    if desk_url:
        pages = [desk_url] if bookings is None else [desk_url, f"http://127.0.0.1:{_port(bookings)}"]
        sites[DEMO_SITE] = _demo_site(site_secret(settings.data_dir), f"http://127.0.0.1:{_port(api)}", *pages)
    tools = {name: plain(known) for name, known in settings.tools.items()}
    bookings_url = f"http://127.0.0.1:{_port(bookings)}" if bookings else None
    if bookings_url:
        tools[BOOKINGS] = bookings_system(bookings_url, bookings_token(settings.data_dir))
    env = {
        "INNKEEPER_DATA_DIR": str(settings.data_dir.absolute()),
        "INNKEEPER_PORT": str(_port(api)),
        "INNKEEPER_HELPDESKS": json.dumps(helpdesks),
        "INNKEEPER_SITES": json.dumps(sites),
        "INNKEEPER_TOOLS": json.dumps(tools),
        "PROMETHEUS_MULTIPROC_DIR": str(_metrics_folder(settings.data_dir)),
    }
    supervisor = await stack.enter_async_context(Supervisor(settings.data_dir))
    if settings.redis_url is None:
        say("starting Redis")
        redis = embedded_redis(settings.data_dir)
        await supervisor.start(redis)
        env["INNKEEPER_REDIS_URL"] = redis.url
    if settings.llm_base_url is None and settings.has_default_model:
        packaged = rules.pick_profile(settings)
        say(f"starting the model {packaged.model}" + (" (a demonstration model)" if packaged.demonstration else ""))
        model = embedded_model(packaged)
        await supervisor.start(model)
        # With an address the profile would be another one if it isn't named.
        env |= {"INNKEEPER_LLM_BASE_URL": model.url, "INNKEEPER_LLM_PROFILE": settings.llm_profile or packaged.name}
    if bookings and bookings_url:
        say("starting the sample company's booking system")
        await supervisor.start(_innkeeper("bookings", ("demo-bookings",), env, bookings_url, bookings))
    api_url = f"http://127.0.0.1:{_port(api)}"
    say("starting the API")
    await supervisor.start(_innkeeper("api", ("serve",), env, api_url, api))
    say("starting a worker")
    await supervisor.start(_innkeeper("worker", ("worker",), env))
    if desk and desk_url:
        say("starting the demo desk")
        command = ("demo-desk", "--webhook-url", f"{api_url}/webhooks/{DEMO_SOURCE}")
        await supervisor.start(_innkeeper("desk", command, env, desk_url, desk))
    widget_url = f"{api_url}/widget/demo" if DEMO_SITE in sites else None
    return House(supervisor, profile, api_url, desk_url, widget_url, bookings_url, settings.data_dir / "logs" / "worker.log")


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


def _demo_site(secret: str, *addresses: str) -> dict[str, object]:
    """The site of the demo page, the demo desk and the sample company's, under both names of this machine."""
    names = [address.replace("127.0.0.1", "localhost") for address in addresses]
    return {
        "name": "Sample help centre",
        "origins": [*addresses, *names],
        "jwt_secret": secret,
        "greeting": "Hello! Ask me anything about bookings, payments, hosting or your account.",
        "suggestions": ["How do I cancel a booking?", "Can I bring my dog?", "When do I get my refund?"],
        "handoff": DEMO_SOURCE,
    }


def _innkeeper(
    name: str, command: tuple[str, ...], env: dict[str, str], url: str = "", listening: socket.socket | None = None
) -> Service:
    async def ready() -> bool:
        return listening is None or await answers(f"{url}/healthz")

    fds = () if listening is None else (listening.fileno(),)
    handed = tuple(word for fd in fds for word in ("--fd", str(fd)))
    started = (sys.executable, "-m", "agent", *command, *handed)
    return Service(name, started, url, ready, env=env, pass_fds=fds, ready_timeout_s=STARTS_IN_S)


def _listen(who: str, host: str, wanted: int, say: Callable[[str], None]) -> socket.socket:
    try:
        return listen(host, wanted)
    except ServiceFailed:
        other = listen(host, 0)  # fails too if it isn't the port but the address
        say(f"port {wanted} is in use: {who} takes {_port(other)}")
        return other


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


def _metrics_folder(data_dir: Path) -> Path:
    """An empty folder for prometheus_client's files: those of an earlier run would count again."""
    folder = data_dir.absolute() / "run" / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink(missing_ok=True)
    return folder
