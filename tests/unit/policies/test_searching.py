"""No pattern of a pack's takes longer than its time, whatever a customer writes."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from policies import searching
from policies.load import default_folder
from policies.patterns import WINDOW_CHARS, check_pattern, compiled
from policies.rule import Rule
from policies.searching import finditer, is_all_of, is_found, may_be_slow, search
from policies.types import Facts

SLOW = r"\w+\s*\w+\s*\w+\s*\w+!x"
"""A cube of the text's length and more: years with `re`."""
ROOT = default_folder().parent.parent
LONG = "a" * 3_900 + " and !x"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "SLOWEST_S", 0.05)


def test_a_search_that_takes_too_long_is_stopped() -> None:
    check_pattern(SLOW)  # for nothing about it says so
    for ask in (search, is_all_of, lambda pattern, text: list(finditer(pattern, text, any_case=True))):
        with pytest.raises(TimeoutError):
            ask(SLOW, LONG)


def test_a_hard_rule_that_cant_be_told_holds() -> None:
    assert is_found(SLOW, LONG)
    assert Rule("fire", (SLOW,), None).holds([LONG], Facts("", "en", "ticket"))
    assert not is_found(SLOW, "A short question about my booking")


@pytest.mark.parametrize(
    ("pattern", "many"),
    [
        ("fire", False),
        ("ms-[0-9]{6}", False),
        ("a{1}b{0,1}c?d*", False),
        (r"\*\+[*+]{2,3}", False),
        ("a*b+", True),
        ("a{2}b{,3}", True),
        ("(?:a{1,2} ){3,}", True),
        ("(?:a|aa)+b", True),
        ("(?:a|aa)?b", False),
        (r"(?:b)(?=c)\)+", False),
        ("a?" * 11, True),
    ],
)
def test_what_can_be_read_in_many_ways(pattern: str, many: bool) -> None:
    assert may_be_slow(pattern) is many


def patterns_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from [one] if name == "pattern" and isinstance(one, str) else patterns_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from patterns_of(one)


def shipped() -> list[str]:
    folders = (ROOT / "policies" / "default", ROOT / "policies" / "examples" / "abcd_shop")
    files = [file for folder in folders for file in sorted(folder.rglob("*.yaml")) if "tests" not in file.parts]
    return [one for file in files for one in patterns_of(yaml.safe_load(file.read_text(encoding="utf-8")))]


def messages() -> list[str]:
    """The lines of the tests of both packs, and three long texts."""
    tests = sorted((ROOT / "policies").rglob("tests/*.yaml"))
    lines = [line.lower() for file in tests for line in file.read_text(encoding="utf-8").splitlines()]
    return [*dict.fromkeys(lines), "a" * WINDOW_CHARS, "1 " * (WINDOW_CHARS // 2), "word and other words, " * 180]


def test_what_ships_is_found_as_by_the_standard_library_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    texts, patterns = messages(), [one for one in shipped() if may_be_slow(one)]
    assert (len(texts) > 500, len(patterns) > 50) == (True, True)
    for pattern in patterns:
        by_re = compiled(pattern)
        for text in texts:
            ours, theirs = search(pattern, text), by_re.search(text)
            assert (ours and ours.span()) == (theirs and theirs.span()), (pattern, text[:100])
