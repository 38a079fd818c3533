"""What is served of the chat widget: its size, its languages, and what must never stand in it."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[3] / "agent" / "web"
WIDGET = (WEB / "widget.js").read_text(encoding="utf-8")
SOURCES = [*sorted((WEB / "widget").glob("*.js")), *sorted((WEB / "widget").glob("*.css"))]
TEXTS = (WEB / "widget" / "texts.js").read_text(encoding="utf-8")
ENGLISH = {key: json.loads(text) for key, text in re.findall(r'^  (\w+): (".*"),$', TEXTS, re.MULTILINE)}
LOCALES = {path.stem: path.read_text(encoding="utf-8") for path in (WEB / "locales").glob("*.json")}
KB = 1000


def packed(text: str) -> int:
    return len(gzip.compress(text.encode(), 9, mtime=0))


def test_loader_and_widget_together_are_small():
    assert packed(WIDGET) <= 15 * KB


def test_it_was_built_from_the_sources_beside_it():
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]
    assert WIDGET.startswith(f"/* Innkeeper widget, sources {digest} */")


def test_it_leaves_no_name_of_its_own_in_the_page():
    code = WIDGET.partition("*/")[2].strip()
    assert code.startswith("(()=>{")
    assert code.endswith("})();")
    assert code.count("\n") == 0 or not re.search(r"^(?:var|let|const|function|class) ", code, re.MULTILINE)


def test_it_names_no_host():
    # The name of SVG is no address that anything is loaded from.
    assert re.findall(r"(?:https?:)?//[\w\[][^\s\"'`]*", WIDGET.replace("http://www.w3.org/2000/svg", "")) == []
    assert re.findall(r"@import|url\(|@font-face", WIDGET) == []


SINKS = (
    "innerHTML|outerHTML|insertAdjacentHTML|setHTML|createContextualFragment|DOMParser|srcdoc|document\\.write|<style",
    r"\beval\b|new Function|import\(|javascript:|\.src\s*=|set(?:Timeout|Interval)\([\"'`]",
    r"\.style\b|[\"']style[\"']|style:|\.cssText",
    r"postMessage|document\.cookie",
)


@pytest.mark.parametrize("sink", SINKS)
def test_nothing_of_it_parses_html_runs_text_or_styles_inline(sink: str):
    assert re.findall(sink, WIDGET) == []


def test_there_are_the_languages_that_it_asks_for():
    named = re.search(r"LOCALES = (\[.*\]);", TEXTS)
    assert named
    assert sorted(json.loads(named[1])) == sorted(LOCALES) == ["ar", "de", "es", "fr", "id", "pt", "zh"]


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_a_language_is_whole_and_small(locale: str):
    texts = json.loads(LOCALES[locale])
    assert list(texts) == list(ENGLISH)
    for key, text in texts.items():
        assert text.strip()
        assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", ENGLISH[key])
    assert packed(LOCALES[locale]) <= 2 * KB
    # Nothing was left in English but what is the same word there.
    assert {key for key in texts if texts[key] == ENGLISH[key]} <= {"title", "log", "privacy", "sources", "source"}
