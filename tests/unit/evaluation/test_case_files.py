import json
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.evaluation.cases import load_cases, spread
from agent.types import Author, Decision

SAMPLES = Path(__file__).parents[3] / "knowledge" / "samples"


def written(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_a_case_is_a_question_or_a_conversation(tmp_path: Path):
    talk = [
        {"author": "customer", "text": "Dogs?"},
        {"author": "assistant", "text": "€12."},
        {"author": "customer", "text": "Cats?"},
    ]
    path = written(tmp_path / "mine.jsonl", {"question": "Dogs?", "facts": ["€12"]}, "", {"id": "talk", "conversation": talk})
    (first, second), _ = load_cases([path])
    assert (first.id, second.id) == ("mine:1", "talk")
    assert first.expected.outcome is Decision.ANSWER
    assert second.expected.outcome is None
    assert [m.author for m in second.messages] == [Author.CUSTOMER, Author.ASSISTANT, Author.CUSTOMER]


def test_the_sample_questions_are_cases_as_they_are():
    cases, digest = load_cases([SAMPLES / "questions.jsonl"])
    assert len(cases) == 150
    assert len(digest) == 64
    assert {case.decision for case in cases} == {Decision.ANSWER, Decision.CLARIFY, Decision.HANDOFF, Decision.REFUSE}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", "line 2: not JSON"),
        ({"id": "x"}, "line 2: give either `question` or `conversation`"),
        ({"question": "a", "conversation": [{"author": "customer", "text": "a"}]}, "line 2: give either"),
        ({"conversation": [{"author": "assistant", "text": "a"}]}, "line 2: the last message"),
        ({"conversation": [{"author": "guest", "text": "a"}]}, "line 2: `conversation.0.author`"),
        ({"question": "a", "decision": "perhaps"}, "line 2: `decision`"),
        ({"question": "a", "decision": "no_reply"}, "line 2: `decision` is one of"),
        ({"question": "a", "facts": [""]}, "line 2: `facts.0`"),
        ({"id": "same", "question": "a"}, "line 2: the id 'same' stands twice"),
    ],
)
def test_a_line_that_is_none_is_named_with_what_is_wrong(tmp_path: Path, line: object, told: str):
    with pytest.raises(AgentError, match=told):
        load_cases([written(tmp_path / "f.jsonl", {"id": "same", "question": "a"}, line)])


def test_a_file_that_is_missing_or_empty_is_an_error_that_says_so(tmp_path: Path):
    with pytest.raises(AgentError, match="can't be read"):
        load_cases([tmp_path / "none.jsonl"])
    with pytest.raises(AgentError, match="no case in it"):
        load_cases([written(tmp_path / "f.jsonl", "")])


def test_another_text_in_a_file_is_another_hash(tmp_path: Path):
    one = load_cases([written(tmp_path / "f.jsonl", {"question": "a"})])[1]
    assert load_cases([written(tmp_path / "f.jsonl", {"question": "b"})])[1] != one


def test_fewer_cases_are_spread_over_all(tmp_path: Path):
    cases, _ = load_cases([written(tmp_path / "f.jsonl", *({"id": str(n), "question": "a"} for n in range(10)))])
    assert [case.id for case in spread(cases, 3)] == ["0", "3", "6"]
    assert len(spread(cases, None)) == len(spread(cases, 99)) == 10
