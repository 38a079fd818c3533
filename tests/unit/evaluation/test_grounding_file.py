import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.evaluation.grounding import Case, check, figures, load
from agent.evaluation.page import render_grounding
from agent.grounding.types import Judgement, ReplyJudgement
from knowledge.types import Passage


class SaysSo:
    """Finds a sentence supported if a passage holds it."""

    def verify(self, question: str, sentences: Sequence[str], passages: Sequence[Passage]) -> list[Judgement]:
        held = [any(s in p.text for p in passages) for s in sentences]
        return [Judgement(h, 0.9 if h else 0.1, 0, passages[0].text, "" if h else "not there") for h in held]


class WeighsReplies(SaysSo):
    """Says beside it how likely the whole is supported: less for each sentence that it was given."""

    def verify_reply(self, question: str, reply: str, sentences: Sequence[str], passages: Sequence[Passage]) -> ReplyJudgement:
        return ReplyJudgement(tuple(self.verify(question, sentences, passages)), 0.8 ** len(sentences))


def written(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "replies.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def case(reply: str, *, supported: bool | None = None, passage: str = "It costs 5 euros. It opens at nine.") -> Case:
    return Case(id="c", reply=reply, passages=(passage,), supported=supported)


def test_a_line_has_a_reply_and_passages_and_its_number_is_its_name(tmp_path: Path):
    path = written(
        tmp_path, {"reply": "Yes.", "passages": ["a", {"title": "T", "text": "b"}]}, {"id": "x", "reply": "No.", "passages": []}
    )
    first, second = load(path)
    assert (first.id, second.id, len(first.passages)) == ("1", "x", 2)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "line 2: not JSON"),
        ({"passages": []}, "line 2: `reply`"),
        ({"reply": " ", "passages": []}, "line 2: `reply`"),
        ({"reply": "a", "passages": [{"titel": "x", "text": "y"}]}, "line 2: `passages.0"),
        ({"reply": "a", "passages": [], "supported": "perhaps"}, "line 2: `supported`"),
    ],
)
def test_a_line_that_is_none_is_named_with_what_is_wrong(tmp_path: Path, line: object, told: str):
    with pytest.raises(AgentError, match=told):
        load(written(tmp_path, {"reply": "a", "passages": []}, line))


def test_a_file_that_is_missing_or_empty_is_an_error_that_says_so(tmp_path: Path):
    with pytest.raises(AgentError, match="can't be read"):
        load(tmp_path / "none.jsonl")
    with pytest.raises(AgentError, match="is empty"):
        load(written(tmp_path, ""))


def test_a_reply_passes_only_if_each_sentence_that_claims_something_is_supported():
    good, bad, polite = check(
        SaysSo(),
        [case("Thanks for asking! It costs 5 euros."), case("It costs 5 euros. It opens at ten."), case("Have a nice day!")],
    )
    assert (good.passes, good.probability) == (True, 0.9)
    assert (bad.passes, bad.probability) == (False, 0.1)
    assert (polite.passes, polite.probability, polite.sentences) == (True, 1.0, ())


def test_a_verifier_that_weighs_whole_replies_ranks_them_and_passing_stays_with_the_sentences():
    good, bad, polite = check(
        WeighsReplies(), [case("It costs 5 euros."), case("It costs 5 euros. It opens at ten."), case("Have a nice day!")]
    )
    assert (good.passes, good.probability) == (True, 0.8)
    assert (bad.passes, bad.probability) == (False, pytest.approx(0.64))
    assert (polite.passes, polite.sentences, polite.judgements) == (True, (), ())
    assert polite.probability == 0.8


def test_figures_count_where_a_person_disagrees():
    checked = list(
        check(
            SaysSo(),
            [
                case("It costs 5 euros.", supported=True),
                case("It costs 5 euros.", supported=False),
                case("It is free.", supported=True),
                case("It is red.", supported=False),
                case("It is blue."),
            ],
        )
    )
    found = figures(checked)
    assert (found.replies, found.judged, found.passed) == (5, 4, 2)
    assert (found.passed_unsupported, found.stopped_supported) == (1, 1)
    assert found.auroc == pytest.approx(0.5)


def test_without_judgements_there_are_verdicts_and_no_figures():
    found = figures(list(check(SaysSo(), [case("It costs 5 euros.")])))
    assert (found.auroc, found.recall_at_95, found.calibration_error, found.curve) == (None, None, None, ())


def test_the_page_shows_each_sentence_beside_its_passage_and_escapes_both():
    checked = list(
        check(SaysSo(), [case("It costs <b>5</b> euros.", supported=True), case("It costs 5 euros.", supported=False)])
    )
    page = render_grounding("mine & yours", figures(checked), checked)
    assert "mine &amp; yours" in page
    assert "&lt;b&gt;5" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count('role="img"') == page.count("aria-label=") == 2
    assert page.index("not supported") < page.index("not there")


def test_the_page_of_replies_that_nobody_judged_has_no_plots():
    checked = list(check(SaysSo(), [case("It costs 5 euros.")]))
    assert "<svg" not in render_grounding("x", figures(checked), checked)
