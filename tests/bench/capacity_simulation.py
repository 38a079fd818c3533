"""A peak of tickets through Innkeeper's processes, as a queueing simulation; knows nothing of how figures are shown.

Turns come at random at the peak's rate and pass the API, Redis, a worker's place and its processor, Chroma, the model, and the
worker and Redis again. How long a turn's work takes, and how much the model writes, is scattered around its mean.
"""

import json
import math
import random
import statistics
from collections.abc import Generator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import simpy

from tests.bench.capacity_gpu import Gpu, ModelServer

LEAST_TURNS, MOST_TURNS, PEAK_S = 1_500, 20_000, 600
"""How long a simulated peak is: ten minutes, within these numbers of turns."""
FULL = 0.7
"""No part is planned to be busier than this: beyond it queues grow steeply."""
AT_ITS_END = 0.9
"""A part that is busier is what holds all others up."""
PLACES = (2, 4, 8, 16, 32)
"""Turns at a time in a worker: the setting's default, and more while the model is what they wait for."""
SCATTER = 0.6
"""Sigma of a lognormal: `bench_turn` has 208 ms at the 95th percentile for 75 ms at the median, ln(208 / 75) / 1.645 = 0.62."""


@dataclass(frozen=True)
class Costs:
    """What one turn costs, measured on one machine.

    Attributes:
        api: processor seconds of the API.
        worker: processor seconds of the worker.
        chroma: processor seconds of the Chroma server.
        redis: processor seconds of Redis, whose commands run on one core.
        redis_queue_share: of that, for the queues of jobs, which stay on one node of a cluster.
        redis_idle: processor seconds of that node that each worker takes in a second, since it looks for work all the time.
        redis_commands_idle: commands of a worker in a second, likewise.
        redis_commands: commands.
        redis_bytes: that stay in Redis.
        redis_net_bytes: that Redis receives and sends.
        log_bytes: that API and worker write.
        worker_bytes: of memory that one worker takes, whatever it does.
    """

    api: float
    worker: float
    chroma: float
    redis: float
    redis_queue_share: float
    redis_idle: float
    redis_commands: float
    redis_commands_idle: float
    redis_bytes: float
    redis_net_bytes: float
    log_bytes: float
    worker_bytes: float

    @property
    def queues(self) -> float:
        """Of the node with the queues, for a turn: its own share, and that of the worker time that it takes."""
        return self.redis * self.redis_queue_share + self.redis_idle * self.worker / FULL

    @classmethod
    def read(cls, path: Path) -> "Costs":
        found = json.loads(path.read_text(encoding="utf-8"))
        missing = sorted(one.name for one in fields(cls) if one.name not in found)
        if missing:
            again = f"python -m tests.bench.bench_workers --costs {path}"
            raise SystemExit(f"{path} has no {', '.join(missing)}: measure anew, `{again}`")
        return cls(**{one.name: float(found[one.name]) for one in fields(cls)})


@dataclass(frozen=True)
class Load:
    """What comes in.

    Attributes:
        rate: turns a second at the peak.
        asking: share of them that ask the model.
        calls: of the model, in such a turn.
        wait_s: before a turn begins, for more messages of a burst.
        target_s: 95 of 100 answers are to take no longer.
    """

    rate: float
    asking: float
    calls: float
    wait_s: float
    target_s: float


@dataclass(frozen=True)
class Fleet:
    """How many of each. `places`: turns at a time in one worker; `redis`: primaries beside the one that has the queues."""

    api: int
    worker: int
    places: int
    chroma: int
    redis: int
    model: int


@dataclass
class Peak:
    """What a simulated peak showed.

    Attributes:
        answered_s: seconds to each answer.
        waited_s: how long turns waited for each part, all together.
        busy: share of the time that each part was at work; of the model, of what full servers could have done.
    """

    answered_s: list[float] = field(default_factory=list)
    waited_s: dict[str, float] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    @property
    def p95_s(self) -> float:
        return statistics.quantiles(self.answered_s, n=20)[-1]

    @property
    def narrowest(self) -> str:
        """Where turns wait; for a place only if none of what they hold it for is at its end."""
        name = max(self.waited_s, key=lambda name: self.waited_s[name])
        end = max(self.busy, key=lambda name: self.busy[name])
        return end if name == "places" and self.busy[end] > AT_ITS_END else name


class Simulation:
    """One peak."""

    def __init__(self, fleet: Fleet, costs: Costs, gpu: Gpu, load: Load, seed: int = 7) -> None:
        self._env = simpy.Environment()
        self._costs, self._gpu, self._load, self._seed = costs, gpu, load, seed
        self._api = simpy.Resource(self._env, fleet.api)
        self._chroma = simpy.Resource(self._env, fleet.chroma)
        self._queues = simpy.Resource(self._env, 1)
        # One server does both: then what isn't the queues' waits for the same core.
        self._redis = simpy.Resource(self._env, fleet.redis) if fleet.redis else self._queues
        # What the workers' looking for work leaves of the node with the queues.
        left = max(0.01, 1 - fleet.worker * costs.redis_idle)
        self._queues_s = costs.redis * costs.redis_queue_share / left / 2
        self._redis_s = costs.redis * (1 - costs.redis_queue_share) / (1 if fleet.redis else left) / 2
        self._processors = [simpy.Resource(self._env, 1) for _ in range(fleet.worker)]
        self._places = simpy.Store(self._env)
        self._places.items = [worker for _ in range(fleet.places) for worker in range(fleet.worker)]
        self._models = [ModelServer(self._env, gpu) for _ in range(fleet.model)]
        self._many = {"api": fleet.api, "worker": fleet.worker, "chroma": fleet.chroma, "model": fleet.model}
        self.peak = Peak([], dict.fromkeys(("places", "redis", *self._many), 0.0), dict.fromkeys(self._many, 0.0))

    def run(self, turns: int | None = None) -> Peak:
        """So many turns, or as many as tell a queue that grows from one that doesn't."""
        self._env.process(self._arrive(turns or min(MOST_TURNS, max(LEAST_TURNS, int(PEAK_S * self._load.rate)))))
        self._env.run()
        self.peak.busy = {name: worked_s / self._many[name] / self._env.now for name, worked_s in self.peak.busy.items()}
        return self.peak

    def _arrive(self, turns: int) -> Generator[Any, Any, None]:
        chance = random.Random(self._seed)
        for n in range(turns):
            yield self._env.timeout(chance.expovariate(self._load.rate))
            # Each has a chance of its own: the same turns, whatever there is to do them.
            self._env.process(self._turn(random.Random(self._seed * 1_000_003 + n)))

    def _turn(self, chance: random.Random) -> Generator[Any, Any, None]:
        began, costs = self._env.now, self._costs
        api_s, work_s, chroma_s = (_around(mean, chance) for mean in (costs.api, costs.worker, costs.chroma))
        yield from self._use("api", self._api, api_s)
        yield from self._use("redis", self._redis, self._redis_s)
        yield self._env.timeout(self._load.wait_s)
        yield from self._use("redis", self._queues, self._queues_s)
        asked = self._env.now
        worker = yield self._places.get()
        self.peak.waited_s["places"] += self._env.now - asked
        yield from self._use("worker", self._processors[worker], work_s / 2)
        yield from self._use("chroma", self._chroma, chroma_s)
        yield from self._ask(chance)
        yield from self._use("worker", self._processors[worker], work_s / 2)
        yield from self._use("redis", self._redis, self._redis_s)
        yield from self._use("redis", self._queues, self._queues_s)
        yield self._places.put(worker)
        self.peak.answered_s.append(self._env.now - began)

    def _ask(self, chance: random.Random) -> Generator[Any, Any, None]:
        if chance.random() >= self._load.asking:
            return
        # A conversation keeps to its server, whatever the others do.
        server = chance.choice(self._models)
        gpu = self._gpu
        for _ in range(int(self._load.calls) + (chance.random() < self._load.calls % 1)):
            asked = self._env.now
            unread, written = (_around(tokens, chance) for tokens in gpu.call_tokens)
            yield server.ask(unread, written)
            read_s = unread / gpu.prefill_tokens_s
            self.peak.waited_s["model"] += max(0.0, self._env.now - asked - read_s - written * gpu.steps_s[0])
            self.peak.busy["model"] += read_s + written * gpu.steps_s[-1] / gpu.sequences

    def _use(self, name: str, part: simpy.Resource, seconds: float) -> Generator[Any, Any, None]:
        asked = self._env.now
        with part.request() as turn:
            yield turn
            self.peak.waited_s[name] += self._env.now - asked
            yield self._env.timeout(seconds)
        if name in self.peak.busy:
            self.peak.busy[name] += seconds


def _around(mean: float, chance: random.Random) -> float:
    return mean * chance.lognormvariate(-(SCATTER**2) / 2, SCATTER)


def planned(costs: Costs, gpu: Gpu, load: Load) -> Fleet:
    """So many that each is busy for `FULL` of the time at most; two of what keeps no state, so that one may fail."""

    def of(seconds: float, least: int = 1) -> int:
        return max(least, math.ceil(load.rate * seconds / FULL))

    asked = load.asking * load.calls
    worker = of(costs.worker, 2)
    # Little's law: as many turns are under way as come in while one takes; with full model servers, so that it isn't the places,
    # which cost next to nothing, that give way before these.
    under_way = of(costs.worker + costs.chroma + asked * gpu.call_s(gpu.sequences))
    places = next((n for n in PLACES if worker * n >= under_way), PLACES[-1])
    workers = max(worker, math.ceil(under_way / places))
    one_redis = load.rate * costs.redis + workers * costs.redis_idle <= FULL
    return Fleet(
        api=of(costs.api, 2),
        worker=workers,
        places=places,
        chroma=of(costs.chroma),
        redis=0 if one_redis else of(costs.redis * (1 - costs.redis_queue_share)),
        model=of(asked / gpu.calls_s),
    )


def enough(costs: Costs, gpu: Gpu, load: Load, turns: int | None = None) -> tuple[Fleet, Peak]:
    """The plan, and more of the narrowest part until the target is met; `turns` as in `Simulation.run`.

    Raises:
        SystemExit: no number of replicas meets it.
    """
    fleet = planned(costs, gpu, load)
    for _ in range(40):
        peak = Simulation(fleet, costs, gpu, load).run(turns)
        if peak.p95_s <= load.target_s:
            return fleet, peak
        part = {"places": "worker"}.get(peak.narrowest, peak.narrowest)
        have = getattr(fleet, part)
        fleet = replace(fleet, **{part: have + max(1, have // 10)})
    raise SystemExit(f"no number of replicas answers within {load.target_s:g} s: see what a model call alone takes")


def gives_way(fleet: Fleet, costs: Costs, gpu: Gpu, load: Load, turns: int | None = None) -> tuple[float, str]:
    """How many times the load it still bears within the target, and the part at which turns wait beyond it."""

    def peak_at(times: float) -> Peak:
        return Simulation(fleet, costs, gpu, replace(load, rate=load.rate * times)).run(turns)

    bears, fails = 1.0, 2.0
    while (broken := peak_at(fails)).p95_s <= load.target_s:
        bears, fails = fails, fails * 2
    while fails / bears > 1.05:
        middle = (bears * fails) ** 0.5
        tried = peak_at(middle)
        if tried.p95_s <= load.target_s:
            bears = middle
        else:
            fails, broken = middle, tried
    return bears, broken.narrowest
