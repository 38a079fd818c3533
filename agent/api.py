"""The HTTP application: every route over what it needs. Thin; the routes live in `agent.channels`."""

from importlib.metadata import version

from fastapi import FastAPI

from agent.channels import problems
from agent.channels.answers import answers_router
from agent.channels.deps import ApiDeps
from agent.channels.health import health_router
from agent.channels.traced import TraceHeader
from agent.channels.webhooks import webhook_router
from agent.channels.widget.origins import OriginGate
from agent.channels.widget.router import widget_router

__all__ = ["ApiDeps", "create_app", "create_worker_app"]


def create_app(deps: ApiDeps) -> FastAPI:
    """The application. Its pages of documentation are off, since they would load scripts from outside.

    Raises:
        SettingsInvalid: a helpdesk's secret or a site's key can't be used.
    """
    app = FastAPI(
        title="Innkeeper",
        version=version("innkeeper"),
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=deps.lifespan,
    )
    problems.install(app)
    app.include_router(webhook_router(deps))
    app.include_router(answers_router(deps))
    app.include_router(health_router(deps))
    if deps.widget is not None:
        app.include_router(widget_router(deps, deps.widget))
        app.add_middleware(OriginGate, sites=deps.settings.sites)
    app.add_middleware(TraceHeader)
    return app


def create_worker_app(deps: ApiDeps) -> FastAPI:
    """What a worker shows on its port: whether it lives, whether it can work, what it has done."""
    app = FastAPI(title="Innkeeper worker", version=version("innkeeper"), openapi_url=None, docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(health_router(deps))
    return app
