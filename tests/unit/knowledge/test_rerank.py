import pytest

from knowledge.rerank_probe import KNOWN, wrong_order, wrong_scores
from knowledge.rerank_step import QUERY_CHARS, RERANKED, RERANKER_WEIGHT, RerankStep, Status, blend, request_text
from knowledge.rerank_vllm import relevance
from knowledge.types import Audience, DocumentId, Hit, Passage, PassageId, Query

RIGHT = {(known.question, known.answer) for known in KNOWN}


def hit(name: str, score: float) -> Hit:
    passage = Passage(PassageId(name), DocumentId(name), "1", 0, name, (), f"text of {name}", Audience.PUBLIC)
    return Hit(passage, score, 0.5, 1.0, 0.5)


def names(hits: list[Hit]) -> str:
    return "".join(one.passage.doc_id for one in hits)


class ByText:
    """Scores texts by a table, 0 for others."""

    name = "by text"

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores
        self.seen: list[list[str]] = []

    def score(self, query: str, texts: list[str]) -> list[float]:
        self.seen.append(texts)
        return [self.scores.get(text, 0.0) for text in texts]

    def check(self) -> None:
        return


def known(relevant: float, irrelevant: float):
    return lambda query, texts: [relevant if (query, text) in RIGHT else irrelevant for text in texts]


def test_the_reranker_decides_where_it_tells_passages_apart():
    assert names(blend([hit("a", 0.6), hit("b", 0.5), hit("c", 0.4)], [0.1, 0.2, 0.9])) == "cba"


def test_the_old_score_decides_where_it_does_not():
    assert names(blend([hit("a", 0.6), hit("b", 0.5)], [0.995, 0.999])) == "ab"
    assert names(blend([hit("a", 0.6), hit("b", 0.6)], [0.3, 0.3])) == "ab"


def test_the_score_is_of_both():
    (one,) = blend([hit("a", 0.5)], [0.9])
    assert one.score == pytest.approx(RERANKER_WEIGHT * 0.9 + (1 - RERANKER_WEIGHT) * 0.5)
    assert (one.dense, one.lexical, one.nearest) == (0.5, 1.0, 0.5)


def test_those_that_were_not_judged_stay_below_in_their_order():
    hits = blend([hit("a", 0.9), hit("b", 0.8), hit("c", 0.7), hit("d", 0.6)], [0.0, 1.0])
    assert names(hits) == "bacd"
    scores = [one.score for one in hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[3] / scores[2] == pytest.approx(0.6 / 0.7)


def test_lower_scores_below_are_left_as_they_are():
    assert [one.score for one in blend([hit("a", 0.9), hit("b", 0.1), hit("c", 0.0)], [1.0])[1:]] == [0.1, 0.0]


@pytest.mark.parametrize("scores", [[], [0.0], [0.0, 0.0], [1.0, 1.0]])
def test_scores_stay_within_0_and_1_and_ordered(scores: list[float]):
    hits = blend([hit("a", 1.0), hit("b", 0.0)], scores)
    assert [one.score for one in hits] == sorted((one.score for one in hits), reverse=True)
    assert all(0 <= one.score <= 1 for one in hits)


def test_nothing_is_blended_into_nothing():
    assert blend([], []) == []


def test_a_request_is_judged_after_the_last_turns_as_far_as_they_have_room():
    assert request_text(Query("dogs?", earlier=("one", " ", "three"))) == "three\ndogs?"
    assert request_text(Query("dogs?")) == "dogs?"
    assert request_text(Query("x" * 9000, earlier=("one",))) == "x" * QUERY_CHARS
    long = request_text(Query("dogs?", earlier=("a" * 9000, "z" * 20)))
    assert long.endswith("a\n" + "z" * 20 + "\ndogs?")
    assert len(long) == QUERY_CHARS


def test_only_the_first_are_judged():
    reranker = ByText({f"{n}\ntext of {n}": n / 100 for n in range(40)})
    step = RerankStep(reranker)

    hits = step.apply(Query("x"), [hit(str(n), 0.5) for n in range(40)])

    assert len(reranker.seen[0]) == RERANKED == step.depth
    assert [one.passage.doc_id for one in hits] == [*(str(n) for n in range(19, -1, -1)), *(str(n) for n in range(20, 40))]
    assert (step.state.name, step.state.status, step.state.reranked) == ("by text", Status.READY, 1)


def test_without_a_reranker_nothing_changes():
    step = RerankStep()
    hits = [hit("a", 0.1), hit("b", 0.9)]

    assert step.apply(Query("x"), hits) == hits
    assert (step.depth, step.state.status) == (0, Status.OFF)


def test_nothing_is_asked_where_nothing_was_found():
    reranker = ByText({})
    assert RerankStep(reranker).apply(Query("x"), []) == []
    assert reranker.seen == []


@pytest.mark.parametrize(
    ("relevant", "irrelevant", "is_ordered", "is_right"),
    [
        (0.99, 0.0, True, True),
        (0.7, 0.1, True, False),
        (0.9, 0.5, True, False),
        (0.5, 0.5, False, False),
        (0.2, 0.9, False, False),
    ],
)
def test_known_answers_tell_a_reranker(relevant: float, irrelevant: float, is_ordered: bool, is_right: bool):
    assert (wrong_order(known(relevant, irrelevant)) is None) is is_ordered
    assert (wrong_scores(known(relevant, irrelevant)) is None) is is_right


def test_what_is_wrong_is_told_with_the_scores():
    told = wrong_scores(known(0.815, 0.801)) or ""
    assert told.startswith("to 'What is the capital of China?' it scores the right answer 0.815 and")
    assert told.endswith(" 0.801, 0.801")


def test_a_model_that_goes_by_place_or_by_text_alone_is_found_out():
    assert wrong_order(lambda query, texts: [0.9 - 0.1 * n for n in range(len(texts))])
    assert wrong_order(lambda query, texts: [0.1 * n for n in range(len(texts))])
    assert wrong_order(lambda query, texts: [float("Beijing" in text) for text in texts])


def test_scores_that_come_best_first_are_put_in_order():
    answer = {
        "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 1}, {"index": 2, "relevance_score": 0}]
    }
    assert relevance(answer, 3) == [1.0, 0.9, 0.0]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"data": []},
        {"results": {}},
        {"results": [1, 2]},
        {"results": [{"index": 0, "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 2, "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": -1, "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": True, "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": "1", "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": None}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": float("nan")}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": 4.7}]},
        {"results": [{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": True}]},
    ],
)
def test_anything_else_is_no_answer(answer: object):
    with pytest.raises(ValueError, match=r"results|index|score"):
        relevance(answer, 2)
