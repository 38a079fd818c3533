"""The model that answers is killed among tickets: the next one of its route answers, and when it is back it is used again."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from agent.telemetry import fresh_metrics_dir
from tests.e2e import misbehaviour
from tests.e2e.lies import BASE
from tests.e2e.product import Product, http, product, until
from tests.e2e.test_lies import MODELS
from tests.faulty_server import FaultyServer, Reply, Request, in_thread, slowly, status

pytestmark = pytest.mark.slow
CASES = misbehaviour.truthful("fallback", BASE[:6])
TICKETS = 18


@dataclass
class Model(FaultyServer):
    """Drafts what is true, and takes some time for it."""

    drafted: int = 0
    slow_s: float = 0.3
    cases: dict[str, misbehaviour.Case] = field(default_factory=lambda: {case.asked: case for case in CASES})

    def choose(self, request: Request) -> Reply:
        if request.path.endswith("/models"):
            return status(200, MODELS)
        said = request.body["messages"][-1]["content"]
        self.drafted += 1
        return slowly(next(case.reply for asked, case in self.cases.items() if asked in said), self.slow_s)


class Killable:
    """A model server that is killed with all of its connections and comes back on its port."""

    def __init__(self) -> None:
        self.model = Model([])
        self._running = ExitStack()

    def start(self) -> None:
        self._running.enter_context(in_thread(self.model))

    def kill(self) -> None:
        self._running.close()


@dataclass
class World:
    house: Product
    large: Killable
    small: Model
    numbers: Iterator[int]

    def ask(self) -> str:
        """One ticket more. Its id."""
        n = next(self.numbers)
        self.house.say(f"t{n}", CASES[n % len(CASES)].asked)
        return f"t{n}"

    def readyz(self) -> dict[str, object]:
        return dict(http().get(f"{self.house.url}/readyz").json())


@pytest.fixture
def world(tmp_path: Path, knowledge: Path) -> Iterator[World]:
    large, small = Killable(), Model([])
    large.start()
    with in_thread(small) as url:
        settings = {
            "INNKEEPER_LLM_PROFILE": "qwen3",
            "INNKEEPER_MODELS": json.dumps({"small": {"base_url": url, "profile": "qwen3"}}),
            "INNKEEPER_ROUTES": json.dumps(
                {"answer": {"models": ["default", "small"], "timeout_s": 60}, "rewrite": ["default", "small"]}
            ),
            "INNKEEPER_WORKER_CONCURRENCY": "3",
            **fresh_metrics_dir(tmp_path / "metrics"),
        }
        with product(tmp_path, knowledge, large.model.base_url, **settings) as house:
            house.start("serve", "worker")
            try:
                yield World(house, large, small, count())
            finally:
                large.kill()


def test_the_next_model_answers_while_the_first_is_gone_and_nothing_is_lost(world: World) -> None:
    tickets = [world.ask() for _ in range(TICKETS)]
    until(lambda: world.large.model.drafted >= 3)
    world.large.kill()
    until(lambda: world.readyz().get("models") == {"default": "down", "small": "up"})
    assert (world.readyz()["status"], world.readyz()["model"]) == ("ready", "up")
    outcomes = {ticket: world.house.outcomes(ticket) for ticket in tickets}
    assert world.small.drafted > 0
    page = http().get(f"{world.house.url}/metrics").text
    assert 'innkeeper_model_calls_total{model="small",result="ok",task="answer"}' in page
    assert 'innkeeper_model_fallbacks_total{task="answer"}' in page
    assert '"event": "model_passed_over", "task": "answer", "model": "default"' in world.house.log("worker").read_text()

    world.large.start()
    until(lambda: world.readyz().get("models") == {"default": "up", "small": "up"})
    drafted = world.large.model.drafted

    def is_used_again() -> bool:
        ticket = world.ask()  # its breaker lets one call in again after a while
        outcomes[ticket] = world.house.outcomes(ticket)
        return world.large.model.drafted > drafted

    until(is_used_again)
    for ticket in outcomes:
        (event,) = world.house.inbox.of(ticket)
        case = CASES[int(ticket[1:]) % len(CASES)]
        assert event["data"]["decision"] == "answer", (ticket, event["data"])
        assert case.true[0] in event["data"]["text"]


def test_models_that_do_not_fit_together_stop_the_start(tmp_path: Path, knowledge: Path) -> None:
    models = {"small": {"base_url": "http://127.0.0.1:9/v1", "profile": "gemma3-270m"}}
    routes = {"answer": ["default", "small"]}
    settings = {"INNKEEPER_MODELS": json.dumps(models), "INNKEEPER_ROUTES": json.dumps(routes)}
    with product(tmp_path, knowledge, "http://127.0.0.1:9/v1", **settings) as house:
        for command in ("serve", "worker"):
            with pytest.raises(
                AssertionError, match=rf"{command} ended with 1:\n.*INNKEEPER_ROUTES.answer: its models are asked"
            ):
                house.start(command)
            assert "Traceback" not in house.log(command).read_text()
