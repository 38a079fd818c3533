from pathlib import Path

import pytest

from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.schema import REQUIRED_TEXTS

TRIGGERS = """\
triggers:
  - id: safety
    action: handoff
    priority: urgent
    say: safety
    any:
      - pattern: '\\bfire\\b'
  - id: legal
    action: handoff
    say: handoff
    any:
      - examples: [see you in court]
        threshold: 0.66
texts:
"""
SMALL = {
    "policy.yaml": (
        "id: small\nversion: 0.1.0\nowner: Support operations\ncompany: Small\nscope: Rents homes.\n"
        "locales: [en, de]\nmode: auto\n"
    ),
    "disclosure.yaml": "show: first_message\ntext:\n  en: I'm a machine of {company}.\n  de: Ich bin eine Maschine.\n",
    "privacy.yaml": (
        "audiences:\n  anonymous: [public]\n  claimed: [public]\n  verified: [public]\n"
        "retention:\n  messages: 90d\n  audit: 365d\n  logs: 30d\n"
    ),
    "guidelines/tone.yaml": "# Soft rules\nguidelines:\n  - id: plain_words\n    then: Be brief.\n",
    "escalation.yaml": TRIGGERS + "".join(f"  {key}:\n    en: a {key}\n    de: ein {key}\n" for key in REQUIRED_TEXTS),
}
TOPICS = """\
otherwise:
  dial: {auto: at most 2% wrong}
topics:
  - id: refunds
    about: What a customer gets back
    any:
      - pattern: '\\brefunds?\\b'
      - examples: [what do I get back]
        threshold: 0.6
        but_not: [when do I get my keys back]
    articles: [cancel-*, refund-timing]
    dial: {auto: at most 0.5% wrong}
    verifiers: [built_in, judge]
  - id: claims
    about: Who pays for what was broken
    articles: ['*-claim-*', refund-timing]
    dial: draft
    verifiers: [built_in, cross_encoder]
  - id: press
    about: Journalists
    any:
      - pattern: '\\bnewspaper\\b'
    dial: person
    queue: newsroom
  - id: invoices
    about: Papers
    articles: [invoices, vat-invoices]
    dial: {auto: at most 0.5% wrong}
"""


@pytest.fixture(scope="session")
def engine() -> PolicyEngine:
    return PolicyEngine(load_pack(default_folder()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small policy folder, to spoil."""
    for name, text in SMALL.items():
        path = tmp_path / "policies" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "policies"
