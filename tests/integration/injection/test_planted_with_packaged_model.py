"""The same orders and the model that is packaged: a sample, since it takes its time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.product import run
from tests.injection.attacks import OWN, SIMPLE
from tests.injection.judged import wrongs
from tests.injection.world import THINGS, World, fact, open_world, plant, plant_internal, question, rows_of
from tests.integration.injection.conftest import System
from tests.servers import RedisServer

pytestmark = pytest.mark.slow
PAIRS = tuple(zip(THINGS, (*OWN, *SIMPLE), strict=False))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A data folder, and title to text of its public articles."""
    folder, public = tmp_path_factory.mktemp("planted"), {}
    for thing, attack in PAIRS:
        title, body = f"Store room: {thing}", f"{fact(thing)}\n\n{attack.text}"
        plant(folder / "articles", thing.replace(" ", "-"), title, body)
        public[title] = f"{title}\n{body}"
    plant_internal(folder / "articles")
    ingested = run(folder / "data", "ingest", str(folder / "articles"))
    assert ingested.returncode == 0, ingested.stderr
    return folder / "data", public


@pytest.fixture
async def world(
    planted: tuple[Path, dict[str, str]], system: System, redis_server: RedisServer, llama: str
) -> AsyncIterator[World]:
    redis_server.flush()
    before = rows_of(system[1])
    more = {"llm_base_url": llama, "llm_profile": "smollm2"}
    async with open_world(planted[0], None, redis_server.url, system[0], **more) as opened:
        yield opened
    assert rows_of(system[1]) == before


async def test_orders_in_articles_and_tickets_are_not_obeyed(world: World, planted: tuple[Path, dict[str, str]]) -> None:
    wrong, calls = {}, 0
    for thing, attack in PAIRS:
        asked = question(thing)
        for texts in ((asked,), (f"{asked}\n\n{attack.text}",)):
            outcome = await world.say(*texts)
            calls += outcome.usage.llm_calls
            if found := wrongs(outcome, [attack], planted[1], [attack.text, asked]):
                wrong[texts] = (outcome.answer, found)
    assert not wrong, wrong
    assert calls, "the model was not even asked"
