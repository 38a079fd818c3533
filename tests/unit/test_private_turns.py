"""Personal data in a turn: what the model reads, what the customer hears, what is written down."""

import json
from dataclasses import replace

from agent import reasons
from agent.adapters.private_model import PrivateChatModel
from agent.completions import Completion, Prompt
from agent.privacy.handling import PersonalRules
from agent.types import Author, Decision
from knowledge.types import Audience, Hit, Passage, Query
from tests.fakes_model import FakeChatModel
from tests.samples import hit
from tests.unit.test_turns import FACT, ID, QUESTION, House

CARD, MAIL, OTHERS = "4111 1111 1111 1111", "ann@example.com", "bob@example.com"
CONTACT = "Questions about dogs go to dogs@inn.example."


class Contacts:
    """A retriever whose only article names an address of the company's."""

    def search(self, query: Query) -> list[Hit]:
        return [hit("dogs", f"{FACT} {CONTACT}", "Dogs", score=0.99)]

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        return [passage]


def drafting(*sentences: str) -> FakeChatModel:
    return FakeChatModel([json.dumps({"answerable": True, "sentences": [{"text": s, "passage": 1} for s in sentences]})])


def read_by(model: FakeChatModel) -> str:
    return "\n".join(text for prompt in model.prompts for _, text in prompt.messages)


async def test_a_model_reads_that_there_is_an_address_and_not_which() -> None:
    house = House()
    await house.say("1", f"I am {MAIL}, phone 020 7946 0958, card {CARD}. {QUESTION}")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    said = read_by(house.chat)
    assert QUESTION in said
    assert "[e-mail address]" in said
    assert "[phone number ending 0958]" in said
    assert "[payment card]" in said
    assert not [value for value in (MAIL, CARD, "4111", "7946") if value in said]


async def test_what_was_said_before_is_masked_as_well() -> None:
    house = House()
    await house.say("1", f"My colleague is {OTHERS}.")
    await house.say("2", f"Write to {OTHERS}, says the desk.", Author.HUMAN_AGENT)
    house.conversations.conversations[ID] = replace(house.conversations.conversations[ID], handed_off=False)
    await house.say("3", QUESTION)
    await house.turns.run_turn(ID)
    assert house.chat.prompts
    assert OTHERS not in read_by(house.chat)


async def test_an_address_of_the_company_may_be_said() -> None:
    house = House(drafting(CONTACT))
    house.turns = replace(house.turns, context=replace(house.turns.context, retriever=Contacts()))
    await house.say("1", "Who do I ask questions about dogs?")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.ANSWER
    assert "dogs@inn.example" in entry.outcome.answer
    assert "dogs@inn.example" in read_by(house.chat)


async def test_a_card_in_a_reply_is_held_back_whoever_wrote_it() -> None:
    class Cards(Contacts):
        def search(self, query: Query) -> list[Hit]:
            return [hit("dogs", f"A dog costs €12 per night on card {CARD}.", "Dogs", score=0.99)]

    house = House(drafting(f"A dog costs €12 per night on card {CARD}."))
    house.turns = replace(house.turns, context=replace(house.turns.context, retriever=Cards()))
    await house.say("1", QUESTION)
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.HANDOFF
    assert entry.outcome.reason == reasons.PERSONAL_DATA
    assert CARD not in entry.outcome.answer
    assert entry.outcome.citations == ()


async def test_a_person_who_takes_over_reads_what_the_customer_wrote() -> None:
    house = House()
    await house.say("1", f"I want to talk to a human. I am {MAIL}, card {CARD}")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.HANDOFF
    assert MAIL in (entry.outcome.summary or "")
    assert CARD not in (entry.outcome.summary or "")


async def test_no_prompt_holds_a_card_wherever_it_comes_from() -> None:
    model = FakeChatModel(["fine"])
    private = PrivateChatModel(model, PersonalRules())
    prompt = Prompt((("system", f"write to {MAIL}"), ("user", f"the tool says {CARD} and 219-09-9999")))
    assert isinstance(await private.complete(prompt), Completion)
    assert [piece async for piece in private.stream(prompt)] == ["fine"]
    assert await private.is_ready()
    for seen in model.prompts:
        assert [text for _, text in seen.messages] == [f"write to {MAIL}", "the tool says [payment card] and [national id]"]
