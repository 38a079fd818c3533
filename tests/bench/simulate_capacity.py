"""How much it takes for so many tickets a month, and what gives way first: `python -m tests.bench.simulate_capacity`.

A queueing simulation of one peak, not of the product: tickets come at random at the peak's rate and pass an API process, Redis,
a worker's place and its processor, Chroma, the model, and the worker again. What each step takes is measured
(`python -m tests.bench.bench_workers --costs FILE`, then `--costs FILE` here); what a GPU can do is `innkeeper models plan`'s
estimate for the model and card that are named. For each load it looks for the smallest number of everything with which 95 of
100 tickets are answered within `--target-s`, and then lets the load grow until they aren't, and says at which part they wait.

The peak: `--peak` times the average of a month of 30 days. Left out: the network, the helpdesk's own limits, failures.
"""

import argparse
import json
import math
import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import simpy

MONTH_S = 30 * 24 * 3600
LEAST_TICKETS, LEAST_S = 2_000, 120
"""How long a simulated peak is, at least."""
FULL = 0.7
"""No part is planned to be busier than this: beyond it queues grow steeply."""


@dataclass(frozen=True)
class Costs:
    """What one ticket costs, measured on one machine.

    Attributes:
        api: processor seconds of the API.
        worker: processor seconds of the worker.
        chroma: processor seconds of the Chroma server.
        redis: processor seconds of Redis, whose commands run on one core.
        redis_bytes: that stay in Redis.
    """

    api: float
    worker: float
    chroma: float
    redis: float
    redis_bytes: float

    @classmethod
    def read(cls, path: Path) -> "Costs":
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{one.name: found[one.name] for one in fields(cls)})


@dataclass(frozen=True)
class Gpu:
    """One model server.

    Attributes:
        prefill_tokens_s: prompt tokens a second that are not in its prefix cache.
        alone_s: seconds for one token of one sequence, when it is the only one.
        decode_tokens_s: tokens a second of all sequences together, when it is full.
        sequences: that it works on at a time.
    """

    prefill_tokens_s: float
    alone_s: float
    decode_tokens_s: float
    sequences: int

    def call_s(self, prompt_tokens: float, answer_tokens: float, busy: int) -> float:
        """How long a call takes while so many others run."""
        step_s = max(self.alone_s, (busy + 1) / self.decode_tokens_s)
        return (busy + 1) ** 0.5 * prompt_tokens / self.prefill_tokens_s + answer_tokens * step_s


@dataclass(frozen=True)
class Turn:
    """What a turn asks of the model, and of its worker's places."""

    calls: float = 1.2
    prompt_tokens: float = 2_000
    cached_share: float = 0.2
    answer_tokens: float = 150
    concurrency: int = 4


@dataclass(frozen=True)
class Fleet:
    """How many of each."""

    api: int
    worker: int
    chroma_cores: int
    redis: int
    gpu: int


@dataclass
class Peak:
    """What a simulated peak showed: seconds to each answer, and how long tickets waited for each part."""

    answered_s: list[float] = field(default_factory=list)
    waited_s: dict[str, float] = field(default_factory=dict)

    @property
    def p95_s(self) -> float:
        return statistics.quantiles(self.answered_s, n=20)[-1]

    @property
    def narrowest(self) -> str:
        return max(self.waited_s, key=lambda name: self.waited_s[name])


class Simulation:
    """One peak."""

    def __init__(self, fleet: Fleet, costs: Costs, gpu: Gpu, turn: Turn, rate: float, seed: int = 7) -> None:
        self._env = simpy.Environment()
        self._costs, self._gpu, self._turn, self._rate = costs, gpu, turn, rate
        self._chance = random.Random(seed)
        self._parts = {
            "api": simpy.Resource(self._env, fleet.api),
            "redis": simpy.Resource(self._env, fleet.redis),
            "worker places": simpy.Resource(self._env, fleet.worker * turn.concurrency),
            "worker processors": simpy.Resource(self._env, fleet.worker),
            "chroma": simpy.Resource(self._env, fleet.chroma_cores),
            "model": simpy.Resource(self._env, fleet.gpu * gpu.sequences),
        }
        self._gpus = fleet.gpu
        self.peak = Peak(waited_s=dict.fromkeys(self._parts, 0.0))

    def run(self, tickets: int) -> Peak:
        self._env.process(self._arrive(tickets))
        self._env.run()
        return self.peak

    def run_peak(self) -> Peak:
        """As many tickets as tell a queue that grows from one that doesn't."""
        return self.run(max(LEAST_TICKETS, int(LEAST_S * self._rate)))

    def _arrive(self, tickets: int) -> Generator[Any, Any, None]:
        for _ in range(tickets):
            yield self._env.timeout(self._chance.expovariate(self._rate))
            self._env.process(self._ticket())

    def _ticket(self) -> Generator[Any, Any, None]:
        began, costs = self._env.now, self._costs
        yield from self._use("api", costs.api)
        yield from self._use("redis", costs.redis / 2)
        asked = self._env.now
        with self._parts["worker places"].request() as place:
            yield place
            self.peak.waited_s["worker places"] += self._env.now - asked
            yield from self._use("worker processors", costs.worker / 2)
            yield from self._use("chroma", costs.chroma)
            calls = int(self._turn.calls) + (self._chance.random() < self._turn.calls % 1)
            for _ in range(calls):
                yield from self._use("model", None)
            yield from self._use("worker processors", costs.worker / 2)
            yield from self._use("redis", costs.redis / 2)
        self.peak.answered_s.append(self._env.now - began)

    def _use(self, name: str, seconds: float | None) -> Generator[Any, Any, None]:
        part, asked = self._parts[name], self._env.now
        with part.request() as turn:
            yield turn
            self.peak.waited_s[name] += self._env.now - asked
            if seconds is None:
                seconds = self._call_s(part.count)
                # What the others on the same GPU cost a call is waiting, too.
                self.peak.waited_s[name] += max(0.0, seconds - self._call_s(1))
            yield self._env.timeout(seconds)

    def _call_s(self, busy: int) -> float:
        turn = self._turn
        prompt_tokens = turn.prompt_tokens * (1 - turn.cached_share)
        return self._gpu.call_s(prompt_tokens, turn.answer_tokens, max(0, math.ceil(busy / self._gpus) - 1))


def planned(costs: Costs, gpu: Gpu, turn: Turn, rate: float) -> Fleet:
    """So many that each is busy for `FULL` of the time at most."""
    prefill_s = turn.prompt_tokens * (1 - turn.cached_share) / gpu.prefill_tokens_s
    gpu_s = turn.calls * (prefill_s + turn.answer_tokens / gpu.decode_tokens_s)
    call_s = turn.calls * gpu.call_s(turn.prompt_tokens * (1 - turn.cached_share), turn.answer_tokens, gpu.sequences // 2)

    def of(seconds: float, least: int = 1) -> int:
        return max(least, math.ceil(rate * seconds / FULL))

    places = math.ceil(of(costs.worker + costs.chroma + call_s) / turn.concurrency)
    # Two of what keeps no state, so that one may fail.
    return Fleet(of(costs.api, 2), max(of(costs.worker, 2), places), of(costs.chroma), of(costs.redis), of(gpu_s))


def enough(costs: Costs, gpu: Gpu, turn: Turn, rate: float, target_s: float) -> tuple[Fleet, Peak]:
    """The plan, and more of the narrowest part until the target is met."""
    fleet = planned(costs, gpu, turn, rate)
    names = {
        "api": "api",
        "redis": "redis",
        "worker places": "worker",
        "worker processors": "worker",
        "chroma": "chroma_cores",
        "model": "gpu",
    }
    for _ in range(60):
        peak = Simulation(fleet, costs, gpu, turn, rate).run_peak()
        if peak.p95_s <= target_s:
            return fleet, peak
        narrow = names[peak.narrowest]
        have = getattr(fleet, narrow)
        fleet = replace(fleet, **{narrow: have + max(1, have // 10)})
    raise SystemExit(f"no number of replicas answers within {target_s:g} s: a call of the model alone takes longer")


def gives_way(fleet: Fleet, costs: Costs, gpu: Gpu, turn: Turn, rate: float, target_s: float) -> tuple[float, str]:
    """How many times the load it still bears, and the part at which tickets wait beyond it."""

    def peak_at(times: float) -> Peak:
        return Simulation(fleet, costs, gpu, turn, rate * times).run_peak()

    bears, fails = 1.0, 2.0
    while peak_at(fails).p95_s <= target_s:
        bears, fails = fails, fails * 2
    while fails / bears > 1.05:
        middle = (bears * fails) ** 0.5
        bears, fails = (middle, fails) if peak_at(middle).p95_s <= target_s else (bears, middle)
    return bears, peak_at(fails).narrowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickets", type=float, nargs="+", default=[1e4, 1e6, 1e8], help="a month")
    parser.add_argument("--costs", type=Path, required=True, help="what bench_workers wrote")
    parser.add_argument("--peak", type=float, default=4.0, help="the busiest minute, in averages of the month")
    parser.add_argument("--target-s", type=float, default=20.0, help="95 of 100 tickets are answered within")
    parser.add_argument("--prefill", type=float, default=20_000, help="prompt tokens a second of one GPU")
    parser.add_argument("--decode", type=float, default=2_500, help="tokens a second of one full GPU")
    parser.add_argument("--alone", type=float, default=0.012, help="seconds a token when a GPU has one sequence")
    parser.add_argument("--sequences", type=int, default=64, help="at a time on one GPU")
    given = parser.parse_args()
    costs, turn = Costs.read(given.costs), Turn()
    gpu = Gpu(given.prefill, given.alone, given.decode, given.sequences)
    names = ["tickets a month", "peak, a second", "api", "workers", "Chroma cores", "Redis primaries", "GPUs", "p95"]
    names += ["bears", "then", "Redis grows"]
    print("| " + " | ".join(names) + " |")
    print("|" + " --- |" * len(names))
    for tickets in given.tickets:
        rate = given.peak * tickets / MONTH_S
        fleet, peak = enough(costs, gpu, turn, rate, given.target_s)
        times, part = gives_way(fleet, costs, gpu, turn, rate, given.target_s)
        print(
            f"| {tickets:,.0f} | {rate:.3g} | {fleet.api} | {fleet.worker} | {fleet.chroma_cores} | {fleet.redis} | {fleet.gpu} "
            f"| {peak.p95_s:.1f} s | {times:.1f}x | {part} | {tickets * costs.redis_bytes / 1e9:.3g} GB a month |",
            flush=True,
        )


if __name__ == "__main__":
    main()
