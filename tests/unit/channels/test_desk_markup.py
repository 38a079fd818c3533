import pytest

from agent.channels.desk_markup import tree


def test_a_reply_is_made_of_its_blocks() -> None:
    text = "**Pets – Fee**\n\n- A *dog* costs `12`.\n- A cat is free.\n\nAsk us. [1]"
    assert tree(text) == [
        ["p", ["strong", "Pets – Fee"]],
        ["ul", ["li", "A ", ["em", "dog"], " costs ", ["code", "12"], "."], ["li", "A cat is free."]],
        ["p", "Ask us. [1]"],
    ]


def test_a_table_and_a_line_break_stay() -> None:
    assert tree("| Pet | Fee |\n|:--|--:|\n| Dog | €12 |") == [
        ["table", ["thead", ["tr", ["th", "Pet"], ["th", "Fee"]]], ["tbody", ["tr", ["td", "Dog"], ["td", "€12"]]]]
    ]
    assert tree("one\ntwo") == [["p", "one", ["br"], "two"]]
    assert tree("# Fees\n\n```\nx\n```") == [["p", ["strong", "Fees"]], ["pre", "x\n"]]


@pytest.mark.parametrize(
    "text",
    ["<img src=x onerror=alert(1)>", "![x](http://outside.example/a.png)", "[x](javascript:alert(1))", "<http://a.example>"],
)
def test_html_links_and_images_stay_text(text: str) -> None:
    assert tree(text) == [["p", text]]


@pytest.mark.parametrize("text", ["", " \n", "\x00 \ud800", "|" * 500, "> " * 200, "- " * 200 + "x", "*a " * 3000 + "a* " * 3000])
def test_any_text_is_read(text: str) -> None:
    assert isinstance(tree(text), list)
