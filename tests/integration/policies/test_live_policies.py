"""A policy folder that changes under a running process: what is taken over, when, and what is left alone."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog

from agent.completions import Completion, Prompt
from agent.errors import QueueUnavailable, SettingsInvalid
from agent.graph.state import TurnContext
from agent.grounding.second import SecondVerifier
from agent.model_profiles import load_profile
from agent.ports import AuditEvent, AuditKind
from agent.telemetry import metrics_page
from agent.types import Decision
from agent.wiring.live_policies import LivePolicies, LiveTurns
from knowledge.embed import SentenceTransformerEmbedder
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Verifier
from tests.fakes_model import FakeChatModel
from tests.unit.policies.conftest import SMALL
from tests.unit.test_turns import DRAFT, ID, House

CASE = "- name: fire\n  given: {message: There is a fire}\n  expect: {decision: handoff, rule: safety}\n"
BY_MEANING = "- name: court\n  given: {message: See you in court!}\n  expect: {rule: legal}\n"


def no_verifiers(policies: PolicyEngine) -> Mapping[Verifier, SecondVerifier]:
    if policies.verifiers - {Verifier.BUILT_IN}:
        raise SettingsInvalid("no cross-encoder is configured")
    return {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {**SMALL, "tests/rules.yaml": CASE + BY_MEANING}.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pack"


def live_on(folder: Path, embedder: SentenceTransformerEmbedder) -> LivePolicies:
    policies = PolicyEngine(load_pack(folder))
    profile = load_profile("smollm2")
    context = TurnContext(None, profile, None, embedder, None, policies, lambda text: None)  # type: ignore[arg-type]
    return LivePolicies(folder, context, no_verifiers)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def counted(outcome: str) -> float:
    name = f'innkeeper_policy_reloads_total{{outcome="{outcome}"}} '
    return float(next(line for line in metrics_page().decode().splitlines() if line.startswith(name)).removeprefix(name))


async def test_a_changed_folder_is_taken_over_once_it_rests(folder: Path, embedder: SentenceTransformerEmbedder) -> None:
    live, told = live_on(folder, embedder), []
    live.on_swap(lambda policies: told.append(policies.stamp.version))
    assert [await live.look(), await live.look()] == [False, False]
    edit(folder / "policy.yaml", "version: 0.1.0", "version: 0.2.0")
    before = counted("swapped")
    assert await live.look() is False
    edit(folder / "disclosure.yaml", "I'm a machine", "I am a machine")
    assert await live.look() is False, "somebody is still writing"
    assert await live.look() is True
    assert (live.current.policies.stamp.version, told) == ("0.2.0", ["0.2.0"])
    assert live.current.policies.stamp.sha256 == load_pack(folder).sha256
    assert counted("swapped") == before + 1
    assert await live.look() is False


async def test_turns_see_personal_data_as_the_pack_that_decides_says(folder: Path, embedder: SentenceTransformerEmbedder) -> None:
    live, mail = live_on(folder, embedder), "ann@example.com"
    assert live.current.privacy.for_model(mail) != mail
    shown = "{inbound: keep, log: hashed, model: allow, index: masked, reply: allow}"
    (folder / "privacy.yaml").write_text((folder / "privacy.yaml").read_text() + f"classes:\n  email: {shown}\n")
    assert [await live.look(), await live.look()] == [False, True]
    assert live.current.privacy.for_model(mail) == mail


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("policy.yaml", "owner:", "ownr:", "policy.yaml:3: ownr: unknown key; did you mean owner?"),
        ("escalation.yaml", "\\bfire\\b", "\\bblaze\\b", "tests/rules.yaml:1: the test 'fire' fails"),
        ("escalation.yaml", "see you in court", "where is the key", "tests/rules.yaml:4: the test 'court' fails"),
    ],
)
async def test_a_pack_that_is_wrong_is_told_once_and_the_last_good_one_stays(
    folder: Path, embedder: SentenceTransformerEmbedder, name: str, old: str, new: str, said: str
) -> None:
    live = live_on(folder, embedder)
    good, before = live.current, counted("rejected")
    edit(folder / name, old, new)
    with structlog.testing.capture_logs() as logs:
        assert [await live.look() for _ in range(4)] == [False] * 4
    assert live.current is good
    assert counted("rejected") == before + 1
    [event] = [one for one in logs if one["event"] == "policies_rejected"]
    assert any(said in problem for problem in event["problems"])
    edit(folder / name, new, old)
    edit(folder / "policy.yaml", "version: 0.1.0", "version: 0.1.1")
    assert [await live.look() for _ in range(2)] == [False, True]
    assert live.current.policies.stamp.version == "0.1.1"


async def test_a_folder_that_comes_back_as_it_was_may_be_spoilt_again(
    folder: Path, embedder: SentenceTransformerEmbedder
) -> None:
    live, good, before = live_on(folder, embedder), (folder / "policy.yaml").read_text(), counted("rejected")
    for text in ("nonsense", good, "nonsense"):
        (folder / "policy.yaml").write_text(text)
        assert [await live.look(), await live.look()] == [False, False]
    assert counted("rejected") == before + 2


async def test_a_pack_that_asks_for_what_is_not_configured_is_left_alone(
    folder: Path, embedder: SentenceTransformerEmbedder
) -> None:
    live = live_on(folder, embedder)
    (folder / "topics.yaml").write_text("otherwise:\n  dial: draft\n  verifiers: [built_in, cross_encoder]\n")
    assert [await live.look(), await live.look()] == [False, False]
    assert live.current.policies.verifiers == {Verifier.BUILT_IN}


async def test_a_mounted_config_map_that_is_swapped_is_seen(
    folder: Path, tmp_path: Path, embedder: SentenceTransformerEmbedder
) -> None:
    """Kubernetes keeps the files in a hidden folder of each version, and swaps the link that all names lead through."""
    mount = tmp_path / "mount"
    first, second = mount / "..2026_1", mount / "..2026_2"
    shutil.copytree(folder, first)
    shutil.copytree(folder, second)
    edit(second / "policy.yaml", "version: 0.1.0", "version: 0.3.0")
    (mount / "..data").symlink_to(first.name)
    for name in os.listdir(first):
        (mount / name).symlink_to(f"..data/{name}")
    live = live_on(mount, embedder)
    (mount / "..data_tmp").symlink_to(second.name)
    (mount / "..data_tmp").rename(mount / "..data")
    shutil.rmtree(first)
    assert [await live.look(), await live.look()] == [False, True]
    assert live.current.policies.stamp.version == "0.3.0"


async def test_a_folder_that_is_gone_for_a_moment_changes_nothing(folder: Path, embedder: SentenceTransformerEmbedder) -> None:
    live = live_on(folder, embedder)
    good, aside = live.current, folder.with_name("aside")
    os.rename(folder, aside)
    assert [await live.look(), await live.look()] == [False, False]
    os.rename(aside, folder)
    assert [await live.look(), await live.look()] == [False, False]
    assert live.current is good


class Reloading(FakeChatModel):
    """While it writes, the policies are changed and taken over."""

    live: LivePolicies
    folder: Path

    async def complete(self, prompt: Prompt) -> Completion:
        if not self.prompts:
            edit(self.folder / "policy.yaml", "mode: auto", "mode: draft")
            assert [await self.live.look(), await self.live.look()] == [False, True]
        return await super().complete(prompt)


async def test_a_turn_keeps_the_pack_that_it_began_with(tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(default_folder(), folder, ignore=shutil.ignore_patterns("tests"))
    chat = Reloading([DRAFT])
    house = House(chat, PolicyEngine(load_pack(folder)))
    chat.folder, chat.live = folder, LivePolicies(folder, house.turns.context, no_verifiers)
    turns = LiveTurns(house.turns, chat.live)
    begun = chat.live.current.policies.stamp
    await house.say("1")
    first = await turns.run_turn(ID)
    assert first is not None
    assert (first.outcome.decision, first.outcome.policy.sha256) == (Decision.ANSWER, begun.sha256)
    await house.say("2")
    second = await turns.run_turn(ID)
    assert second is not None
    assert (second.outcome.decision, second.outcome.policy.sha256) == (Decision.DRAFT, load_pack(folder).sha256)


class Noting:
    """An audit log that can be away."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.is_away = False

    async def record(self, event: AuditEvent) -> None:
        if self.is_away:
            raise QueueUnavailable("Redis is away")
        self.events.append(event)


async def test_the_audit_log_learns_of_each_pack_that_decides_once(folder: Path, embedder: SentenceTransformerEmbedder) -> None:
    plain, noting = live_on(folder, embedder), Noting()
    live = LivePolicies(folder, plain.current, no_verifiers, noting)
    noting.is_away = True
    await live.note()
    noting.is_away = False
    assert [await live.look(), await live.look()] == [False, False]
    edit(folder / "policy.yaml", "mode: auto", "mode: draft")
    assert [await live.look(), await live.look(), await live.look()] == [False, True, False]
    told = [(event.kind, event.policy.sha256 if event.policy else "") for event in noting.events]
    assert told == [(AuditKind.PACK, plain.current.policies.stamp.sha256), (AuditKind.PACK, live.current.policies.stamp.sha256)]
    assert len({event.event_id for event in noting.events}) == 2
