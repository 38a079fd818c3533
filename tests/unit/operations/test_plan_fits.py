"""What fits, held to figures that were worked out by hand from the models' configurations."""

import pytest

from agent.operations.plan import LEAST_CONTEXT, Turn, fit, kv_tokens, with_thoughts
from agent.operations.plan_cards import CARDS, CAREFUL, Card
from agent.operations.serving import load_serving

TURN = Turn()


@pytest.mark.parametrize(
    ("model", "memory_gb", "thousands"),
    [
        ("qwen3-4b-instruct-2507", 24, 81),
        ("qwen3-4b-instruct-2507", 48, 231),
        ("qwen3-4b-instruct-2507", 80, 431),
        ("qwen3-8b-fp8", 24, 72),
        ("qwen3-8b-awq", 24, 94),
        ("qwen3-8b-lora", 24, 24),
        ("qwen3-8b-lora", 48, 174),
        ("qwen3-14b-awq", 24, 61),
        ("qwen3-32b-awq", 24, 2),
        ("qwen3-32b-awq", 48, 86),
        ("qwen3-30b-a3b-instruct-2507-fp8", 48, 111),
        ("qwen3.6-27b-fp8", 48, 171),
        ("qwen3.6-27b-fp8", 80, 621),
        ("qwen3.6-35b-a3b-fp8", 48, 349),
    ],
)
def test_cache_that_the_weights_leave(model: str, memory_gb: int, thousands: int):
    assert kv_tokens(load_serving(model), memory_gb, 0.92) // 1000 == thousands


def test_weights_that_do_not_fit_leave_nothing():
    assert kv_tokens(load_serving("llama-3.3-70b-instruct-fp8"), 80, 0.92) == 0
    assert not fit(load_serving("qwen3.6-27b-fp8"), CARDS[Card.L4], 1, (), TURN).fits


def test_a_model_is_split_only_as_far_as_it_must_be_and_repeated_on_the_rest():
    small = fit(load_serving("qwen3-8b-fp8"), CARDS[Card.L4], 4, (), TURN)
    assert (small.parallel, small.replicas, small.spare_gpus) == (1, 4, 0)
    one = fit(load_serving("qwen3-8b-fp8"), CARDS[Card.L4], 1, (), TURN)
    assert small.at_once == 4 * one.at_once
    large = fit(load_serving("llama-3.3-70b-instruct-fp8"), CARDS[Card.A100], 3, (), TURN)
    assert (large.parallel, large.replicas, large.spare_gpus) == (2, 1, 1)


def test_vllm_needs_room_for_one_whole_sequence():
    """Else it doesn't start: the plan says with how much less it does."""
    short = fit(load_serving("qwen3-8b-lora"), CARDS[Card.L4], 1, (), TURN)
    assert short.context_tokens == 16_384 <= short.kv_tokens
    assert short.fits
    assert not fit(load_serving("qwen3-32b-awq"), CARDS[Card.L4], 1, (), TURN).fits
    assert TURN.longest_tokens <= LEAST_CONTEXT


def test_two_gpus_are_taken_for_the_whole_context_rather_than_two_replicas_with_less():
    found = fit(load_serving("qwen3-8b-lora"), CARDS[Card.L4], 2, (), TURN)
    assert (found.parallel, found.replicas, found.context_tokens) == (2, 1, 32_768)


def test_what_shares_the_gpu_takes_its_part():
    beside = [load_serving("qwen3-embedding-0.6b"), load_serving("qwen3-reranker-0.6b")]
    alone = fit(load_serving("qwen3.6-35b-a3b-fp8"), CARDS[Card.H100], 1, (), TURN)
    shared = fit(load_serving("qwen3.6-35b-a3b-fp8"), CARDS[Card.H100], 1, beside, TURN)
    assert [share.name for share in shared.shares] == ["qwen3.6-35b-a3b-fp8", "qwen3-embedding-0.6b", "qwen3-reranker-0.6b"]
    assert sum(share.utilisation for share in shared.shares) == pytest.approx(0.92)
    assert shared.kv_tokens < alone.kv_tokens
    for share in shared.shares[1:]:
        assert share.utilisation * 80 >= 1.2 + 2.0


def test_turns_at_once_are_bounded_by_cache_state_and_the_server():
    dense = load_serving("qwen3-8b-fp8")
    assert fit(dense, CARDS[Card.L4], 1, (), TURN).at_once == 72_428 // 4700
    assert fit(dense, CARDS[Card.H100], 1, (), Turn(longest_tokens=10)).at_once == dense.sequences
    hybrid = fit(load_serving("qwen3.6-27b-fp8"), CARDS[Card.L40S], 1, (), TURN)
    assert hybrid.at_once == 24 < hybrid.kv_tokens // 4700  # 151 MB of state are 2,304 tokens' worth of cache


def test_thoughts_are_counted():
    turn = with_thoughts(TURN, load_serving("gpt-oss-20b"))
    assert turn.answer_tokens > 1000
    assert turn.longest_tokens == TURN.longest_tokens + 1024
    assert with_thoughts(TURN, load_serving("qwen3-8b-fp8")) == TURN


def test_an_older_card_is_told():
    assert fit(load_serving("qwen3-8b-fp8"), CARDS[Card.A40], 1, (), TURN).unpacks
    assert not fit(load_serving("qwen3-8b-fp8"), CARDS[Card.L4], 1, (), TURN).unpacks
    assert not fit(load_serving("qwen3-8b-awq"), CARDS[Card.A10], 1, (), TURN).unpacks


@pytest.mark.parametrize("memory_gb", [24, 48, 80])
def test_the_card_of_a_size_is_its_slowest(memory_gb: int):
    same = [card for card in CARDS.values() if card.memory_gb == memory_gb]
    careful = CARDS[CAREFUL[memory_gb]]
    assert len(same) == 2
    assert careful.bandwidth_gb_s == min(card.bandwidth_gb_s for card in same)
    assert careful.bf16_tflops == min(card.bf16_tflops for card in same)
