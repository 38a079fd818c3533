"""What a model may not say, how long it may be, and what it is told."""

import pytest

from agent.graph.nodes.verify import in_tone
from agent.graph.prompting import Draft, DraftSentence
from policies.tone import PLAIN, ToneFile

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
