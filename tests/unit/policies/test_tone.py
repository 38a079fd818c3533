"""What a model may not say, how long it may be, and what it is told."""

import json

import pytest

from agent.graph.nodes.verify import in_tone
from agent.graph.prompting import Draft, DraftSentence
from policies.engine import PolicyEngine
from policies.tone import PLAIN, ToneFile
from tests.fakes_model import FakeChatModel
from tests.unit.test_turns import FACT, ID, PACK, House

TONE = ToneFile(voice="Calm.", do=("Name the next step.",), dont=("Joke.",), banned=("I guarantee", "100 % sure", "désolé"))


@pytest.mark.parametrize(
    ("sentence", "allowed"),
    [
        ("I guarantee that you get it back.", False),
        ("i GUARANTEE it", False),
        ("I guaranteed nothing.", True),
        ("Ski guarantee", True),
        ("We are 100 % sure.", False),
        ("Nous sommes desole.", False),
        ("You get half back.", True),
    ],
)
def test_banned_words_are_found_as_words(sentence: str, allowed: bool) -> None:
    assert TONE.allows(sentence) is allowed


def test_a_draft_loses_what_is_banned_and_what_is_too_much() -> None:
    draft = Draft(True, tuple(DraftSentence(text) for text in ("I guarantee it.", "One.", "Two.", "Three.")))
    kept = in_tone(draft, TONE.model_copy(update={"most_sentences": 2}))
    assert kept is not None
    assert [sentence.text for sentence in kept.sentences] == ["One.", "Two."]
    assert in_tone(draft, PLAIN) == draft
    assert in_tone(None, TONE) is None


def test_the_model_is_told_voice_do_and_dont_in_this_order() -> None:
    assert list(TONE.lines) == ["Calm.", "Name the next step.", "Never do this: Joke."]


@pytest.mark.parametrize(("banned", "is_said"), [((), True), (("a dog will cost you",), False)])
async def test_what_is_banned_is_not_sent_and_the_article_s_own_words_take_its_place(
    banned: tuple[str, ...], is_said: bool
) -> None:
    said = "A dog will cost you €12 per night."
    chat = FakeChatModel([json.dumps({"answerable": True, "sentences": [{"text": said, "passage": 1}]})])
    house = House(chat, PolicyEngine(PACK.model_copy(update={"tone": ToneFile(banned=banned)})))
    await house.say("1")
    entry = await house.turns.run_turn(ID)
    assert entry is not None
    assert (said in entry.outcome.answer) is is_said
    assert (FACT in entry.outcome.answer) is not is_said


async def test_the_model_is_told_the_tone_of_the_pack() -> None:
    house = House(policies=PolicyEngine(PACK.model_copy(update={"tone": ToneFile(voice="Like a host of {company}.")})))
    await house.say("1")
    await house.turns.run_turn(ID)
    assert "Like a host of Marlowe Stays." in "\n".join(content for _, content in house.chat.prompts[-1].messages)
