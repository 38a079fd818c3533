"""The simulation of capacity against what queueing theory says for sure."""

import math
from dataclasses import replace

import pytest

from agent.operations.plan import Turn
from agent.operations.plan_cards import Card, CardFigures
from agent.operations.plan_costs import Measured, prefill_tokens_per_s, step_s
from agent.operations.serving import Generation, load_serving
from tests.bench.capacity_gpu import Gpu, planned_gpu
from tests.bench.capacity_simulation import Costs, Fleet, Load, Simulation, enough, gives_way, planned

COSTS = Costs(
    api=0.003,
    worker=0.2,
    chroma=0.01,
    redis=0.004,
    redis_queue_share=0.5,
    redis_idle=0.004,
    redis_commands=200,
    redis_commands_idle=100,
    redis_bytes=25_000,
    redis_net_bytes=60_000,
    log_bytes=10_000,
    worker_bytes=8e8,
)
NOTHING = replace(COSTS, **dict.fromkeys(("api", "worker", "chroma", "redis", "redis_idle"), 0.0))
GPU = Gpu(prefill_tokens_s=5000, steps_s=tuple(0.02 + 0.001 * n for n in range(1, 17)), cards=1, call_tokens=(400, 100))
LOAD = Load(rate=2.0, asking=0.6, calls=1.1, wait_s=0.5, target_s=20.0)
WIDE = Fleet(api=50, worker=50, places=32, chroma=50, redis=0, model=20)


def test_a_single_server_waits_as_pollaczek_and_khinchine_say():
    """M/G/1: mean wait = rate x E[S^2] / (2 (1 - busy))."""
    costs, rate = replace(NOTHING, api=0.1), 7.0
    peak = Simulation(replace(WIDE, api=1), costs, GPU, replace(LOAD, rate=rate, asking=0, wait_s=0)).run(20_000)
    second_moment = 0.1**2 * math.exp(0.6**2)
    assert peak.waited_s["api"] / 20_000 == pytest.approx(rate * second_moment / (2 * (1 - 0.7)), rel=0.15)


def test_turns_under_way_are_rate_times_time():
    """Little's law, on the places of a worker: as many of them are taken as it says, so a few less are not enough."""
    load = replace(LOAD, rate=1.0, asking=1.0, calls=1.0)
    quick = replace(NOTHING, worker=0.001)
    free = Simulation(WIDE, quick, GPU, load).run(4000)
    under_way = sum(free.answered_s) / len(free.answered_s) - load.wait_s
    some, few = (replace(WIDE, worker=1, places=math.ceil(under_way * share)) for share in (3.0, 0.7))
    assert Simulation(some, quick, GPU, load).run(4000).p95_s < 1.2 * free.p95_s
    assert Simulation(few, quick, GPU, load).run(4000).p95_s > 10 * free.p95_s


@pytest.mark.parametrize("servers", [1, 3])
def test_full_model_servers_answer_as_many_calls_as_their_law_says(servers):
    load = Load(rate=50 * GPU.calls_s, asking=1.0, calls=1.0, wait_s=0.0, target_s=1.0)
    peak = Simulation(replace(WIDE, worker=500, model=servers), NOTHING, GPU, load).run(servers * 1500)
    assert servers * 1500 / max(peak.answered_s) == pytest.approx(servers * GPU.calls_s, rel=0.15)


def test_a_call_alone_takes_its_prompt_and_its_steps():
    load = replace(LOAD, rate=0.001, asking=1.0, calls=1.0, wait_s=0.0)
    peak = Simulation(replace(WIDE, model=1), NOTHING, GPU, load).run(1000)
    assert sum(peak.answered_s) / 1000 == pytest.approx(GPU.call_s(1), rel=0.05)
    assert peak.waited_s["model"] < 0.001 * sum(peak.answered_s)


@pytest.mark.parametrize("part", ["api", "worker", "chroma", "model"])
def test_more_replicas_make_nothing_slower(part):
    tight = replace(planned(COSTS, GPU, LOAD), places=32)
    fleets = [replace(tight, **{part: getattr(tight, part) * times}) for times in (1, 2, 4)]
    p95 = [Simulation(fleet, COSTS, GPU, LOAD).run(1000).p95_s for fleet in fleets]
    # Turns that come sooner to the model meet others there: a few hundredths of a second.
    assert p95[1] <= p95[0] + 0.05
    assert p95[2] <= p95[1] + 0.05


@pytest.mark.parametrize(
    ("part", "costs", "narrowest"),
    [("api", {"api": 0.2}, "api"), ("model", {}, "model"), ("worker", {}, "worker")],
)
def test_what_is_too_few_is_what_gives_way(part, costs, narrowest):
    """Each part is made the only one that is short."""
    costs = replace(COSTS, **costs)
    one = replace(WIDE, **{part: 1}, redis=4)
    takes_s = {"api": costs.api, "worker": costs.worker, "model": 0.66 / GPU.calls_s}[part]
    bears, narrow = gives_way(one, costs, GPU, replace(LOAD, rate=1 / takes_s / 1.5), turns=1500)
    assert narrow == narrowest
    assert bears / 1.5 == pytest.approx(1, abs=0.2)


def test_workers_that_look_for_work_take_the_queues_node():
    load = replace(LOAD, rate=100.0, asking=0.0)
    few, many = (replace(WIDE, redis=2, worker=workers) for workers in (60, 240))
    assert Simulation(few, COSTS, GPU, load).run(2000).waited_s["redis"] < 20
    assert Simulation(many, COSTS, GPU, load).run(2000).waited_s["redis"] > 1000


def test_a_plan_keeps_its_target_and_is_never_one_of_a_kind():
    fleet, peak = enough(COSTS, GPU, LOAD)
    assert peak.p95_s <= LOAD.target_s
    assert fleet.api >= 2
    assert fleet.worker >= 2


def test_a_target_that_a_call_alone_misses_is_said():
    with pytest.raises(SystemExit, match="no number of replicas"):
        enough(COSTS, GPU, replace(LOAD, rate=0.05, target_s=1.0), turns=200)


def test_the_same_figures_give_the_same_peak():
    fleet = planned(COSTS, GPU, LOAD)
    assert Simulation(fleet, COSTS, GPU, LOAD).run(500) == Simulation(fleet, COSTS, GPU, LOAD).run(500)


def test_the_model_server_is_the_one_of_models_plan():
    gpu = planned_gpu("qwen3-8b-fp8", Card.L4, Turn(), Measured())
    assert gpu.sequences == 15
    assert gpu.prefill_tokens_s == pytest.approx(0.4 * 242e12 / (2 * 8.2e9))
    assert gpu.steps_s[0] == pytest.approx((9.4e9 + 782 * 147_456) / 150e9)


def test_measured_speeds_count_under_full_load():
    estimate = planned_gpu("qwen3-8b-fp8", Card.L4, Turn(), Measured())
    gpu = planned_gpu("qwen3-8b-fp8", Card.L4, Turn(), Measured(prefill_tokens_per_s=9000, decode_tokens_per_s=400))
    assert gpu.prefill_tokens_s == 9000
    assert 15 / gpu.steps_s[-1] == pytest.approx(400)
    assert gpu.steps_s[0] / gpu.steps_s[-1] == pytest.approx(estimate.steps_s[0] / estimate.steps_s[-1])


def test_a_model_that_does_not_fit_is_said():
    with pytest.raises(SystemExit, match="does not fit on 8 x l4"):
        planned_gpu("gpt-oss-120b", Card.L4, replace(Turn(), longest_tokens=4_000_000), Measured())


@pytest.mark.parametrize(
    ("memory", "generation", "bandwidth", "tflops", "token_s"),
    [(40, Generation.AMPERE, 1555, 312, 1 / 75), (80, Generation.HOPPER, 3350, 989, 0.00648)],
    ids=["A100-40GB", "H100-SXM"],
)
def test_estimates_of_one_answer_promise_less_than_others_measured(memory, generation, bandwidth, tflops, token_s):
    """Llama 3.1 8B in 16 bits, one call at a time.

    Sources: johnmusgrave.com/p/vllm-throughput-latency-sweep-on; yobitelcomm.github.io/bench/recipes/concurrency-sweep.
    """
    card = CardFigures(memory, generation, bandwidth, tflops, 2 * tflops, "data sheets")
    turn = Turn(calls=1.0, prompt_tokens=1024, shared_tokens=0, answer_tokens=128, longest_tokens=1152)
    assert 0.5 < token_s / step_s(load_serving("llama-3.1-8b-instruct"), card, 1, turn, 1) < 1


def test_estimates_under_load_promise_less_than_others_measured():
    """Requests a second of Mistral 7B in 16 bits on an RTX 4090, 256 tokens in, about 100 out.

    Source: mushfiqrahman.dev/?p=1668, read in November 2026; the card's figures are from its maker's data sheet.
    """
    published = {4: 2.09, 8: 3.78, 16: 6.44, 32: 9.73, 48: 11.87}
    card = CardFigures(24, Generation.ADA, 1008, 165.2, 330.3, "NVIDIA Ada architecture white paper")
    llama = load_serving("llama-3.1-8b-instruct")
    size = {"parameters_b": 7.25, "active_b": 7.25, "weights_gb": 14.5, "kv_bytes_per_token": 131_072}
    model = llama.model_copy(update={"size": llama.size.model_copy(update=size)})
    turn = Turn(calls=1.0, prompt_tokens=256, shared_tokens=0, answer_tokens=100, longest_tokens=356)
    for at_once, requests_s in published.items():
        steps = tuple(step_s(model, card, 1, turn, n) for n in range(1, at_once + 1))
        gpu = Gpu(prefill_tokens_per_s(model, card, 1), steps, 1, (256, 100))
        assert 0.5 * requests_s < gpu.calls_s < requests_s
