import pytest

from agent.evaluation.dials import dial_words, strictest, topic_figures, upper_bound
from policies.types import Dial, Send
from tests.unit.evaluation.made import made, record

DIALS = {"fees": Dial(Send.AUTO, 0.14), "claims": Dial(Send.PERSON), "otherwise": Dial(Send.DRAFT)}
ABOUT = {"fees": "What it costs", "claims": "Who pays"}


def test_the_upper_bound_is_that_of_clopper_and_pearson():
    # With none wrong it has a closed form: 1 - 0.05 ** (1 / n).
    assert upper_bound(0, 1) == pytest.approx(0.95)
    assert upper_bound(0, 299) == pytest.approx(1 - 0.05 ** (1 / 299))
    assert upper_bound(0, 299) < 0.01 < upper_bound(0, 298)
    # From printed tables of the one-sided 95% limit: 1 of 10, 2 of 20.
    assert upper_bound(1, 10) == pytest.approx(0.394, abs=5e-4)
    assert upper_bound(2, 20) == pytest.approx(0.283, abs=5e-4)
    assert upper_bound(5, 5) == 1.0


def test_the_strictest_dial_is_the_smallest_share_that_holds():
    # Up to N = 9 one sure answer is told, and it is wrong; from 10 on there are ten, of which one is wrong.
    answers = [(0.97, False)] + [(0.90, True)] * 9 + [(0.6, False)] * 5
    borne = strictest(answers)
    assert borne is not None
    assert (borne.percent, borne.told, borne.wrong) == (10, 10, 1)
    assert borne.upper == pytest.approx(0.394, abs=5e-4)
    assert not borne.is_certain
    assert borne.needed == 29  # 0.9 ** 29 < 0.05 < 0.9 ** 28


def test_a_certain_dial_asks_the_bound_too():
    answers = [(0.995, True)] * 59
    strict, certain = strictest(answers), strictest(answers, certain=True)
    assert strict is not None
    assert certain is not None
    assert (strict.percent, strict.is_certain, strict.needed) == (1, False, 299)
    assert (certain.percent, certain.is_certain) == (5, True)  # 0.95 ** 59 < 0.05


def test_no_dial_is_borne_where_what_is_sure_is_wrong():
    assert strictest([(0.99, False)] * 10) is None
    assert strictest([(0.2, True)] * 10) is None
    assert strictest([]) is None


def test_a_promise_that_hardly_any_answer_would_be_told_under_does_not_count():
    answers = [(0.99, True)] * 9 + [(0.8, True), (0.7, False)]
    borne = strictest(answers)
    assert borne is not None
    assert (borne.percent, borne.told, borne.wrong) == (20, 10, 0)


def test_the_edge_of_a_dial_belongs_to_it():
    borne = strictest([(0.86, True)] * 10)
    assert borne is not None
    assert borne.percent == 14


def test_an_answer_counts_for_each_topic_that_claims_it_and_for_otherwise_if_none_does():
    records = [
        *(record(f"f{n}", made(confidence=0.95, topics=("fees",))) for n in range(10)),
        record("both", made(confidence=0.5, cited="cats", topics=("fees", "claims"))),
        record("rest", made(confidence=0.9)),
    ]
    fees, claims, otherwise = topic_figures(records, ABOUT, DIALS)
    assert (fees.topic, fees.about, fees.dial, fees.judged, fees.wrong) == (
        "fees",
        "What it costs",
        "auto: at most 14% wrong",
        11,
        1,
    )
    assert fees.advice == "auto: at most 5% wrong"
    assert (claims.dial, claims.judged, claims.borne, claims.advice) == ("person", 1, None, "too few examples: 1")
    assert (otherwise.dial, otherwise.judged) == ("draft", 1)


def test_a_topic_that_bears_no_promise_stays_with_people():
    records = [record(str(n), made(confidence=0.99, cited="cats")) for n in range(12)]
    (row,) = topic_figures(records, {}, {"otherwise": Dial(Send.AUTO)})
    assert (row.advice, row.dial) == ("draft", "auto")


def test_what_is_not_named_is_never_told_plainly():
    records = [record(str(n), made(confidence=0.99, named=False)) for n in range(12)]
    (row,) = topic_figures(records, {}, {"otherwise": Dial(Send.AUTO, 0.01)})
    assert (row.judged, row.borne, row.advice) == (12, None, "draft")
    assert dial_words(Dial(Send.AUTO, 0.005)) == "auto: at most 0.5% wrong"
