"""How long conversations are kept: by the setting, or by the policies if these say less."""

from pathlib import Path

import pytest

from agent.errors import SettingsInvalid
from agent.settings import Settings
from agent.wiring.rules import kept_s
from policies.engine import PolicyEngine
from policies.load import load_pack
from tests.unit.policies.conftest import SMALL

DAY_S = 86_400


def policies(folder: Path, messages: str) -> PolicyEngine:
    for name, text in {**SMALL, "privacy.yaml": SMALL["privacy.yaml"].replace("messages: 90d", f"messages: {messages}")}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return PolicyEngine(load_pack(folder))


@pytest.mark.parametrize(
    ("setting", "pack", "days"), [(90, "30d", 30), (7, "30d", 7), (0, "30d", 30), (400, "400d", 400), (0, "99999d", 99_999)]
)
def test_the_shorter_of_the_two_counts(tmp_path: Path, setting: int, pack: str, days: int) -> None:
    assert kept_s(Settings(retention_days=setting), policies(tmp_path, pack)) == days * DAY_S


def test_a_webhook_is_remembered_as_long_as_it_may_be_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"retention\.messages"):
        kept_s(Settings(retention_days=0, replay_window_s=2 * DAY_S), policies(tmp_path, "1d"))
