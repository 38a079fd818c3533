"""The four-way choice with the packaged encoder and the sample help centre, by kind of sample question."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree

import pytest

from agent.graph.answerability import Answerability, Choice, judge
from agent.graph.followup import said_before, search_texts
from agent.graph.nodes.retrieve import search_each_way
from agent.types import Author, Message, MessageId
from knowledge.base import KnowledgeBase, KnowledgeSettings
from knowledge.types import Audience

pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).parents[3] / "knowledge" / "samples"
KINDS = ("covered", "follow_up", "uncovered", "unclear")
Judged = Mapping[str, list[Answerability]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, knowledge: Path) -> Judged:
    """What is made of the sample questions, by kind."""
    base = KnowledgeBase(KnowledgeSettings(Path(copytree(knowledge, tmp_path_factory.mktemp("knowledge") / "data"))))
    found: dict[str, list[Answerability]] = {kind: [] for kind in KINDS}
    for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        if question["kind"] in KINDS:
            talk = question["conversation"]
            said = [Message(MessageId(str(n)), Author(m["author"]), m["text"], "") for n, m in enumerate(talk)]
            ways = search_each_way(base, base.embedder, search_texts(said), said_before(said), frozenset({Audience.PUBLIC}))
            found[question["kind"]].append(judge(base.embedder, said, ways.alone.hits, ways.in_context.hits))
    base.close()
    return found


def share(judged: Judged, kind: str, *choices: Choice) -> float:
    """Of the questions of a kind, those for which one of these was chosen."""
    chosen = Counter(one.choice for one in judged[kind])
    return sum(chosen[choice] for choice in choices) / chosen.total()


def test_covered_questions_are_answered_more_often_than_uncovered_ones(judged: Judged) -> None:
    assert share(judged, "covered", Choice.ANSWER) > 0.45
    assert share(judged, "uncovered", Choice.ANSWER) < 0.25


def test_what_is_not_known_is_said_of_uncovered_questions_more_often_than_of_covered_ones(judged: Judged) -> None:
    assert share(judged, "uncovered", Choice.UNKNOWN) > 3 * share(judged, "covered", Choice.UNKNOWN)


def test_unclear_questions_are_asked_back_more_often_than_covered_ones(judged: Judged) -> None:
    assert share(judged, "unclear", Choice.ASK_BACK) > 0.6 > 2 * share(judged, "covered", Choice.ASK_BACK)


def test_follow_ups_are_answered(judged: Judged) -> None:
    assert share(judged, "follow_up", Choice.ANSWER, Choice.PART) > 0.8
    assert share(judged, "follow_up", Choice.ASK_BACK) < 0.2
