"""What the widget shows is text and trees, whatever was written."""

import json
from dataclasses import replace

import pytest

from agent.channels.desk_markup import TAGS
from agent.channels.widget.messages import HANDOFF, assistant_message, customer_message, pieces, plain_tree, safe_url
from agent.types import Citation, Decision
from knowledge.types import DocumentId, PassageId
from tests.samples import entry, outcome

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1)) ![x](https://evil.example/x.png)"


def is_element(part: object) -> bool:
    return isinstance(part, list) and bool(part) and isinstance(part[0], str) and part[0] in TAGS


def tags(tree: list) -> set[str]:
    """Every tag of a tree, which has nothing but texts and elements of known tags."""
    found: set[str] = set()
    for part in tree:
        if not isinstance(part, str):
            assert is_element(part)
            found |= {part[0], *tags(part[1:])}
    return found


def texts(tree: list) -> str:
    return "".join(part if isinstance(part, str) else texts(part[1:]) for part in tree)


def test_what_a_customer_writes_is_not_markdown() -> None:
    shown = customer_message("m1", f"**a** {ATTACK}\nsecond line\n\nnext", "2026-11-24T10:00:00Z", "key-1")
    assert shown["tree"] == [["p", f"**a** {ATTACK}", ["br"], "second line"], ["p", "next"]]
    assert (shown["role"], shown["client_id"], shown["text"].startswith("**a**")) == ("customer", "key-1", True)


def test_script_in_a_reply_stays_text() -> None:
    shown = assistant_message(entry(1, outcome(answer=f"Half of it. {ATTACK} [1]")), ())
    assert tags(shown["tree"]) == {"p"}
    assert "<script>alert(1)</script>" in texts(shown["tree"])
    assert "<script>" in "".join(texts(piece) for piece in pieces(f"Half of it. {ATTACK} [1]"))


def test_pieces_are_sentences_with_their_marks_and_whole_blocks() -> None:
    sentences = "You get **half** back [1].\n\nA dog costs €12. [1] Two cost €20, e.g. at night. [2]"
    text = f"{sentences}\n\n- one\n- two\n\n| a |\n|---|\n| b |"
    found = pieces(text)
    assert found[0] == [["p", "You get ", ["strong", "half"], " back [1]."]]
    assert found[1:3] == [[["p", "A dog costs €12. [1]"]], [["p", "Two cost €20, e.g. at night. [2]"]]]
    assert [piece[0][0] for piece in found[3:]] == ["ul", "table"]
    assert pieces("") == []
    assert pieces("您可以退款。请联系我们！") == [[["p", "您可以退款。"]], [["p", "请联系我们！"]]]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "a\n\n\n\nb"])
def test_any_text_has_a_tree(text: str) -> None:
    json.dumps(plain_tree(text))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://help.example/a?b=1#c", True),
        ("http://help.example/", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("data:text/html;base64,PHNjcmlwdD4=", False),
        ("java\tscript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("\x01javascript:alert(1)", False),
        ("javascript://help.example/%0aalert(1)", False),
        ("ｊavascript:alert(1)", False),
        ("vbscript:x", False),
        ("blob:https://help.example/1", False),
        ("file:///etc/passwd", False),
        ("https:alert(1)", False),
        ("https:\\\\evil.example", False),
        ("https://help.example/\u202egpj.exe", False),
        ("//evil.example", False),
        ("/help/a.md", False),
        ("https://", False),
        ("https://a b/", False),
        ("https://x\n/", False),
        ("https://[half", False),
        (None, False),
    ],
)
def test_only_addresses_of_the_web_become_links(url: str | None, shown: bool) -> None:
    assert safe_url(url) == (url if shown else None)


def test_a_reply_has_all_that_the_widget_needs() -> None:
    cited = Citation(1, DocumentId("d"), PassageId("p"), "<b>Title</b>", "javascript:alert(1)", "half")
    shown = assistant_message(entry(1, replace(outcome(), citations=(cited,))), ())
    assert shown["citations"] == [{"n": 1, "title": "<b>Title</b>", "url": None, "quote": "half", "tree": [["p", "half"]]}]
    assert (shown["id"], shown["lang"], shown["quick_replies"], shown["feedback"]) == ("out_1", "en", [], None)


def test_a_person_is_offered_where_the_answer_may_not_be_one() -> None:
    person = {"label": None, "value": HANDOFF}
    assert assistant_message(entry(1, replace(outcome(), sure=False)), ())["quick_replies"] == [person]
    asked = assistant_message(entry(1, outcome(Decision.CLARIFY)), ("Refunds", "Dogs"))["quick_replies"]
    assert asked == [{"label": "Refunds", "value": "Refunds"}, {"label": "Dogs", "value": "Dogs"}, person]
