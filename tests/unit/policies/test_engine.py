from pathlib import Path

import pytest

from knowledge.types import Audience
from policies.engine import PolicyEngine
from policies.load import load_pack
from policies.schema import REQUIRED_TEXTS
from policies.types import Facts, Mode


def test_disclosure_comes_once_and_in_the_language(engine: PolicyEngine) -> None:
    first = engine.disclosure(Facts("Hallo", "de", first_message=True))
    assert first == "Ich bin ein KI-Assistent von Marlowe Stays. Sie können jederzeit einen Menschen verlangen."
    assert engine.disclosure(Facts("Hallo", "de", first_message=False)) is None


@pytest.mark.parametrize(("language", "start"), [("pt-BR", "Vou"), ("NL", "Ik"), ("ja", "I'm"), ("", "I'm")])
def test_text_falls_back_to_the_first_locale(engine: PolicyEngine, language: str, start: str) -> None:
    assert engine.text("handoff", language).startswith(start)


def test_every_required_text_names_the_company_in_every_locale(engine: PolicyEngine) -> None:
    for key in REQUIRED_TEXTS:
        texts = [engine.text(key, locale) for locale in engine.locales]
        assert len(set(texts)) == len(engine.locales)
        assert not any("{" in text for text in texts)


def test_unknown_text_is_an_error(engine: PolicyEngine) -> None:
    with pytest.raises(KeyError):
        engine.text("nonsense", "en")


def test_only_matching_guidelines_apply(engine: PolicyEngine) -> None:
    def ids(text: str, **similarity: float) -> list[str]:
        return [g.id for g in engine.guidelines(Facts(text, "en", False, similarity))]

    assert ids("Hello") == ["plain_words"]
    assert ids("Is it wheelchair accessible?") == ["plain_words", "accessibility_facts"]
    assert ids("I am FURIOUS, give me a refund") == ["plain_words", "upset_customer", "exact_amounts"]
    assert ids("hm", account_security=0.9) == ["plain_words", "account_security"]


def test_guideline_names_the_company(engine: PolicyEngine) -> None:
    (found,) = (g for g in engine.guidelines(Facts("I was hacked", "en", False)) if g.id == "account_security")
    assert "Marlowe Stays" in found.then


@pytest.mark.parametrize("identity", ["anonymous", "claimed", "verified", "admin", ""])
def test_no_customer_sees_internal_documents(engine: PolicyEngine, identity: str) -> None:
    assert engine.clearance(identity) == {Audience.PUBLIC}


def test_shadow_is_a_mode(folder: Path) -> None:
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("mode: auto", "mode: shadow"))
    assert PolicyEngine(load_pack(folder)).mode is Mode.SHADOW


def test_mode_and_stamp_come_from_the_folder(folder: Path) -> None:
    path = folder / "policy.yaml"
    path.write_text(path.read_text().replace("mode: auto", "mode: draft").replace("0.1.0", "2.0.0-rc.1"))
    pack = load_pack(folder)
    engine = PolicyEngine(pack)
    assert engine.mode is Mode.DRAFT
    assert (engine.stamp.version, engine.stamp.sha256) == ("2.0.0-rc.1", pack.sha256)
