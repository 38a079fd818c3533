import pytest

from agent.adapters.chat_wire import ThoughtFilter, check_json, without_thoughts
from agent.errors import ModelOutputInvalid


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hi.", "Hi."),
        ("<think>a</think>Hi.", "Hi."),
        ("a</think>Hi.", "Hi."),
        ("Hi <think>a</think>you<think>b</think>.", "Hi you."),
        ("Hi <think>never closed", "Hi"),
        ("", ""),
        ("3 < 4 <th", "3 < 4 <th"),
    ],
)
def test_thoughts_are_taken_out(text: str, shown: str):
    assert without_thoughts(text) == shown


@pytest.mark.parametrize("size", range(1, 9))
def test_thoughts_are_found_wherever_the_pieces_are_cut(size: int):
    text = "Hi <think>secret < 3</think>you < 3 <b>!"
    thoughts = ThoughtFilter()
    shown = [thoughts.feed(text[i : i + size]) for i in range(0, len(text), size)]
    assert "".join(shown) + thoughts.end() == "Hi you < 3 <b>!"


@pytest.mark.parametrize("text", ["", "Sure!", "[" * 100_000, '{"passage": ' + "9" * 5_000 + "}"])
def test_what_is_not_json_is_the_models_fault(text: str):
    with pytest.raises(ModelOutputInvalid, match="not JSON"):
        check_json(text, "stop")
