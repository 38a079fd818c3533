"""What customers get to read: the sample questions that must not go wrong, with the real parts and the small model."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent.ports import Answerer
from agent.settings import Settings
from agent.types import Author, Decision, Message, MessageId, Outcome
from agent.wiring.asking import open_answerer, question
from knowledge.types import Audience
from tests.e2e.product import ModelServer

SAMPLES = Path(__file__).parents[2] / "knowledge" / "samples"
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [q for q in lines("questions.jsonl") if q["kind"] == kind]


def messages(asked: dict[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(MessageId(str(n)), Author(m["author"]), m["text"], "") for n, m in enumerate(asked["conversation"]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answer(knowledge: Path, model: ModelServer) -> AsyncIterator[Answerer]:
    settings = Settings(data_dir=knowledge, llm_base_url=model.url, llm_profile="smollm2")
    async with open_answerer(settings) as answerer:
        yield answerer


def shown(outcome: Outcome) -> str:
    return " ".join([outcome.answer, *(f"{c.title} {c.quote}" for c in outcome.citations)]).lower()


async def test_the_refund_three_days_before_check_in_is_quoted(answer: Answerer) -> None:
    outcome = await answer(question("How much do I get back if I cancel three days before check-in?"), None)
    assert outcome.decision is Decision.ANSWER
    assert any("50%" in c.quote and c.doc_id in {"cancel-moderate", "cancel-overview"} for c in outcome.citations)
    assert outcome.usage.llm_calls <= 3
    assert outcome.usage.prompt_tokens <= 4_000


async def test_what_is_not_covered_is_quoted_under_that_heading(answer: Answerer) -> None:
    outcome = await answer(question("My train is on strike this weekend, does that count as force majeure?"), None)
    before, strikes, _ = outcome.answer.partition("Strikes, delays and cancelled transport")
    assert strikes
    assert "**" in before
    assert "not covered" in before.split("**")[-2]


async def test_a_short_question_may_open_another_subject(answer: Answerer) -> None:
    said = ["Does a strike of the trains count as force majeure?", "ok thanks. Can I bring my dog?"]
    thread = [
        Message(MessageId("1"), Author.CUSTOMER, said[0], ""),
        Message(MessageId("2"), Author.ASSISTANT, "No, strikes are not covered.", ""),
        Message(MessageId("3"), Author.CUSTOMER, said[1], ""),
    ]
    outcome = await answer(tuple(thread), None)
    assert {c.doc_id for c in outcome.citations} & {"pet-fees", "pet-rules"}
    assert "extraordinary-events" not in {c.doc_id for c in outcome.citations}


@pytest.mark.parametrize("probe", lines("probes.jsonl"), ids=lambda p: p["id"])
async def test_nothing_internal_reaches_a_customer(answer: Answerer, probe: dict[str, Any]) -> None:
    outcome = await answer(question(probe["text"]), None)
    assert all(c.doc_id != probe["target"] for c in outcome.citations)
    assert not [secret for secret in probe["secrets"] if secret.lower() in shown(outcome)]
    assert not any(title.lower() in shown(outcome) for title in internal_titles())


def internal_titles() -> list[str]:
    found = []
    for path in (SAMPLES / "help_centre" / "internal").glob("*.md"):
        head = path.read_text(encoding="utf-8").split("---")[1]
        assert f"audience: {Audience.INTERNAL}" in head
        found.append(head.split("title:")[1].splitlines()[0].strip())
    return found


@pytest.mark.parametrize("asked", of_kind("person"), ids=lambda q: q["id"])
async def test_who_asks_for_a_person_gets_one(answer: Answerer, asked: dict[str, Any]) -> None:
    outcome = await answer(messages(asked), None)
    assert outcome.decision is Decision.HANDOFF
    assert outcome.summary
    assert outcome.usage.llm_calls == 0


@pytest.mark.parametrize("asked", of_kind("unclear"), ids=lambda q: q["id"])
async def test_a_request_that_names_nothing_is_asked_back_or_handed_over(answer: Answerer, asked: dict[str, Any]) -> None:
    assert (await answer(messages(asked), None)).decision in {Decision.CLARIFY, Decision.HANDOFF}


@pytest.mark.parametrize("asked", of_kind("uncovered"), ids=lambda q: q["id"])
async def test_what_is_not_covered_is_never_made_up(answer: Answerer, asked: dict[str, Any]) -> None:
    outcome = await answer(messages(asked), None)
    if outcome.decision is Decision.ANSWER:
        # A passage that is near is shown in its own words, and said to be no more than near.
        assert outcome.citations
        assert "closest that I found" in outcome.answer


async def test_who_says_nothing_is_asked_twice_and_then_gets_a_person(answer: Answerer) -> None:
    thread: list[Message] = []
    decisions = []
    for n, text in enumerate(("hello", "help", "it doesn't work")):
        thread.append(Message(MessageId(f"c{n}"), Author.CUSTOMER, text, ""))
        outcome = await answer(tuple(thread), None)
        decisions.append(outcome.decision)
        thread.append(Message(MessageId(f"a{n}"), Author.ASSISTANT, outcome.answer, ""))
    assert decisions == [Decision.CLARIFY, Decision.CLARIFY, Decision.HANDOFF]
    assert outcome.summary


async def test_of_two_questions_the_one_that_no_article_answers_is_named(answer: Answerer) -> None:
    open_one = "Do you also rent out hot-air balloons?"
    outcome = await answer(question(f"{open_one} And how much do I get back if I cancel three days before check-in?"), None)
    assert outcome.decision is Decision.ANSWER
    assert outcome.answer.endswith(f"> {open_one}")
    assert {c.doc_id for c in outcome.citations} & {"cancel-moderate", "cancel-overview"}


async def test_two_questions_are_answered_from_two_articles(answer: Answerer) -> None:
    asked = "How much does it cost to bring a dog? How much do I get back if I cancel three days before check-in?"
    outcome = await answer(question(asked), None)
    assert outcome.decision is Decision.ANSWER
    cited = {c.doc_id for c in outcome.citations}
    assert cited & {"pet-fees", "pet-rules"}
    assert cited & {"cancel-moderate", "cancel-overview"}
