"""How the run's customers behave: one who is told to come again does."""

from dataclasses import dataclass
from pathlib import Path

from agent.operations.proof.channels import NOTHING, Answers
from agent.operations.proof.product import Product
from tests.faulty_server import FaultyServer, status


@dataclass
class _Elsewhere(Product):
    """Its API is at another address than the run's."""

    address: str = ""

    @property
    def url(self) -> str:
        return self.address


async def _ended(folder: Path, server: FaultyServer) -> dict[str, int]:
    product = _Elsewhere(folder, {}, server.base_url.removesuffix("/v1"))
    return dict((await Answers().ask(product, ["Can I bring my dog?"], lambda: None)).ended)


async def test_a_question_that_is_turned_away_for_now_is_asked_again(tmp_path: Path) -> None:
    busy = status(503, {"detail": "the model is busy"}, retry_after="0")
    async with FaultyServer([busy, busy, status(200, {"decision": "answer"})]) as server:
        assert await _ended(tmp_path, server) == {"answer": 1}
        assert len(server.requests) == 3


async def test_a_question_that_is_refused_has_no_end(tmp_path: Path) -> None:
    async with FaultyServer([status(500, {"detail": "broken"})]) as server:
        assert await _ended(tmp_path, server) == {NOTHING: 1}
        assert len(server.requests) == 1
