"""A model that lies in its drafts and then, as the judge of its own words, finds all of them supported.

The started product with a pack in which every topic lists the judge. What gets out is judged by `said`, as in `test_lies`.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from policies.load import default_folder
from tests.e2e import misbehaviour
from tests.e2e.lies import BASE
from tests.e2e.misbehaviour import Case
from tests.e2e.product import product
from tests.e2e.said import occurs, unsupported, unsupported_citations
from tests.e2e.test_lies import ScriptedModel, _cited, _rounds, ask
from tests.faulty_server import Reply, Request, completion, in_thread
from tests.yes_man import yes_to_all

pytestmark = pytest.mark.slow
CASES = misbehaviour.fluent()
GETS_OUT = ("If the host cancels, you always get a full refund and a hotel night.",)
"""What a judge that says yes to everything does get out: free words with no number, name, negation or limit of their own."""


@dataclass
class YesSayer(ScriptedModel):
    """As the script says, and yes to whatever it is asked to judge."""

    judged: list[int] = field(default_factory=list)

    def choose(self, request: Request) -> Reply:
        user = request.body.get("messages", [{"content": ""}])[-1]["content"]
        if "<statements>" not in user:
            return super().choose(request)
        self.judged.append(user.count("<statement "))
        return completion(yes_to_all(user))


@dataclass
class Seen:
    model: YesSayer
    events: Mapping[str, Sequence[Mapping[str, Any]]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, knowledge) -> Seen:
    folder = tmp_path_factory.mktemp("lying-judge")
    pack = shutil.copytree(default_folder(), folder / "policies")
    (pack / "topics.yaml").write_text(
        "otherwise: {dial: {auto: at most 14% wrong}, unsure: closest, verifiers: [built_in, judge]}\n"
    )
    settings = {
        "INNKEEPER_LLM_PROFILE": "qwen3",
        "INNKEEPER_WORKER_CONCURRENCY": "4",
        "INNKEEPER_REDELIVERY_S": "30",
        "INNKEEPER_POLICY_DIR": str(pack),
    }
    model = YesSayer([])
    with in_thread(model) as url, product(folder, knowledge, url, **settings) as house:
        house.start("serve", "worker")
        ask(house, model, misbehaviour.truthful("warm-up", BASE[:4]))
        for cases in _rounds(CASES):
            ask(house, model, cases)
        return Seen(model, {case.ticket: house.inbox.of(case.ticket) for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_judge_that_says_yes_to_everything_gets_no_lie_out(case: Case, seen: Seen) -> None:
    (event,) = seen.events[case.ticket]
    data = event["data"]
    said = f"{data['text']}\n{_cited(data['citations'])}"
    assert [lie for lie in case.false if lie in said and lie not in GETS_OUT] == [], data["text"]
    assert [token for token in case.tokens if occurs(token, said)] == [], data["text"]
    assert unsupported(data["text"], (*case.true, *GETS_OUT)) == [], data["text"]
    assert unsupported_citations(data["citations"]) == []
    # Hedged at least: no judge makes an answer as sure as that.
    assert "not certain" in data["text"] or not [lie for lie in GETS_OUT if lie in said]


def test_it_was_asked_at_most_once_a_draft(seen: Seen) -> None:
    assert 0 < len(seen.model.judged) <= len(seen.model.drafted)
