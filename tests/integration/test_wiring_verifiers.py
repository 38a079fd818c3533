"""topics.yaml asks for a verifier: it is there, or the start and `innkeeper doctor` say what is missing."""

import asyncio
from pathlib import Path
from shutil import copytree

import pytest

from agent.cli.doctor import _verifiers
from agent.errors import SettingsInvalid
from agent.graph.judging import JudgeVerifier
from agent.grounding.cross_encoder import CrossEncoderVerifier
from agent.model_profiles import load_profile
from agent.settings import Settings
from agent.wiring.rules import build_policies
from agent.wiring.verifiers import second_verifiers
from knowledge.errors import EntailmentUnavailable
from policies.load import default_folder
from policies.types import Verifier
from tests.fakes_model import FakeChatModel
from tests.integration.knowledge.word_reranker import word_reranker

NOBODY = FakeChatModel([""])


def settings(tmp_path: Path, listed: str, **more: object) -> Settings:
    folder = copytree(default_folder(), tmp_path / "policies")
    (folder / "topics.yaml").write_text(f"otherwise: {{dial: draft, verifiers: [{listed}]}}\n")
    return Settings(data_dir=tmp_path, policy_dir=folder, **more)


def test_the_pack_that_ships_asks_for_nothing_that_must_be_set_up(tmp_path: Path) -> None:
    assert build_policies(Settings(data_dir=tmp_path)).verifiers == {Verifier.BUILT_IN}


def test_a_cross_encoder_without_its_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="asks for the verifier cross_encoder, and INNKEEPER_VERIFIER_MODEL is not set"):
        build_policies(settings(tmp_path, "built_in, cross_encoder"))


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    asked = settings(tmp_path, "built_in, cross_encoder", verifier_model=tmp_path / "nowhere")
    with pytest.raises(SettingsInvalid, match=r"INNKEEPER_VERIFIER_MODEL=\S*nowhere: no such folder"):
        build_policies(asked)


@pytest.mark.parametrize("profile", ["", "smollm2", "gemma3-270m"])
def test_a_model_that_can_not_judge_stops_the_start(tmp_path: Path, profile: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"the verifier judge, and the model of the profile .* can't judge"):
        build_policies(settings(tmp_path, "built_in, judge", llm_profile=profile))


def test_a_broken_folder_stops_the_start_and_is_told_by_doctor(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    asked = settings(tmp_path, "built_in, cross_encoder", verifier_model=tmp_path / "broken")
    with pytest.raises(EntailmentUnavailable, match=r"broken: .* no cross-encoder here"):
        second_verifiers(asked, load_profile("qwen3"), build_policies(asked), NOBODY)
    with pytest.raises(EntailmentUnavailable, match=r"broken: .* no cross-encoder here"):
        asyncio.run(_verifiers(asked))


@pytest.mark.slow
def test_what_is_asked_for_and_there_is_built_and_told(tmp_path: Path) -> None:
    folder = word_reranker(tmp_path / "words", counted=1)
    asked = settings(tmp_path, "built_in, cross_encoder, judge", verifier_model=folder, llm_profile="qwen3")
    found = second_verifiers(asked, load_profile("qwen3"), build_policies(asked), NOBODY)
    assert {name: type(one) for name, one in found.items()} == {
        Verifier.CROSS_ENCODER: CrossEncoderVerifier,
        Verifier.JUDGE: JudgeVerifier,
    }
    told = asyncio.run(_verifiers(asked))
    assert told == "topics.yaml asks for built_in, cross_encoder, judge; cross-encoder words passed the probe with known answers"


def test_what_nobody_asks_for_is_not_loaded(tmp_path: Path) -> None:
    asked = settings(tmp_path, "built_in", verifier_model=tmp_path / "nowhere", llm_profile="qwen3")
    assert second_verifiers(asked, load_profile("qwen3"), build_policies(asked), NOBODY) == {}
