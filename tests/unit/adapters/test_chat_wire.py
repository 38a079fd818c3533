import pytest

from agent.adapters.chat_wire import ThoughtFilter, without_thoughts


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
