"""What customers and articles say is shown to an operator as it stands, whatever it looks like to the terminal."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from agent.adapters.redis_clients import redis_client
from agent.adapters.shadow import RedisShadowRecords
from agent.cli import show
from agent.ports import ShadowRecord
from agent.surface import answer_body
from agent.types import Citation, RunId
from knowledge.types import DocumentId, PassageId
from tests.integration.test_customer_commands import innkeeper
from tests.samples import hit, message, outcome, ticket

MARKUP = "[/x] [bold]loud[/bold] [link=https://evil.example]here[/link]"


@pytest.mark.slow
async def test_a_customer_cant_stop_the_list_of_what_would_have_been_sent(redis_url: str, tmp_path: Path) -> None:
    async with redis_client(redis_url) as client:
        said = (message("m1", text=f"See {MARKUP}"),)
        record = ShadowRecord(RunId("r1"), ticket(1).conversation_id, dt.datetime.now(dt.UTC), said, outcome(answer=MARKUP))
        await RedisShadowRecords(client).record(record)
    shown = innkeeper(tmp_path, redis_url, "shadow", COLUMNS="400")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count(MARKUP) == 2


def test_articles_are_shown_as_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    show.hits([hit("a[/x]", "Text [/x]", "Title [/x]")])
    assert capsys.readouterr().out.count("[/x]") == 3
    cited = Citation(1, DocumentId("a"), PassageId("a-1"), "Title [/x]", None, "half back")
    show.answer(answer_body(replace(outcome(), citations=(cited,))))
    assert "[1] Title [/x]" in capsys.readouterr().out
