"""What a model writes is text in Jira: no mark of it is markup, but bold and bare addresses."""

import re

import pytest

from agent.channels.helpdesks.jira_markup import MOST, wiki
from agent.channels.helpdesks.marks import is_marked, marks_in

_FREE = re.compile(r"(?<!\\)[{}\[\]!|]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You get **half** back [1].", r"You get *half* back \[1\]."),
        ("See https://help.example/a_b-c?d=1&e=~f.", "See https://help.example/a_b-c?d=1&e=~f."),
        ("[here](https://evil.example)", r"\[here\](https://evil.example)"),
        ("[here|https://evil.example]", r"\[here\|https://evil.example\]"),
        ("!https://evil.example/a.png!", r"\!https://evil.example/a.png\!"),
        ("{code}x{code} [~admin]", r"\{code\}x\{code\} \[\~admin\]"),
        ("-gone- a-b well-known -5", r"\-gone- a-b well-known \-5"),
        ("a * b ** c", r"a \* b \*\* c"),
        ("**a*b**", r"\*\*a\*b\*\*"),
        ("??cited??", r"\?\?cited\?\?"),
        ("# head", r"\# head"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_words_as_wiki_markup(text: str, expected: str) -> None:
    assert wiki(text) == expected


@pytest.mark.parametrize("text", [r"\[x|https://evil.example]", r"\\[x]", r"a\{html}b", r"\\\!img!", r"**\[x]**"])
def test_a_backslash_frees_no_mark(text: str) -> None:
    made = wiki(text)
    assert not _FREE.search(made)
    assert not re.search(r"\\\\", made)


def test_a_reference_is_found_again() -> None:
    made = wiki("You get half back.\n\nRef. IK-0123456789AB")
    assert marks_in(made) == {"IK-0123456789AB"}
    assert is_marked(made)


@pytest.mark.parametrize("word", ["word ", "[*] ", "\\\\", "https://help.example/a_b "])
def test_what_is_too_long_is_cut_before_its_reference(word: str) -> None:
    made = wiki(word * 30_000 + "\n\nRef. IK-0123456789AB")
    assert MOST * 0.8 < len(made) <= MOST
    assert is_marked(made)
    assert not _FREE.search(made)
