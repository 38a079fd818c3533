"""The demo desk as a process."""

from pydantic import SecretStr

from agent.channels.demo_desk import DeskSettings, create_desk
from agent.settings import Settings
from agent.wiring import shelf
from agent.wiring.http import serve_app
from agent.wiring.up import demo_secret


async def run_desk(settings: Settings, webhook_url: str, port: int, fd: int | None = None) -> None:
    """Serve the desk on loopback until SIGTERM or Ctrl-C."""
    shelf.guard_egress(settings, webhook_url)
    desk = DeskSettings(data_dir=settings.data_dir, webhook_url=webhook_url, secret=SecretStr(demo_secret(settings.data_dir)))
    await serve_app(create_desk(desk), "127.0.0.1", port, fd)
