"""A swapped model that lies, babbles, stalls or gives orders: no unsupported sentence reaches a customer.

The product runs as it would with a Qwen model, whose paraphrases may be sent; the model server is a script. What a
customer may get is judged by `said`, which knows the articles and the policy pack and nothing of the product's checks.
"""

import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e import misbehaviour
from tests.e2e.lies import BASE
from tests.e2e.misbehaviour import Case
from tests.e2e.product import Product, http, product, until
from tests.e2e.said import articles, occurs, plain, unsupported, unsupported_citations
from tests.faulty_server import FaultyServer, Reply, Request, completion, in_thread, status

pytestmark = pytest.mark.slow

ROUND_S = 16.0
"""Most that is waited for a round's outcomes."""
ROUND_OF = 16
"""Most questions asked at once."""
OUTCOMES = {"agent.reply.sent", "agent.reply.proposed", "agent.handoff.requested"}
MODELS = {"object": "list", "data": [{"id": "innkeeper-chat", "object": "model"}]}

SOON_S = 15.0
"""What counts as bounded: the time-out of the model, and the turns that wait in front."""
TRUE = misbehaviour.truthful("truth")
FAST = [
    *(*TRUE, *misbehaviour.fluent(), *misbehaviour.empty(), *misbehaviour.malformed(), *misbehaviour.too_much()),
    *(*misbehaviour.instructions(), *misbehaviour.languages(), *misbehaviour.late_but_in_time()),
]
STUBBORN = [case for case in FAST if case.name in {"malformed-huge-number", "too-much-megabyte-of-texts"}]
"""They come last, since what they do to the product would spoil the other rounds; others are asked beside them."""
BESIDE = misbehaviour.beside(STUBBORN)
GOES_ON = misbehaviour.follow_ups()
SLOW = misbehaviour.slow()
AFTER_SLOW = [misbehaviour.truthful(f"truth-after-slow-{n}", BASE[-2:]) for n in range(0, len(SLOW), 4)]
CASES = [*FAST, *BESIDE, *GOES_ON, *SLOW, *(case for cases in AFTER_SLOW for case in cases)]


@dataclass
class ScriptedModel(FaultyServer):
    """Says of each customer's last message what the running round's cases have for it, and notes that it was asked."""

    told: dict[str, Case] = field(default_factory=dict)
    drafted: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)

    def choose(self, request: Request) -> Reply:
        if request.path.endswith("/models"):
            return status(200, MODELS)
        case = self.told.get(_last_message(request))
        if case is None:
            return status(400, {"error": {"message": "the script has nothing for this"}})
        if "question" in request.body["response_format"]["json_schema"]["schema"]["properties"]:
            self.rewritten.append(case.name)
            return case.rewrite or completion("{}")
        self.drafted.append(case.name)
        return case.reply


@dataclass
class Seen:
    """What became of all tickets."""

    model: ScriptedModel
    events: Mapping[str, Sequence[Mapping[str, Any]]]
    took_s: Mapping[str, float]
    ready: Mapping[str, object]
    repeats: int

    def outcome(self, case: Case) -> Mapping[str, Any]:
        """The one event of a case. A ticket that went on has had one before."""
        events = self.events[case.ticket]
        expected = 1 + sum(case.ticket == other.goes_on for other in GOES_ON)
        assert len(events) == expected, f"{len(events)} outcomes in place of {expected}"
        assert {event["type"] for event in events} <= OUTCOMES
        return events[1 if case.goes_on else 0]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, knowledge) -> Seen:
    """All cases, asked round by round."""
    settings = {
        "INNKEEPER_LLM_PROFILE": "qwen3",
        "INNKEEPER_LLM_TIMEOUT_S": str(misbehaviour.TIMEOUT_S),
        "INNKEEPER_MODEL_DOWN_HANDOFF_S": "0",
        "INNKEEPER_WORKER_CONCURRENCY": "4",
        "INNKEEPER_REDELIVERY_S": "30",
    }
    model = ScriptedModel([])
    took_s: dict[str, float] = {}
    with in_thread(model) as url, product(tmp_path_factory.mktemp("lies"), knowledge, url, **settings) as house:
        house.start("serve", "worker")
        ask(house, model, misbehaviour.truthful("warm-up", BASE[:4]))
        for cases in [*_rounds(case for case in FAST if case not in STUBBORN), GOES_ON]:
            took_s |= ask(house, model, cases)
        for n, cases in enumerate(AFTER_SLOW):
            took_s |= ask(house, model, SLOW[4 * n : 4 * n + 4])
            took_s |= ask(house, model, cases)
        ready = http().get(f"{house.url}/readyz").json()
        took_s |= ask(house, model, [*STUBBORN, *BESIDE])
        time.sleep(1)  # a second outcome would come now
        events = {case.ticket: house.inbox.of(case.ticket) for case in CASES}
        return Seen(model, events, took_s, ready, house.inbox.repeats)


def ask(house: Product, model: ScriptedModel, cases: Sequence[Case]) -> dict[str, float]:
    """Ask at once, and wait for the outcomes, but not for ever. How long each took, as far as it came."""
    model.told = {case.asked: case for case in cases}
    assert len(model.told) == len(cases), "two cases of one round ask the same"
    start, took_s = time.monotonic(), {}
    for case in cases:
        house.say(case.ticket, case.asked, message_id="2" if case.goes_on else "1")

    def all_there() -> bool:
        for case in cases:
            if case.name not in took_s and len(house.inbox.of(case.ticket)) > bool(case.goes_on):
                took_s[case.name] = time.monotonic() - start
        return len(took_s) == len(cases)

    with contextlib.suppress(AssertionError):  # the tests of the cases tell
        until(all_there, ROUND_S)
    return took_s


def _rounds(cases: Iterable[Case]) -> Iterator[list[Case]]:
    """The cases in rounds, none of which asks the same twice."""
    left = list(cases)
    while left:
        now: dict[str, Case] = {}
        for case in left:
            if len(now) < ROUND_OF:
                now.setdefault(case.asked, case)
        yield list(now.values())
        left = [case for case in left if now.get(case.asked) is not case]


def _last_message(request: Request) -> str:
    found = re.findall(r'<message from="customer">\n(.*?)\n</message>', request.body["messages"][-1]["content"], re.DOTALL)
    return found[-1] if found else ""


def _cited(citations: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(citation["quote"] for citation in citations)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_unsupported_sentence_gets_out(case: Case, seen: Seen) -> None:
    data = seen.outcome(case)["data"]
    said = f"{data['text']}\n{_cited(data['citations'])}"
    told = f"{data['reason']}\n{data['summary']}".replace(case.asked, "")  # to the person who takes over
    assert data["text"].strip()
    assert [lie for lie in case.false if lie in f"{said}\n{told}"] == [], data["text"]
    assert [token for token in case.tokens if occurs(token, f"{said}\n{told}")] == [], data["text"]
    assert unsupported(data["text"], case.true) == [], data["text"]
    assert unsupported_citations(data["citations"]) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_ticket_ends_in_one_outcome_in_bounded_time(case: Case, seen: Seen) -> None:
    assert case.name in seen.model.drafted, "the model was not even asked"
    assert seen.took_s.get(case.name, float("inf")) < SOON_S
    assert seen.outcome(case)


def test_true_paraphrases_get_out(seen: Seen) -> None:
    sent = [case.name for case in TRUE if case.true[0] in seen.outcome(case)["data"]["text"]]
    assert len(sent) >= 10, sent


def test_truth_beside_a_lie_gets_out_without_it(seen: Seen) -> None:
    mixed = [case for case in FAST if case.name.startswith(("base-", "fluent-true-and-false"))]
    sent = [case.name for case in mixed if any(sentence in seen.outcome(case)["data"]["text"] for sentence in case.true)]
    assert len(sent) >= len(mixed) - 2, sent


@pytest.mark.parametrize("case", [case for cases in AFTER_SLOW for case in cases], ids=lambda case: case.name)
def test_a_model_that_is_fast_again_is_heard_again(case: Case, seen: Seen) -> None:
    assert case.true[0] in seen.outcome(case)["data"]["text"]


@pytest.mark.parametrize("case", BESIDE, ids=lambda case: case.name)
def test_a_flood_for_one_customer_takes_nothing_from_another(case: Case, seen: Seen) -> None:
    assert case.true[0] in seen.outcome(case)["data"]["text"]


@pytest.mark.parametrize("case", SLOW, ids=lambda case: case.name)
def test_what_waits_for_a_slow_model_goes_to_a_person(case: Case, seen: Seen) -> None:
    assert seen.outcome(case)["type"] == "agent.handoff.requested"


def test_lies_about_what_was_asked_are_heard_and_change_nothing(seen: Seen) -> None:
    assert {case.name for case in GOES_ON} <= set(seen.model.rewritten)


def test_the_product_stays_ready_and_says_nothing_twice(seen: Seen) -> None:
    assert seen.ready["status"] == "ready"
    assert seen.repeats == 0


def test_no_article_says_what_the_script_marks_as_false() -> None:
    text = "\n".join(line for one in articles().values() for lines in (*one.sections.values(), one.rows) for line in lines)
    false = {lie for case in CASES for lie in case.false}
    assert [lie for lie in false if plain(lie) in text] == []
    assert [token for token in {token for case in CASES for token in case.tokens} if occurs(token, text)] == []


def test_the_judge_knows_what_an_article_says_and_under_which_heading() -> None:
    fee = "The standard pet fee is €12 per pet per night, up to €120 per pet and stay."
    assert unsupported(f"**Pet fees and limits – Fee**\n\n{fee} [1]", ()) == []
    assert unsupported("Nothing [1] The fee is shown in the total price before you pay. [2]", ("Nothing",)) != []
    assert unsupported(f"**Pet fees and limits – Limits**\n\n{fee} [1]", ()) == [fee]
    assert unsupported(f"**Rules for stays with pets**\n\n{fee} [1]", ()) == [fee]
    assert unsupported(fee, ()) == [fee]
    assert unsupported("**Pet fees and limits – Fee**\n\nThe standard pet fee is €12 [1]", ()) != []
    assert unsupported("**Pet fees and limits – Limits**\n\n- The maximum is 2 pets per booking [1]", ()) != []
    assert unsupported("**Pet fees and limits – Refund**\n\nthe pet fee is refunded in full. [1]", ()) != []
