"""A model names an action that no pattern knows: the customer is asked, code decides, and nothing a model writes does harm."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY

from agent.adapters.redis_clients import RedisClient, redis_client
from agent.adapters.redis_ledger import RedisLedger
from agent.completions import Prompt, Task
from agent.errors import AgentError, ModelOutputInvalid, ModelUnavailable
from agent.graph.acting.picking import PICK_TOKENS, pick_prompt, read_pick
from agent.graph.acting.reading import Desk
from agent.graph.build import build_graph
from agent.graph.prompting import PROMPT_TOKENS
from agent.model_profiles import estimate_tokens, load_profile
from agent.model_routes import NamedModel, plan
from agent.ports import Effect
from agent.settings import Settings
from agent.thinking import think
from agent.types import Author, Customer, Decision, Identity, Outcome, RunId
from agent.wiring import parts, rules, shelf
from knowledge.embed import SentenceTransformerEmbedder
from policies.engine import PolicyEngine
from policies.expressions import Clock
from tests.fakes_model import FakeChatModel
from tests.samples import TICKET, message
from tests.servers import RedisServer
from tests.stays import READS, WRITES, Stays
from tests.unit.test_turns import DRAFT, ID, PACK, SENT, House

pytestmark = pytest.mark.slow

ANNA = Customer(Identity.VERIFIED, "guest-anna", "anna@example.com")
GERMAN = "Wir schaffen es nächste Woche leider nicht, könnten wir stattdessen am 3. Dezember kommen?"
PLEASE = "we can't make it then, could we come on the Friday after instead?"
RESULTS = ("named", "none", "ignored", "failed")


def opinion(action: str, **arguments: tuple[str, str]) -> str:
    quoted = {name: {"quote": quote, "value": value} for name, (quote, value) in arguments.items()}
    return json.dumps({"action": action, "arguments": quoted})


def told(result: str) -> float:
    return REGISTRY.get_sample_value("innkeeper_action_readings_total", {"result": result}) or 0.0


class Inn(House):
    """The sample company with its own pack, and a model that says what a test wants."""

    def __init__(
        self,
        client: RedisClient,
        embedder: SentenceTransformerEmbedder,
        replies: Iterable[str | AgentError],
        *,
        language: str = "en",
        picks: bool = True,
        policies: PolicyEngine | None = None,
    ) -> None:
        super().__init__(FakeChatModel(replies, context_tokens=32_768), policies or PolicyEngine(PACK), waits=True)
        self.stays, self.count = Stays(), 0
        self.stays.booking("MS-104211", "guest-anna", "Harbour Loft, Porto")
        self.stays.booking("MS-104213", "guest-ben", "Garden Flat, Lyon")
        operations = {**dict.fromkeys(READS, Effect.READ), **dict.fromkeys(WRITES, Effect.WRITE)}
        desk = Desk(self.stays, RedisLedger(client), lambda: Clock(SENT, ZoneInfo("Europe/Lisbon")), operations)
        profile = load_profile("qwen3").model_copy(update={"picks_actions": picks})
        context = replace(
            self.turns.context,
            desk=desk,
            profile=profile,
            embedder=embedder,
            wishes=parts.wish_table(embedder, self.turns.context.policies, profile),
            detect_language=lambda text: language,
        )
        self.turns = replace(self.turns, context=context)

    async def hear(self, text: str, customer: Customer = ANNA) -> Outcome:
        self.count += 1
        await self.conversations.append(TICKET, replace(message(f"m{self.count}", text=text), customer=customer))
        entry = await self.turns.run_turn(ID)
        assert entry is not None
        return entry.outcome

    @property
    def asked(self) -> list[Prompt]:
        return [prompt for prompt in self.chat.prompts if prompt.task is Task.ACT]


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[RedisClient]:
    redis_server.flush()
    async with redis_client(redis_server.url) as client:
        yield client


async def test_a_stay_is_moved_for_a_customer_who_asks_in_german(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    before = told("named")
    inn = Inn(client, embedder, [opinion("move_stay", new_check_in=("am 3. Dezember", "2026-12-03"))], language="de")
    asked = await inn.hear(GERMAN)
    assert asked.decision is Decision.CLARIFY
    assert "Buchung MS-104211 (Harbour Loft, Porto) auf 3. Dezember 2026 bis 8. Dezember 2026" in asked.answer
    assert inn.stays.changes == []
    assert asked.policy.rules[:3] == ("move_stay.model", "move_stay.model.new_check_in", "move_stay")
    assert asked.usage.llm_calls == 1
    assert 0 < asked.usage.prompt_tokens <= PICK_TOKENS
    assert "pick" in asked.timings_ms
    done = await inn.hear("Ja, gerne")
    assert done.decision is Decision.ANSWER
    assert inn.stays.changes == [
        ("bookings.change_dates", {"booking_id": "MS-104211", "check_in": "2026-12-03", "check_out": "2026-12-08"})
    ]
    assert done.usage.llm_calls == 0
    assert len(inn.asked) == 1
    assert told("named") == before + 1


async def test_a_date_that_code_cannot_read_is_named_before_anything_is_done(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    inn = Inn(client, embedder, [opinion("move_stay", new_check_in=("the Friday after", "2026-12-25"))])
    assert "to December 25, 2026 until December 30, 2026" in (await inn.hear(PLEASE)).answer
    assert (await inn.hear("no")).decision is Decision.ANSWER
    assert inn.stays.changes == []


async def test_the_answer_to_what_was_asked_is_read_by_the_model_where_code_cannot(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    inn = Inn(client, embedder, [opinion("move_stay"), opinion("move_stay", new_check_in=("the Friday after", "2026-12-25"))])
    assert "On which day" in (await inn.hear("we can't make it on these dates, can we come at another time?")).answer
    asked = await inn.hear("make it the Friday after, please")
    assert "to December 25, 2026" in asked.answer
    assert asked.policy.rules == ("move_stay.model.new_check_in", "move_stay")
    await inn.hear("yes please")
    assert [call["check_in"] for _, call in inn.stays.changes] == ["2026-12-25"]


async def test_a_yes_is_never_the_models_to_say(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    inn = Inn(client, embedder, [opinion("move_stay", new_check_in=("the Friday after", "2026-12-25"))])
    await inn.hear(PLEASE)
    for text in ("sounds great, does it not, but what about the Friday after", "Hm. Yes? The Friday after"):
        await inn.hear(text)
    assert inn.stays.changes == []


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (opinion("none"), "none"),
        (opinion("refund_everything"), "ignored"),
        ("I think they want to move their stay", "failed"),
        (json.dumps({"action": "move_stay", "arguments": "x " * 400}), "failed"),
        (ModelUnavailable("down"), "failed"),
        (ModelOutputInvalid("nonsense"), "failed"),
    ],
    ids=["none", "unknown", "prose", "too long", "down", "nonsense"],
)
async def test_what_cannot_be_used_is_as_if_nobody_had_been_asked(
    client: RedisClient, embedder: SentenceTransformerEmbedder, reply: str | AgentError, result: str
) -> None:
    before = {one: told(one) for one in RESULTS}
    inn = Inn(client, embedder, [reply, DRAFT])
    outcome = await inn.hear("we can't make it then, could we come a week later instead?")
    assert [one for one in RESULTS if told(one) > before[one]] == [result]
    assert inn.stays.calls == []
    assert outcome.decision in {Decision.ANSWER, Decision.HANDOFF, Decision.CLARIFY}
    assert not any(rule.startswith("move_stay") for rule in outcome.policy.rules)


async def test_nobody_elses_booking_by_whatever_the_model_says(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    inn = Inn(client, embedder, [opinion("show_booking", booking_id=("MS-104213", "MS-104213"))])
    outcome = await inn.hear("Could you remind me what MS-104213 was about?")
    assert outcome.decision is Decision.REFUSE
    assert "Lyon" not in outcome.answer
    assert outcome.policy.rules[-2:] == ("show_booking.owner", "disclosure")


@pytest.mark.parametrize(
    ("text", "customer"),
    [
        ("Is there a supermarket near the house?", ANNA),
        (PLEASE, Customer()),
        (PLEASE, Customer(Identity.CLAIMED, "guest-anna")),
        (PLEASE, Customer(Identity.VERIFIED, None)),
        ("Please move my booking MS-104211 to 2026-12-28", ANNA),
        ("Please cancel my booking", ANNA),
    ],
    ids=["a question", "anonymous", "claimed", "no id", "a pattern knows it", "its argument can't be found in words"],
)
async def test_no_model_is_asked_where_it_could_be_of_no_use(
    client: RedisClient, embedder: SentenceTransformerEmbedder, text: str, customer: Customer
) -> None:
    inn = Inn(client, embedder, [DRAFT])
    await inn.hear(text, customer)
    assert inn.asked == []


async def test_a_profile_that_does_not_pick_is_not_asked(client: RedisClient, embedder: SentenceTransformerEmbedder) -> None:
    inn = Inn(client, embedder, [DRAFT], picks=False)
    await inn.hear(PLEASE)
    assert inn.asked == []


async def test_a_turn_that_asks_in_vain_stays_within_three_calls_and_its_tokens_with_a_hundred_guidelines(
    client: RedisClient, embedder: SentenceTransformerEmbedder
) -> None:
    long = "Say that a change of dates may bring a fee, and that the difference in price is settled by card. " * 3
    made = [one.model_copy(update={"id": f"rule_{n}", "then": f"{n}. {long}"}) for n in range(100) for one in PACK.guidelines[:1]]
    policies = PolicyEngine(PACK.model_copy(update={"guidelines": (*PACK.guidelines, *made)}))
    inn = Inn(client, embedder, [opinion("none"), DRAFT], policies=policies)
    first = await inn.hear("How much does a dog cost per night?")
    outcome = await inn.hear("and could we come a week later instead? " + "With the dog, and the cat, and all of them. " * 60)
    tasks = [prompt.task for prompt in inn.chat.prompts]
    assert first.usage.llm_calls <= 3
    assert Task.ACT in tasks
    assert Task.REWRITE not in tasks  # it is the one or the other
    assert 2 <= outcome.usage.llm_calls <= 3
    sizes = [sum(estimate_tokens(text) for _, text in prompt.messages) for prompt in inn.chat.prompts]
    assert sum(sizes[tasks.index(Task.ACT) :]) <= PROMPT_TOKENS
    assert outcome.usage.prompt_tokens <= PROMPT_TOKENS


async def test_a_real_server_holds_a_real_model_to_the_shape(llama: str) -> None:
    profile = load_profile("smollm2")
    actions = [judge.action for judge in PolicyEngine(PACK).actions.values()]
    shown, prompt = pick_prompt(profile, actions, [message("1", text=PLEASE)], SENT.date())
    assert len(shown) == len(actions)
    async with parts.open_model(NamedModel("default", profile, llama, timeout_s=120, concurrency=1)) as chat:
        completion = await chat.complete(prompt)
    picked = read_pick(completion.text, shown)
    assert picked is not None
    assert picked.action is None or picked.action in shown
    assert completion.usage.prompt_tokens <= PICK_TOKENS


async def test_a_turn_with_a_real_small_model_ends_and_nothing_happens(
    client: RedisClient, embedder: SentenceTransformerEmbedder, llama: str, tmp_path: Path
) -> None:
    """What SmolLM2 says may be nonsense, or come too late."""
    settings = Settings(data_dir=tmp_path / "data", llm_base_url=llama, llm_timeout_s=120)
    profile = load_profile("smollm2").model_copy(update={"picks_actions": True})
    before = {one: told(one) for one in RESULTS}
    routes = plan([NamedModel("default", profile, llama, timeout_s=120, concurrency=2)], {})
    inn = Inn(client, embedder, [DRAFT])
    assert inn.turns.context.desk is not None
    knowledge = shelf.build_knowledge(settings)
    try:
        async with parts.open_chat(routes) as chat:
            made = parts.build_context(chat, routes.turn_profile, knowledge, rules.build_policies(settings), {})
            context = replace(made, desk=inn.turns.context.desk)
            said = (replace(message("1", Author.CUSTOMER, PLEASE), customer=ANNA),)
            outcome = await think(build_graph(), context, said, RunId("r"), "t")
    finally:
        knowledge.close()
    assert sum(told(one) - before[one] for one in RESULTS) == 1
    assert inn.stays.changes == []
    assert outcome.usage.llm_calls >= 1
    assert outcome.answer
