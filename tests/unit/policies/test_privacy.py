import shutil
from pathlib import Path

import pytest

from policies.errors import RulesInvalid
from policies.load import default_folder, load_pack
from policies.privacy import CAREFUL, Inbound, InReplies, PersonalData


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_folder(), tmp_path / "pack"))


def rewrite(folder: Path, old: str, new: str) -> None:
    page = folder / "privacy.yaml"
    text = page.read_text("utf-8")
    assert old in text
    page.write_text(text.replace(old, new), "utf-8")


def test_the_pack_that_ships_is_careful_and_says_so_of_every_class() -> None:
    classes = load_pack(default_folder()).privacy.classes
    assert classes.model_fields_set == {kind.value for kind in PersonalData}
    assert {kind: classes.of(kind) for kind in PersonalData} == CAREFUL


def test_a_pack_without_classes_is_handled_with_care(folder: Path) -> None:
    page = folder / "privacy.yaml"
    page.write_text(page.read_text("utf-8").partition("classes:")[0], "utf-8")
    privacy = load_pack(folder).privacy
    assert privacy.classes.of(PersonalData.PAYMENT_CARD).inbound is Inbound.REDACT
    assert privacy.classes.of(PersonalData.EMAIL).reply is InReplies.ONLY_OWN


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "payment_card: {inbound: redact",
            "payment_card: {inbound: remove",
            r"yaml:\d+: classes\.payment_card\.inbound",
        ),
        ("payment_card:", "payment_cards:", r"classes\.payment_cards: unknown key; did you mean payment_card"),
        ("{inbound: redact, log: never, model", "{inbound: redact, logs: never, model", r"unknown key; did you mean log"),
        ("inbound: mask, ", "", r"privacy\.yaml:\d+: classes\.iban: `inbound` is missing"),
    ],
)
def test_a_mistake_is_told_with_its_place(folder: Path, old: str, new: str, said: str) -> None:
    rewrite(folder, old, new)
    with pytest.raises(RulesInvalid, match=said):
        load_pack(folder)
