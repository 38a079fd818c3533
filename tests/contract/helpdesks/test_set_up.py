"""What `innkeeper connect` needs of every system: steps in words, and an event that is genuine and about nothing."""

from agent.channels.helpdesks.registry import SYSTEMS
from agent.channels.helpdesks.types import Delivery
from tests.contract.helpdesks.fake_desk import FakeDesk

NOW = 1_767_603_600.0


def test_the_test_event_is_genuine_and_leads_to_nothing(desk: FakeDesk) -> None:
    system, settings = SYSTEMS[desk.system], desk.settings(desk.address)
    if system.receiver is None:
        assert system.sample is None
        return
    assert system.sample is not None
    sample = system.sample(settings, NOW)
    headers = {name.lower(): value for name, value in sample.headers.items()}
    assert system.receiver(settings).receive(Delivery(sample.body, headers, sample.key or None, NOW)) is None


def test_the_steps_name_our_address_and_are_whole_sentences(desk: FakeDesk) -> None:
    system, settings = SYSTEMS[desk.system], desk.settings(desk.address)
    steps = system.setup(settings).steps
    assert steps
    assert all(step.strip() == step.strip().strip("\n") and step for step in steps)
    assert any("{webhook}" in step for step in steps) == (system.receiver is not None)
