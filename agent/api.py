"""The HTTP application: every route over what it needs. Thin; the routes live in `agent.channels`."""

from importlib.metadata import version

from fastapi import FastAPI

from agent.channels import problems
from agent.channels.answers import answers_router
from agent.channels.deps import ApiDeps
from agent.channels.health import health_router
from agent.channels.webhooks import webhook_router

__all__ = ["ApiDeps", "create_app"]


def create_app(deps: ApiDeps) -> FastAPI:
    """The application. Its pages of documentation are off, since they would load scripts from outside.

    Raises:
        SettingsInvalid: a helpdesk's secret can't be used.
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
    return app
