"""What tickets cost: by hand for one model, and how it moves for the others."""

import pytest

from agent.operations.plan import Turn, fit
from agent.operations.plan_cards import CARDS, Card
from agent.operations.plan_costs import Cost, Measured, Prices, cost
from agent.operations.serving import load_serving

ESTIMATED, FREE = Measured(), Prices()
TURN = Turn(calls=1.0, prompt_tokens=1000, shared_tokens=200, answer_tokens=100, longest_tokens=4700)


def spent(
    model: str = "qwen3-8b-fp8",
    card: Card = Card.L4,
    count: int = 1,
    turns: float = 1.0,
    measured: Measured = ESTIMATED,
    prices: Prices = FREE,
) -> Cost:
    profile = load_serving(model)
    return cost(profile, CARDS[card], fit(profile, CARDS[card], count, (), TURN), TURN, turns, measured, prices)


def test_a_dense_model_by_hand():
    found = spent()
    prefill = 0.4 * 242e12 / (2 * 8.2e9)
    step_s = (9.4e9 + 15 * 1100 * 147_456) / (0.5 * 300e9)
    assert found.speed.prefill_tokens_per_s == pytest.approx(prefill)
    assert found.speed.decode_tokens_per_s == pytest.approx(15 / step_s)
    assert found.gpu_seconds_per_thousand == pytest.approx(1000 * (800 / prefill + 100 * step_s / 15))
    assert found.speed.estimated == ("prefill", "decode")


def test_a_mixture_of_experts_reads_what_its_tokens_touch():
    """All of it at a large batch, whatever is active for one token."""
    found = spent("qwen3-30b-a3b-instruct-2507-fp8", Card.L40S)
    batch = 23
    touched = 1 - (1 - 3.3 / 30.5) ** batch
    step_s = (31.2e9 * touched + batch * 1100 * 98_304) / (0.5 * 864e9)
    assert 0.9 < touched < 1
    assert found.speed.decode_tokens_per_s == pytest.approx(batch / step_s)


def test_measured_speeds_take_the_place_of_estimates():
    found = spent(measured=Measured(prefill_tokens_per_s=2000, decode_tokens_per_s=500))
    assert found.gpu_seconds_per_thousand == pytest.approx(1000 * (800 / 2000 + 100 / 500))
    assert found.speed.estimated == ()
    assert spent(measured=Measured(decode_tokens_per_s=500)).speed.estimated == ("prefill",)


def test_replicas_answer_more_and_cost_the_same_a_ticket():
    one, three = spent(), spent(count=3)
    assert three.gpu_seconds_per_thousand == pytest.approx(one.gpu_seconds_per_thousand)
    assert three.tickets_per_month == pytest.approx(3 * one.tickets_per_month)


def test_every_gpu_of_a_split_model_counts():
    found = spent("llama-3.3-70b-instruct-fp8", Card.H100, count=2, measured=Measured(2000, 500))
    assert found.gpu_seconds_per_thousand == pytest.approx(2 * 1000 * (800 / 2000 + 100 / 500))


def test_turns_multiply():
    assert spent(turns=3).gpu_seconds_per_thousand == pytest.approx(3 * spent().gpu_seconds_per_thousand)


def test_break_even_is_against_gpus_that_are_paid_for_all_month():
    prices = Prices(per_gpu_hour=2.0, per_resolution=0.9, resolved=0.5, per_million_in=1.0, per_million_out=4.0)
    found = spent(count=2, turns=2, measured=Measured(2000, 500), prices=prices)
    assert found.per_month == 2 * 730 * 2.0
    assert found.per_thousand_busy == pytest.approx(2 * 1000 * 0.6 / 3600 * 2.0)
    by_resolution, by_tokens = found.offers
    assert by_resolution.per_thousand == pytest.approx(450)
    assert by_resolution.break_even_tickets == pytest.approx(2920 / 0.45)
    assert by_resolution.in_reach
    assert by_tokens.per_thousand == pytest.approx(1000 * 2 * (1000 * 1.0 + 100 * 4.0) / 1e6)
    assert by_tokens.break_even_tickets == pytest.approx(2920 / 0.0028)
    assert found.tickets_per_month == pytest.approx(2 * 730 * 3600 / 1.2)
    assert by_tokens.in_reach == (found.tickets_per_month >= 2920 / 0.0028)


def test_without_a_price_of_ones_own_only_the_offers_are_told():
    found = spent(prices=Prices(per_resolution=0.9))
    assert found.per_month is None
    assert [(offer.per_thousand, offer.break_even_tickets) for offer in found.offers] == [(pytest.approx(900), None)]
    assert spent(prices=Prices(per_gpu_hour=2.0, per_resolution=0.0)).offers[0].break_even_tickets is None
