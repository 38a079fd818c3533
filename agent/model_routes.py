"""Which models a task is given to, in which order, and what a prompt for all of them may be like. Pure.

A prompt is written before it is known which model of a route will answer, so it must suit each of them: the least context, the
fewest passages, one style.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import SecretStr

from agent.completions import Task
from agent.errors import SettingsInvalid
from agent.model_profiles import ModelProfile
from agent.model_settings import DEFAULT_MODEL, RouteSettings


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model that the settings name.

    Attributes:
        name: `default` for the one of `INNKEEPER_LLM_*`.
        base_url: of its server; None for the packaged model while it is not started.
        timeout_s: limit for one call.
        concurrency: calls at a time.
        model: the name to ask for, if not the profile's.
    """

    name: str
    profile: ModelProfile
    base_url: str | None
    timeout_s: float
    concurrency: int
    model: str | None = None
    api_key: SecretStr | None = None

    @property
    def asked_for(self) -> str:
        """The name that the server knows it by."""
        return self.model or self.profile.model


@dataclass(frozen=True, slots=True)
class Route:
    """The models of a task in the order in which they are tried, and what a call may take with all of them."""

    models: tuple[str, ...]
    max_output_tokens: int | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class ModelRoutes:
    """All models, and a route for each task. Made by `plan`."""

    models: Mapping[str, NamedModel]
    routes: Mapping[Task, Route]

    def profile(self, task: Task) -> ModelProfile:
        """What holds for every model of the task's route. Of a route with one model and no limit it is that model's own."""
        route = self.routes[task]
        found = _narrowest([self.models[name].profile for name in route.models])
        if route.max_output_tokens is None:
            return found
        return found.model_copy(update={"max_output_tokens": min(found.max_output_tokens, route.max_output_tokens)})

    @property
    def turn_profile(self) -> ModelProfile:
        """What a turn goes by: the answer's route, and whether models of others put follow-ups as questions and pick actions."""
        rewrites, picks = self.profile(Task.REWRITE).rewrites_queries, self.profile(Task.ACT).picks_actions
        return self.profile(Task.ANSWER).model_copy(update={"rewrites_queries": rewrites, "picks_actions": picks})

    @property
    def used(self) -> tuple[NamedModel, ...]:
        """The models that some task may be given to."""
        return tuple(model for name, model in self.models.items() if self.tasks_of(name))

    def tasks_of(self, name: str) -> tuple[Task, ...]:
        """What a model may be asked to do."""
        return tuple(task for task, route in self.routes.items() if name in route.models)

    def with_default_at(self, base_url: str | None) -> "ModelRoutes":
        """The same, with the packaged model where it runs now."""
        default = self.models.get(DEFAULT_MODEL)
        if default is None or default.base_url is not None:
            return self
        return replace(self, models={**self.models, DEFAULT_MODEL: replace(default, base_url=base_url)})

    def told(self) -> str:
        """In words, for a report: the one model's name at its server, or each task with its models."""
        if len(self.used) == 1:
            return self.used[0].asked_for
        lines = (f"{task}: {', '.join(self._as_asked(name) for name in route.models)}" for task, route in self.routes.items())
        return "; ".join(lines)

    def _as_asked(self, name: str) -> str:
        return f"{name} ({self.models[name].asked_for})"


def plan(models: Sequence[NamedModel], routes: Mapping[Task, RouteSettings]) -> ModelRoutes:
    """A route for each task: the one of the settings, else `default`, else the first model.

    Args:
        models: at least one; `default` first, if there is one.
        routes: of the settings, with names that are among the models.

    Raises:
        SettingsInvalid: models of a route don't fit together, or to the task.
    """
    otherwise = Route((models[0].name,))
    planned = ModelRoutes(
        models={model.name: model for model in models},
        routes={task: _route(routes[task]) if task in routes else otherwise for task in Task},
    )
    for task in routes:
        _check(planned, task)
    return planned


def _route(settings: RouteSettings) -> Route:
    return Route(settings.models, settings.max_output_tokens, settings.timeout_s)


def _check(planned: ModelRoutes, task: Task) -> None:
    profiles = {name: planned.models[name].profile for name in planned.routes[task].models}
    setting = f"INNKEEPER_ROUTES.{task}"
    styles = {name: profile.prompt_style for name, profile in profiles.items()}
    if task is Task.ANSWER and len(set(styles.values())) > 1:
        told = ", ".join(f"{name} {style}" for name, style in styles.items())
        raise SettingsInvalid(
            f"{setting}: its models are asked in different styles ({told}), and a prompt is written for all of them; "
            "take models whose profiles have the same prompt_style"
        )
    for name, profile in profiles.items():
        if task is Task.JUDGE and not profile.judges:
            raise SettingsInvalid(
                f"{setting}: {name} can't judge: its profile {profile.name!r} is not of a model that follows rules and answers "
                'without thoughts (prompt_style = "chat", no demonstration); route judge to one that is'
            )
        if task is Task.REWRITE and not profile.rewrites_queries:
            raise SettingsInvalid(
                f"{setting}: {name} is not made to put questions: its profile {profile.name!r} has no rewrites_queries = true; "
                "route rewrite to one that has"
            )
        if task is Task.ACT and not profile.picks_actions:
            raise SettingsInvalid(
                f"{setting}: {name} is not made to pick actions: its profile {profile.name!r} has no picks_actions = true; "
                "route act to one that has"
            )


def _narrowest(profiles: Sequence[ModelProfile]) -> ModelProfile:
    first = profiles[0]
    if len(profiles) == 1:
        return first
    return first.model_copy(
        update={
            "context_tokens": min(profile.context_tokens for profile in profiles),
            "max_output_tokens": min(profile.max_output_tokens for profile in profiles),
            "max_passages": min(profile.max_passages for profile in profiles),
            "structured": "json_schema" if all(profile.structured == "json_schema" for profile in profiles) else "none",
            # Only what thinks without a schema to hold it would make the whole route one of thinkers.
            "thinking": any(profile.thinking and profile.structured == "none" for profile in profiles),
            "rewrites_queries": all(profile.rewrites_queries for profile in profiles),
            "picks_actions": all(profile.picks_actions for profile in profiles),
            "demonstration": any(profile.demonstration for profile in profiles),
        }
    )
