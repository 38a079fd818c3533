"""A policy folder is changed while `serve` and `worker` run."""

import shutil
from pathlib import Path

import pytest
import redis

from policies.load import default_folder, load_pack
from tests.e2e.product import ModelServer, Product, http, product, until

pytestmark = pytest.mark.slow
QUESTION = "I write for a newspaper. How much is the cleaning fee?"
MAIL = "ann.smith@example.com"
PRESS = "\n  - id: press\n    about: Journalists\n    any: [{pattern: '\\bnewspaper\\b'}]\n    dial: person\n    queue: press\n"


def test_both_processes_take_a_changed_pack_over_and_leave_a_broken_one_alone(
    tmp_path: Path, knowledge: Path, model: ModelServer
) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(default_folder(), pack)
    with product(
        tmp_path / "house", knowledge, model.url, INNKEEPER_POLICY_DIR=str(pack), INNKEEPER_POLICY_RELOAD_S="0.3"
    ) as house:
        house.start("serve", "worker")
        (pack / "topics.yaml").write_text((pack / "topics.yaml").read_text() + PRESS)
        changed = load_pack(pack).sha256
        _until_logged(house, "policies_swapped")
        assert _asked(house)["policy"]["sha256"] == changed
        (pack / "policy.yaml").write_text((pack / "policy.yaml").read_text().replace("owner:", "ownr:"))
        _until_logged(house, "policies_rejected")
        assert "unknown key; did you mean owner?" in house.log("worker").read_text()
        found = _asked(house)
        assert (found["decision"], found["policy"]["sha256"]) == ("handoff", changed)
        house.say("T-1", QUESTION)
        [handed] = house.outcomes("T-1")
        assert handed["data"]["policy"]["sha256"] == changed
        metrics = http().get(f"{house.url}/metrics").text
        assert 'innkeeper_policy_reloads_total{outcome="rejected"} 1.0' in metrics
        assert f'innkeeper_policy_info{{sha256="{changed}",version="0.1.0"}} 1.0' in metrics


def test_what_becomes_of_personal_data_changes_with_the_pack(tmp_path: Path, knowledge: Path, model: ModelServer) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(default_folder(), pack)
    rules = (pack / "privacy.yaml").read_text()
    (pack / "privacy.yaml").write_text(rules.replace("messages: 90d", "messages: 5d"))
    with product(
        tmp_path / "house", knowledge, model.url, INNKEEPER_POLICY_DIR=str(pack), INNKEEPER_POLICY_RELOAD_S="0.3"
    ) as house:
        house.start("serve", "worker")
        stored = _stored(house, "T-1")
        assert MAIL in stored
        stricter = (pack / "privacy.yaml").read_text().replace("email: {inbound: keep", "email: {inbound: redact")
        (pack / "privacy.yaml").write_text(stricter)
        _until_logged(house, "policies_swapped")
        stored = _stored(house, "T-2")
        assert "[e-mail address]" in stored
        assert MAIL not in stored
        with redis.Redis.from_url(house.redis.url) as client:
            (meta,) = client.scan_iter("*conversation:*:T-1:meta")
            kept = until(lambda: (left := int(client.ttl(meta))) > 0 and left, 120)
        assert 5 * 86_400 - 600 < kept <= 5 * 86_400, "the pack says less than the setting"


def _stored(house: Product, ticket: str) -> str:
    house.say(ticket, f"How much is the cleaning fee? Write to {MAIL}")
    house.outcomes(ticket)
    with redis.Redis.from_url(house.redis.url, decode_responses=True) as client:
        (messages,) = client.scan_iter(f"*conversation:*:{ticket}:messages")
        return "\n".join(client.lrange(messages, 0, -1))


def _until_logged(house: Product, event: str) -> None:
    for command in ("serve", "worker"):
        until(lambda command=command: event in house.log(command).read_text(), 180, house.log(command).read_text)


def _asked(house: Product) -> dict[str, dict[str, str]]:
    response = http().post(f"{house.url}/v1/answers", json={"question": QUESTION}, timeout=120)
    body: dict[str, dict[str, str]] = response.raise_for_status().json()
    return body
