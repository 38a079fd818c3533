"""What is read of a message, whatever a stranger has put into it."""

import pytest

from agent.channels.helpdesks import reading
from agent.channels.helpdesks.reading import LONGEST_LINE, NO_TEXT, bounded, said
from agent.channels.intake import MAX_TEXT, clean_text


@pytest.mark.parametrize(
    "header",
    [
        "On Thu, Nov 26, 2026 at 3:00 PM Support <support@example.com> wrote:",
        "On Thu, Nov 26, 2026 at 3:00 PM Support <support@example.com>\nwrote:",
        "Am 26.11.2026 um 15:00 schrieb Support <support@example.com>:",
        "Von: Support\nGesendet: Donnerstag\nAn: Emily\nBetreff: Paket",
        "-----Original Message-----",
        "> On Thu, Nov 26, 2026 at 3:00 PM Support <support@example.com> wrote:",
    ],
)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_what_a_mail_quotes_is_left_out(header: str, between: str) -> None:
    assert said(f"And when?\n  - by post{between}{header}\n> Your parcel left.", mail=True) == "And when?\n  - by post"


def test_an_answer_below_what_it_quotes_is_kept_whole() -> None:
    text = "On Thu, Nov 26, 2026 Support wrote:\n> Your parcel left.\nAnd when?"
    assert said(text, mail=True) == text


@pytest.mark.parametrize(
    "text", ["On " * 40_000, "Am " * 40_000, "On a " * 40_000, ("On " * 80 + "\n") * 500, ("> " * 120 + "Il\n") * 500]
)
def test_no_mail_holds_the_worker_up(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The library's own parser takes minutes for these: its patterns grow with the square of a line.
    assert said(text, mail=True) == bounded(clean_text(text))
    patterns = Watched()
    monkeypatch.setattr(reading, "_quote_headers", lambda: patterns)
    said(text, mail=True)
    assert patterns.longest_line <= LONGEST_LINE


class Watched:
    """In place of the patterns: what they are given."""

    longest_line = 0

    def search(self, text: str) -> None:
        assert len(text) <= MAX_TEXT
        self.longest_line = max(map(len, text.split("\n")))


def test_a_lone_surrogate_is_no_text_and_breaks_nothing() -> None:
    assert said("Where \ud83dis it?") == "Where is it?"
    assert "is it?" in said(html="<p>Where \ud83dis it?</p>")
    assert "Where" in said(html='<p>Where \ud83dis it?</p><blockquote type="cite">x</blockquote>')


def test_a_message_is_bounded_and_never_empty() -> None:
    assert len(said("x" * 50_000)) == MAX_TEXT
    assert said("x" * 50_000).endswith("…")
    assert said(" \x00 ", "<p> </p>") == NO_TEXT
