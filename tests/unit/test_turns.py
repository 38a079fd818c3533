import datetime as dt
import json

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agent.completions import Completion, Prompt
from agent.errors import ConversationMissing, ModelUnavailable
from agent.graph.build import build_graph
from agent.graph.state import TurnContext
from agent.grounding.verifier import BuiltInVerifier
from agent.model_profiles import load_profile
from agent.ports import Stage
from agent.turns import Turns, run_id_of, visible
from agent.types import Author, ConversationId, Decision, Outcome, RunId
from agent.wiring.parts import STATE_TYPES
from knowledge.types import Audience, Hit, Passage, Query
from policies.engine import PolicyEngine
from policies.load import default_folder, load_pack
from policies.types import Facts, Mode
from tests.fakes import HashedWordsEmbedder, InMemoryConversations, InMemoryQueue, InMemoryShadowRecords
from tests.fakes_model import FakeChatModel
from tests.samples import TICKET, hit, message

ID = TICKET.conversation_id
FACT = "A dog costs €12 per night."
QUESTION = "How much does a dog cost per night?"
DRAFT = json.dumps({"answerable": True, "sentences": [{"text": FACT, "passage": 1}]})
SENT = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
PACK = load_pack(default_folder())


class Shelf:
    """A retriever that finds one sure passage, and remembers what it was asked."""

    def __init__(self) -> None:
        self.queries: list[Query] = []
        self.is_empty = False

    def search(self, query: Query) -> list[Hit]:
        self.queries.append(query)
        return [] if self.is_empty else [hit("dogs", FACT, "Dogs", score=0.99)]

    def around(self, passage: Passage, audiences: frozenset[Audience]) -> list[Passage]:
        return [passage]


class Interrupted(FakeChatModel):
    """While it writes for the first time, the customer writes again."""

    conversations: InMemoryConversations

    async def complete(self, prompt: Prompt) -> Completion:
        if not self.prompts:
            await self.conversations.append(TICKET, message("late", text="And how much does a cat cost per night?"))
        return await super().complete(prompt)


class Drafting(PolicyEngine):
    """The default policies, with a person who approves."""

    @property
    def mode(self) -> Mode:
        return Mode.DRAFT


class Shadowing(PolicyEngine):
    """The default policies, in shadow mode."""

    @property
    def mode(self) -> Mode:
        return Mode.SHADOW


class House:
    def __init__(
        self,
        chat: FakeChatModel | None = None,
        policies: PolicyEngine | None = None,
        *,
        later_s: float = 0,
        waits: bool = False,
        draftless: tuple[str, ...] = (),
        disclosing: tuple[str, ...] = (),
    ) -> None:
        self.told: list[str] = []
        self.conversations, self.queue, self.shelf = InMemoryConversations(), InMemoryQueue(), Shelf()
        self.shadow = InMemoryShadowRecords()
        self.chat = chat or FakeChatModel([DRAFT])
        self.outcomes: list[Outcome] = []
        if isinstance(self.chat, Interrupted):
            self.chat.conversations = self.conversations
        embedder = HashedWordsEmbedder()
        context = TurnContext(
            chat=self.chat,
            profile=load_profile("qwen3"),
            retriever=self.shelf,
            embedder=embedder,
            verifier=BuiltInVerifier(embedder),
            policies=policies or PolicyEngine(PACK),
            detect_language=lambda text: "en",
        )
        serde = JsonPlusSerializer(allowed_msgpack_modules=[(t.__module__, t.__name__) for t in STATE_TYPES])
        saver = InMemorySaver(serde=serde) if waits else None
        self.turns = Turns(
            build_graph(saver),
            context,
            self.conversations,
            self.queue,
            300,
            lambda conversation, outcome: self.outcomes.append(outcome),
            lambda: SENT + dt.timedelta(seconds=later_s),
            self.shadow,
            self,
            draftless,
            disclosing,
        )

    async def tell(self, conversation_id: ConversationId, stage: Stage) -> None:
        self.told.append(stage.value)

    async def say(self, message_id: str, text: str = QUESTION, author: Author = Author.CUSTOMER, visible: bool = True) -> None:
        await self.conversations.append(TICKET, message(message_id, author, text, visible))


async def test_question_is_answered_with_its_citation_and_delivered_once() -> None:
    house = House()
    await house.say("1")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.ANSWER
    assert [c.doc_id for c in entry.outcome.citations] == ["dogs"]
    assert f"{FACT} [1]" in entry.outcome.answer
    assert house.queue.deliveries == [entry.key]
    assert await house.turns.run_turn(ID) is None
    assert len(house.outcomes) == 1


async def test_burst_is_answered_by_one_reply() -> None:
    house = House()
    for n, text in enumerate(("hi", "I come with a dog", QUESTION)):
        await house.say(str(n), text)
    assert await house.turns.run_turn(ID)
    assert await house.turns.run_turn(ID) is None
    assert [q.text for q in house.shelf.queries] == [f"hi\nI come with a dog\n{QUESTION}"]
    assert len(house.conversations.outbox.entries) == 1


async def test_nothing_asked_is_nothing_done() -> None:
    house = House()
    await house.say("1", "Your reply is late", Author.ASSISTANT)
    assert await house.turns.run_turn(ID) is None
    assert not house.outcomes


async def test_message_that_arrives_meanwhile_starts_the_run_over() -> None:
    house = House(Interrupted([DRAFT]))
    await house.say("1")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.in_reply_to == "late"
    assert [q.text for q in house.shelf.queries][1].endswith("And how much does a cat cost per night?")
    assert len(house.outcomes) == len(house.conversations.outbox.entries) == 1


async def test_conversation_of_a_person_gets_no_reply_and_is_settled() -> None:
    house = House()
    await house.say("1")
    await house.say("2", "I'll look at it", Author.HUMAN_AGENT)
    await house.say("3", "and my dog?")
    assert await house.turns.run_turn(ID) is None
    assert [o.decision for o in house.outcomes] == [Decision.NO_REPLY]
    assert await house.conversations.unanswered() == []
    assert not house.chat.prompts


async def test_request_for_a_person_hands_off_without_a_model() -> None:
    house = House()
    await house.say("1", "I want to talk to a human please")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.HANDOFF
    assert not house.chat.prompts
    assert not house.shelf.queries


async def test_model_down_is_tried_again_while_the_question_is_fresh() -> None:
    house = House(FakeChatModel([ModelUnavailable("down")]), later_s=299)
    await house.say("1")
    with pytest.raises(ModelUnavailable):
        await house.turns.run_turn(ID)
    assert await house.conversations.unanswered() == [ID]
    assert not house.conversations.outbox.entries


async def test_model_down_for_too_long_hands_over() -> None:
    house = House(FakeChatModel([ModelUnavailable("down")]), later_s=300)
    await house.say("1")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.HANDOFF
    assert QUESTION in (entry.outcome.summary or "")
    assert (await house.conversations.read(ID)).handed_off


async def test_internal_notes_never_reach_the_graph() -> None:
    house = House()
    await house.say("1")
    await house.say("2", "SECRET margin is 40%", Author.SYSTEM, visible=False)
    await house.turns.run_turn(ID)
    seen = repr(house.chat.prompts) + repr(house.shelf.queries) + repr(house.outcomes)
    assert "SECRET" not in seen
    assert [m.message_id for m in visible((await house.conversations.read(ID)).messages)] == ["1"]


async def test_hidden_message_of_the_customer_gets_no_reply() -> None:
    house = House()
    await house.say("1", "SECRET forwarded mail", visible=False)
    assert await house.turns.run_turn(ID) is None
    assert [o.decision for o in house.outcomes] == [Decision.NO_REPLY]


async def test_run_id_is_the_same_for_the_same_state_only() -> None:
    house = House()
    await house.say("1")
    first = run_id_of(await house.conversations.read(ID))
    assert run_id_of(await house.conversations.read(ID)) == first
    await house.say("2")
    assert run_id_of(await house.conversations.read(ID)) != first


@pytest.mark.parametrize("text", ["What is the password of the printer?", "I want to talk to a human being."])
async def test_a_turn_knows_nothing_of_the_turn_before_but_what_was_said(text: str) -> None:
    house = House(waits=True)
    await house.say("1")
    first = await house.turns.run_turn(ID)
    house.shelf.is_empty = True
    await house.say("2", text)
    second = await house.turns.run_turn(ID)
    assert first is not None
    assert second is not None
    assert first.outcome.decision is Decision.ANSWER
    assert second.outcome.decision is Decision.HANDOFF
    assert FACT not in second.outcome.answer
    assert "Looked at" not in (second.outcome.summary or "")
    assert first.outcome.usage.llm_calls + second.outcome.usage.llm_calls == len(house.chat.prompts)
    assert not {"draft", "verify"} & set(second.outcome.timings_ms)


async def waiting_house() -> tuple[House, RunId]:
    house = House(policies=Drafting(PACK), waits=True)
    await house.say("1")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert entry.outcome.decision is Decision.DRAFT
    return house, entry.run_id


async def test_proposal_is_sent_once_with_the_words_of_the_person() -> None:
    house, run = await waiting_house()
    assert not await house.turns.approve(ID, RunId("another"), None)
    assert await house.turns.approve(ID, run, "Twelve euros.")
    assert not await house.turns.approve(ID, run, "Twelve euros.")
    assert not await house.turns.decline(ID, run)
    assert [o.answer for o in house.outcomes if o.decision is Decision.ANSWER] == ["Twelve euros."]
    assert len(house.queue.deliveries) == 2


async def test_declined_proposal_goes_to_a_person() -> None:
    house, run = await waiting_house()
    assert await house.turns.decline(ID, run)
    assert not await house.turns.approve(ID, run, None)
    assert house.outcomes[-1].decision is Decision.HANDOFF
    assert house.outcomes[-1].citations == ()
    assert (await house.conversations.read(ID)).handed_off


async def test_proposal_is_stale_once_the_customer_wrote_again() -> None:
    house, run = await waiting_house()
    await house.say("2", "Never mind the dog, how much is a cat per night?")
    assert not await house.turns.approve(ID, run, None)
    assert all(o.decision is Decision.DRAFT for o in house.outcomes)


async def test_unknown_conversation_can_not_be_approved() -> None:
    house = House(waits=True)
    with pytest.raises(ConversationMissing):
        await house.turns.approve(ConversationId("desk:unknown"), RunId("x"), None)


async def test_shadow_mode_records_what_it_would_have_sent_and_sends_nothing() -> None:
    house = House(policies=Shadowing(PACK))
    await house.say("m1")
    assert await house.turns.run_turn(ID) is None
    (record,) = [one async for one in house.shadow.all()]
    assert (record.outcome.decision, record.messages[-1].text) == (Decision.ANSWER, QUESTION)
    assert FACT in record.outcome.answer
    assert house.queue.deliveries == []
    conversation = await house.conversations.read(ID)
    assert (len(conversation.messages), conversation.handed_off) == (1, False)
    assert [(o.decision, o.reason) for o in house.outcomes] == [(Decision.NO_REPLY, "shadow mode: would have been answer")]


async def test_shadow_mode_records_a_hand_off_and_leaves_the_conversation_alone() -> None:
    house = House(policies=Shadowing(PACK))
    await house.say("m1", "I want to talk to a human")
    await house.turns.run_turn(ID)
    assert [one.outcome.decision async for one in house.shadow.all()] == [Decision.HANDOFF]
    assert not (await house.conversations.read(ID)).handed_off


async def test_shadow_mode_goes_on_where_people_have_answered() -> None:
    house = House(policies=Shadowing(PACK))
    await house.say("m1", "I want to talk to a human")
    await house.turns.run_turn(ID)
    await house.say("m2", "Hello, how can I help?", Author.HUMAN_AGENT)
    await house.say("m3")
    await house.turns.run_turn(ID)
    assert [one.outcome.decision async for one in house.shadow.all()] == [Decision.HANDOFF, Decision.ANSWER]
    assert house.queue.deliveries == []


async def test_a_conversation_that_turns_fail_on_goes_to_a_person_once() -> None:
    house = House()
    await house.say("m1")
    await house.turns.hand_over(ID)
    await house.turns.hand_over(ID)
    (outcome,) = house.outcomes
    assert (outcome.decision, len(house.queue.deliveries)) == (Decision.HANDOFF, 1)
    assert QUESTION in (outcome.summary or "")
    assert (await house.conversations.read(ID)).handed_off


async def test_the_customer_is_told_what_is_done_as_it_is_done() -> None:
    house = House()
    await house.say("1")
    await house.turns.run_turn(ID)
    assert house.told == ["searching", "writing", "checking"]


async def test_nothing_is_told_that_is_not_done() -> None:
    house = House()
    await house.say("1", "I want to talk to a human please")
    await house.turns.run_turn(ID)
    assert house.told == []
    house = House()
    house.shelf.is_empty = True
    await house.say("1")
    await house.turns.run_turn(ID)
    assert house.told == ["searching"]


async def test_a_turn_that_ends_without_a_message_or_waits_again_says_so() -> None:
    house = House()
    await house.say("1")
    await house.say("2", "I'll look at it", Author.HUMAN_AGENT)
    await house.say("3", "and my dog?")
    await house.turns.run_turn(ID)
    assert house.told == ["idle"]
    house = House(FakeChatModel([ModelUnavailable("down")]), later_s=299)
    await house.say("1")
    with pytest.raises(ModelUnavailable):
        await house.turns.run_turn(ID)
    assert house.told == ["searching", "writing", "received"]


async def test_the_button_hands_off_once_and_says_nothing_in_the_customers_name() -> None:
    house = House()
    await house.say("1")
    await house.turns.run_turn(ID)
    before = (await house.conversations.read(ID)).messages
    assert await house.turns.request_person(TICKET, "key-1", None)
    assert not await house.turns.request_person(TICKET, "key-1", None)
    assert not await house.turns.request_person(TICKET, "key-2", None)
    conversation = await house.conversations.read(ID)
    assert (conversation.messages, conversation.handed_off) == (before, True)
    assert [(o.decision, o.answer) for o in house.outcomes[1:]] == [(Decision.HANDOFF, "")]
    assert QUESTION in (house.outcomes[-1].summary or "")
    assert len(house.queue.deliveries) == 2


async def test_the_button_works_before_anything_is_written() -> None:
    house = House()
    assert await house.turns.request_person(TICKET, "key-1", "de")
    assert (house.outcomes[0].decision, house.outcomes[0].language) == (Decision.HANDOFF, "de")
    assert "not written anything" in (house.outcomes[0].summary or "")
    await house.say("1")
    assert await house.turns.run_turn(ID) is None
    assert not house.chat.prompts


class Pressed(Interrupted):
    """While it writes, the customer presses the button."""

    turns: Turns

    async def complete(self, prompt: Prompt) -> Completion:
        await self.turns.request_person(TICKET, "key-1", None)
        return await FakeChatModel.complete(self, prompt)


async def test_the_button_wins_over_a_turn_that_runs() -> None:
    chat = Pressed([DRAFT])
    house = House(chat)
    chat.turns = house.turns
    await house.say("1")
    assert await house.turns.run_turn(ID) is None
    assert [o.decision for o in house.outcomes] == [Decision.HANDOFF]
    assert QUESTION in (house.outcomes[0].summary or "")
    assert house.told == ["searching", "writing", "checking", "idle"]


async def test_a_draft_that_nobody_could_approve_goes_to_a_person_with_its_words() -> None:
    house = House(policies=Drafting(PACK), waits=True, draftless=("desk",))
    await house.say("1")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert (entry.outcome.decision, entry.outcome.citations) == (Decision.HANDOFF, ())
    assert FACT not in entry.outcome.answer
    assert FACT in (entry.outcome.summary or "")
    assert QUESTION in (entry.outcome.summary or "")
    conversation = await house.conversations.read(ID)
    assert conversation.handed_off
    assert all(m.visible for m in conversation.messages)


async def test_the_first_reply_says_that_a_machine_writes_unless_the_channel_says_so_all_the_time() -> None:
    answers = []
    for disclosing in ((), ("desk",)):
        house = House(disclosing=disclosing)
        await house.say("1")
        entry = await house.turns.run_turn(ID)
        assert entry is not None
        answers.append(entry.outcome)
    disclosure = PolicyEngine(PACK).disclosure(Facts(text="", language="en", first_message=True, similarity={}))
    assert answers[0].answer == f"{disclosure}\n\n{answers[1].answer}"
    assert ["disclosure" in outcome.policy.rules for outcome in answers] == [True, False]
