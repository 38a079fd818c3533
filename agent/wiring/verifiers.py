"""The verifiers beside the built-in one: what topics.yaml asks for is there, or the start says what is missing."""

from collections.abc import Mapping

from agent.errors import SettingsInvalid
from agent.graph.judging import JudgeVerifier
from agent.grounding.cross_encoder import CrossEncoderVerifier
from agent.grounding.second import SecondVerifier
from agent.model_profiles import ModelProfile
from agent.ports import ChatModel
from agent.settings import Settings
from knowledge.entailment import EntailmentModel
from policies.engine import PolicyEngine
from policies.types import Verifier


def check_verifiers(settings: Settings, profile: ModelProfile, policies: PolicyEngine) -> None:
    """Loads nothing.

    Args:
        settings: name the cross-encoder's folder.
        profile: of the models that are asked to judge.
        policies: say which verifiers are asked for.

    Raises:
        SettingsInvalid: a topic lists a verifier that the settings don't provide.
    """
    asked = policies.verifiers
    if Verifier.CROSS_ENCODER in asked:
        if settings.verifier_model is None:
            raise SettingsInvalid(
                "topics.yaml asks for the verifier cross_encoder, and INNKEEPER_VERIFIER_MODEL is not set; "
                "name the folder of a cross-encoder, or take cross_encoder out of topics.yaml"
            )
        if not settings.verifier_model.is_dir():
            raise SettingsInvalid(
                f"INNKEEPER_VERIFIER_MODEL={settings.verifier_model}: no such folder, and topics.yaml asks for the verifier "
                "cross_encoder; name the folder of a cross-encoder"
            )
    # A model that can't follow rules would cost a call a turn and say yes to anything.
    if Verifier.JUDGE in asked and not profile.judges:
        raise SettingsInvalid(
            f"topics.yaml asks for the verifier judge, and the model of the profile {profile.name!r} can't judge: that takes one "
            'that follows rules and answers without thoughts (prompt_style = "chat", no demonstration). '
            "Set INNKEEPER_LLM_BASE_URL and INNKEEPER_LLM_PROFILE to such a model, route judge to one (INNKEEPER_ROUTES), "
            "or take judge out of topics.yaml"
        )


def entailment_model(settings: Settings) -> EntailmentModel | None:
    """The model that `cross_encoder` asks, not loaded yet; None if no folder is named."""
    folder = settings.verifier_model
    return None if folder is None else EntailmentModel(folder, settings.verifier_threshold)


def second_verifiers(
    settings: Settings, profile: ModelProfile, policies: PolicyEngine, chat: ChatModel
) -> Mapping[Verifier, SecondVerifier]:
    """Those that some topic lists, ready to be asked; nothing else is loaded. Blocking: loading takes seconds.

    Args:
        settings: name the cross-encoder's folder.
        profile: of the models that are asked to judge.
        policies: say which verifiers are asked for.
        chat: the model that is asked to judge.

    Raises:
        SettingsInvalid: as `check_verifiers`.
        EntailmentUnavailable: the cross-encoder can't be used.
    """
    check_verifiers(settings, profile, policies)
    found: dict[Verifier, SecondVerifier] = {}
    model = entailment_model(settings)
    if model is not None and Verifier.CROSS_ENCODER in policies.verifiers:
        model.check()
        found[Verifier.CROSS_ENCODER] = CrossEncoderVerifier(model, settings.verifier_threshold)
    if Verifier.JUDGE in policies.verifiers:
        found[Verifier.JUDGE] = JudgeVerifier(chat, profile)
    return found
