"""The policies and the model profile that the settings ask for, as far as reading files and no more tells."""

from agent.model_profiles import ModelProfile, load_profile
from agent.settings import Settings
from agent.wiring.verifiers import check_verifiers
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack

DEFAULT_SERVED = "qwen3"
DEFAULT_EMBEDDED = "smollm2"


def pick_profile(settings: Settings) -> ModelProfile:
    """The model profile that the settings ask for. Raises `SettingsInvalid`."""
    return load_profile(settings.llm_profile or (DEFAULT_SERVED if settings.llm_base_url else DEFAULT_EMBEDDED))


def build_policies(settings: Settings) -> PolicyEngine:
    """Raises `RulesInvalid`, and `SettingsInvalid` for a verifier that a topic lists and the settings don't provide."""
    policies = PolicyEngine(load_pack(settings.policy_dir or default_folder()))
    check_verifiers(settings, pick_profile(settings), policies)
    return policies
