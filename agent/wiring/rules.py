"""The policies and the models that the settings ask for, as far as reading files and no more tells."""

from collections.abc import Iterator

from agent.completions import Task
from agent.errors import SettingsInvalid
from agent.model_profiles import ModelProfile, load_profile
from agent.model_routes import ModelRoutes, NamedModel, plan
from agent.model_settings import DEFAULT_MODEL
from agent.settings import Settings
from agent.wiring.verifiers import check_verifiers
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.privacy import days_s

DEFAULT_SERVED = "qwen3"
DEFAULT_EMBEDDED = "smollm2"


def pick_profile(settings: Settings) -> ModelProfile:
    """The profile of the model that `INNKEEPER_LLM_*` stands for. Raises `SettingsInvalid`."""
    return load_profile(settings.llm_profile or (DEFAULT_SERVED if settings.llm_base_url else DEFAULT_EMBEDDED))


def pick_routes(settings: Settings, default_url: str | None = None) -> ModelRoutes:
    """The models that the settings ask for, and which task uses which.

    Args:
        settings: say where each model is, but for the packaged one.
        default_url: where that one runs, if it does.

    Raises:
        SettingsInvalid: there is no such profile, or models don't fit together.
    """
    return plan(tuple(_models(settings)), settings.routes).with_default_at(default_url)


def build_policies(settings: Settings) -> PolicyEngine:
    """Raises `RulesInvalid`, and `SettingsInvalid` for a verifier that a topic lists and the settings don't provide."""
    policies = PolicyEngine(load_pack(settings.policy_dir or default_folder()))
    check_verifiers(settings, pick_routes(settings).profile(Task.JUDGE), policies)
    return policies


def kept_s(settings: Settings, policies: PolicyEngine) -> int:
    """How long a conversation is kept after its last step, in seconds: the shorter of the setting and `privacy.yaml`.

    Raises:
        SettingsInvalid: a webhook could be repeated when its message is forgotten.
    """
    of_pack = days_s(policies.privacy.retention.messages)
    if settings.replay_window_s > of_pack:
        raise SettingsInvalid(
            "INNKEEPER_REPLAY_WINDOW_S is longer than retention.messages of privacy.yaml: a webhook could be repeated when its "
            "message is forgotten; make one of them shorter or longer"
        )
    return min(settings.retention_s, of_pack) if settings.retention_s else of_pack


def _models(settings: Settings) -> Iterator[NamedModel]:
    if settings.has_default_model:
        yield NamedModel(
            name=DEFAULT_MODEL,
            profile=pick_profile(settings),
            base_url=settings.llm_base_url,
            timeout_s=settings.llm_timeout_s,
            concurrency=settings.worker_concurrency,
            model=settings.llm_model,
            api_key=settings.llm_api_key,
        )
    for name, model in settings.models.items():
        try:
            profile = load_profile(model.profile)
        except SettingsInvalid as error:
            raise SettingsInvalid(f"INNKEEPER_MODELS.{name}.profile: {error}") from error
        yield NamedModel(
            name=name,
            profile=profile,
            base_url=model.base_url,
            timeout_s=model.timeout_s,
            concurrency=model.concurrency or settings.worker_concurrency,
            model=model.model,
            api_key=model.api_key,
        )
