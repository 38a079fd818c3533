"""A model server as the simulation of capacity sees it: continuous batching, with the speeds of `innkeeper models plan`.

All calls that run get a token each in every step, and a step takes longer the more they are. A call that joins has its
prompt read first; meanwhile the others stand still. vLLM reads prompts in the steps themselves (chunked prefill), which is as
much work and stalls the others for as long together, in smaller pieces.
"""

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from agent.operations.plan import PARALLEL, Turn, fit, with_thoughts
from agent.operations.plan_cards import CARDS, Card
from agent.operations.plan_costs import Measured, prefill_tokens_per_s, step_s
from agent.operations.serving import load_serving


@dataclass(frozen=True)
class Gpu:
    """One server, on as many cards as hold the model.

    Attributes:
        prefill_tokens_s: prompt tokens a second, of those that are not in its prefix cache.
        steps_s: seconds for a token of each call, when 1, 2, … of them run; as many as run at most.
        cards: that it takes.
        call_tokens: prompt tokens to read, and tokens to write, of a call on average.
    """

    prefill_tokens_s: float
    steps_s: tuple[float, ...]
    cards: int
    call_tokens: tuple[float, float]

    @property
    def sequences(self) -> int:
        return len(self.steps_s)

    def call_s(self, running: int) -> float:
        """How long a mean call takes among so many, if every one that joins stalls the others."""
        unread, written = self.call_tokens
        return min(running, self.sequences) * unread / self.prefill_tokens_s + written * self.steps_s[running - 1]

    @property
    def calls_s(self) -> float:
        """Calls a second of a full server: a law of the whole, since as many must leave as join."""
        return self.sequences / self.call_s(self.sequences)


def planned_gpu(model: str, card: Card, turn: Turn, measured: Measured) -> Gpu:
    """The server that `innkeeper models plan` reckons with.

    Speeds that were measured under full load take the place of estimates; a smaller batch is as much faster as estimated.

    Raises:
        SystemExit: the model doesn't fit on eight of these cards.
    """
    profile, figures = load_serving(model), CARDS[card]
    own = with_thoughts(turn, profile)
    found = fit(profile, figures, max(PARALLEL), (), own)
    if not found.at_once:
        raise SystemExit(f"{model} does not fit on {max(PARALLEL)} x {card.value}; `innkeeper models plan` says what does")
    batch = found.at_once // found.replicas
    steps = [step_s(profile, figures, found.parallel, own, running) for running in range(1, batch + 1)]
    slower = batch / steps[-1] / measured.decode_tokens_per_s if measured.decode_tokens_per_s else 1.0
    return Gpu(
        prefill_tokens_s=measured.prefill_tokens_per_s or prefill_tokens_per_s(profile, figures, found.parallel),
        steps_s=tuple(step * slower for step in steps),
        cards=found.parallel,
        call_tokens=((own.prompt_tokens - own.shared_tokens) / own.calls, own.answer_tokens / own.calls),
    )


@dataclass
class _Call:
    unread: float
    left: float
    done: simpy.Event


@dataclass
class ModelServer:
    """One of them in a simulation."""

    env: simpy.Environment
    gpu: Gpu
    waiting: deque[_Call] = field(default_factory=deque)
    running: list[_Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._came = self.env.event()
        self.env.process(self._serve())

    def ask(self, unread: float, written: float) -> simpy.Event:
        """A call: prompt tokens to read, tokens to write. Happens when it is answered."""
        call = _Call(unread, written, self.env.event())
        self.waiting.append(call)
        if not self._came.triggered:
            self._came.succeed()
        return call.done

    def _serve(self) -> Generator[Any, Any, None]:
        while True:
            if not self.waiting and not self.running:
                self._came = self.env.event()
                yield self._came
            while self.waiting and len(self.running) < self.gpu.sequences:
                call = self.waiting.popleft()
                yield self.env.timeout(call.unread / self.gpu.prefill_tokens_s)
                self.running.append(call)
            yield from self._write()

    def _write(self) -> Generator[Any, Any, None]:
        """Until the first is answered, or another joins."""
        step, began = self.gpu.steps_s[len(self.running) - 1], self.env.now
        first = self.env.timeout(min(call.left for call in self.running) * step)
        self._came = self.env.event()
        yield first | self._came if len(self.running) < self.gpu.sequences else first
        for call in self.running:
            call.left -= (self.env.now - began) / step
            if call.left <= 1e-6:
                call.done.succeed()
        self.running = [call for call in self.running if call.left > 1e-6]
