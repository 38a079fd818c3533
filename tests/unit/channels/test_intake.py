import pytest

from agent.channels.intake import clean_text, html_to_text, parse_json
from agent.errors import JsonInvalid


def test_control_characters_go_and_line_ends_stay():
    assert clean_text(" a\x00b\x1b[31m\r\nc\td\x85\u202e ") == "ab[31m\nc\td"


def test_text_of_other_scripts_is_kept():
    text = "می‌خواهم 👩‍👩‍👧 für"
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<!-- nothing -->", ""),
        ("plain", "plain"),
        ("a<br>b", "a\nb"),
        ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("<script>alert(1)</script>x<style>b{}</style>y", "xy"),
        ('<?xml version="1.0" encoding="utf-8"?><p>caf\u00e9 &amp; more</p>', "café & more"),
        ("<p>unclosed <b>tags", "unclosed tags"),
    ],
)
def test_html_reads_as_a_person_sees_it(html, text):
    assert html_to_text(html) == text


def test_deeply_nested_html_is_read():
    assert html_to_text("<div>" * 5_000 + "deep") in ("deep", "")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000, b"NaN", b'"\\ud800"'])
def test_what_is_not_json_is_refused(body):
    with pytest.raises(JsonInvalid):
        parse_json(body)
