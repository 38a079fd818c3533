"""A pack's own cases: what they can say, where they are wrong, and what a failure tells."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from policies.engine import PolicyEngine
from policies.errors import RulesInvalid
from policies.load import load_pack
from policies.testing import CaseResult, run_cases
from tests.unit.policies.conftest import TOPICS

ACTION = """\
id: refund_order
about: Pay money back
tool: orders.refund
when:
  - pattern: '\\brefund\\b'
arguments:
  order_id: {pattern: 'O-[0-9]{4}', ask: which_order}
  wanted: {type: amount, optional: true}
facts:
  order: {tool: orders.get, arguments: {id: order_id}}
compute:
  refund: "wanted == null ? cents(order.total) : wanted"
call:
  order_id: order.id
  amount: refund
owner: order.customer
amount: refund
currency: EUR
key: order.id
allow_when:
  - {id: in_time, that: "days_since(order.delivered) <= 30", say: too_late}
limits: {per_customer: {amount: 200, window: 30d}, rate: {count: 3, window: 1h}}
approval: {above: 50}
say: {confirm: sure, done: paid, denied: no, pending: wait, identify: who}
"""
GIVEN = "{action: refund_order, order_id: O-1234, order: {id: O-1234, customer: me, total: '40.00', delivered: {days_ago: 30}}%s}"
OTHER_OWNER = GIVEN.replace("customer: me", "customer: somebody_else")


class Words:
    """Near to a rule if it says one of its words."""

    def similarity(self, text: str) -> Mapping[str, float]:
        return {"legal": 0.7 if "court" in text else 0.1}

    def language(self, text: str) -> str | None:
        return "de" if "ich" in text.split() else None


@pytest.fixture
def shop(folder: Path) -> Path:
    """The small pack with topics, an action and its texts."""
    (folder / "topics.yaml").write_text(TOPICS)
    texts = "".join(f"  {key}: {{en: a {key}, de: ein {key}}}\n" for key in ("which_order", "too_late", "sure", "paid", "no"))
    texts += "".join(f"  {key}: {{en: a {key}, de: ein {key}}}\n" for key in ("wait", "who"))
    for name, content in {"actions/refund.yaml": ACTION, "canned/refund.yaml": f"texts:\n{texts}"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content.replace("denied: no", 'denied: "no"').replace("  no:", '  "no":'))
    return folder


def write(folder: Path, given: str, expect: str) -> Path:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "all.yaml").write_text(f"- name: a case\n  given: {given}\n  expect: {expect}\n")
    return folder


def result(folder: Path) -> CaseResult:
    engine = PolicyEngine(load_pack(folder))
    [found] = run_cases(engine, engine.cases, Words())
    return found


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        (GIVEN % "", "{decision: allow, rule: refund_order, amount: 40, call: {order_id: O-1234, amount: 4000}}"),
        (GIVEN % ", wanted: '12.50'", "{decision: allow, amount: 12.50, call: {amount: 1250}}"),
        (GIVEN % ", wanted: 50.01", "{decision: require_approval, rule: refund_order.approval}"),
        (GIVEN.replace("30}", "31}") % "", "{decision: deny, rule: refund_order.allow_when.in_time, say: too_late}"),
        (GIVEN.replace("{days_ago: 30}", "2026-05-18") % "", "{decision: allow}"),
        (GIVEN.replace("{days_ago: 30}", "2026-05-17") % "", "{decision: deny}"),
        (GIVEN.replace("{days_ago: 30}", "{hours_ago: 1}") % "", "{decision: allow}"),
        (GIVEN.replace("{days_ago: 30}", "2026-05-18") % ", now: 2026-06-18T01:00:00Z", "{decision: deny}"),
        (GIVEN % ", spent: {customer: 160}", "{decision: allow}"),
        (GIVEN % ", spent: {customer: 160.01}", "{decision: deny, rule: refund_order.limits.per_customer}"),
        (GIVEN % ", spent: {count: 3}", "{rule: refund_order.limits.rate}"),
        (GIVEN % ", identity: claimed", "{decision: deny, rule: refund_order.requires.identity, say: who}"),
        (GIVEN % ", customer_id: another", "{rule: refund_order.owner}"),
        (OTHER_OWNER % ", customer_id: somebody_else", "{decision: allow}"),
        ("{action: refund_order, order_id: O-1234}", "{decision: deny, rule: refund_order.owner}"),
        ("{message: There is a fire}", "{decision: handoff, rule: safety, say: safety, guidelines: plain_words}"),
        ("{message: See you in court}", "{decision: handoff, rule: legal}"),
        ("{message: I want a refund}", "{decision: allow, rule: none, action: refund_order, topic: refunds, dial: auto}"),
        ("{message: I want a refund}", "{dial: {auto: at most 0.5% wrong}}"),
        ("{message: Hello}", "{action: none, topic: otherwise}"),
        ("{message: I write for a newspaper}", "{decision: handoff, rule: press, dial: person}"),
    ],
)
def test_what_the_rules_say_is_what_is_expected(shop: Path, given: str, expect: str) -> None:
    assert result(write(shop, given, expect)).differences == ()


def test_a_failure_tells_what_differs_and_which_rule_decided(shop: Path) -> None:
    found = result(write(shop, GIVEN.replace("30}", "31}") % "", "{decision: allow, amount: 41, call: {amount: 4100}}"))
    assert {(one.what, one.expected, one.found) for one in found.differences} == {
        ("decision", "allow", "deny"),
        ("amount", "41.00", "40.00"),
        ("call.amount", 4100, 4000),
    }
    assert (found.rule, found.place) == ("refund_order.allow_when.in_time", "tests/all.yaml:1")
    assert found.given["order"]["delivered"] == {"days_ago": 31}


def test_a_failure_tells_which_facts_were_not_given(shop: Path) -> None:
    found = result(write(shop, "{action: refund_order}", "{decision: allow}"))
    assert found.left_out == ("order_id", "order")


def test_a_guideline_that_must_not_apply_is_seen(shop: Path) -> None:
    found = result(write(shop, "{message: Hello}", "{not_guidelines: [plain_words]}"))
    assert [one.what for one in found.differences] == ["not_guidelines"]


@pytest.mark.parametrize(
    ("given", "expect", "said"),
    [
        ("{action: refund_ordr}", "{decision: deny}", "2: [0].given.action: there is no action `refund_ordr`; did you mean"),
        (GIVEN % ", wnted: 3", "{decision: deny}", "2: [0].given.wnted: there is no argument or fact `wnted`; did you"),
        (GIVEN % ", identity: known", "{decision: deny}", "2: [0].given.identity: "),
        (GIVEN % ", wanted: much", "{decision: deny}", "much is no amount"),
        (GIVEN.replace("days_ago", "day_ago") % "", "{decision: deny}", "`day_ago` is no moment; did you mean days_ago?"),
        (GIVEN % "", "{decison: deny}", "3: [0].expect.decison: unknown key; did you mean decision?"),
        (GIVEN % "", "{decision: handoff}", "a case about an action ends in allow, deny, require_approval"),
        (GIVEN % "", "{queue: billing}", "belongs to another kind of case"),
        (GIVEN % "", "{rule: refund_order.allow_when.on_time}", "did you mean refund_order.allow_when.in_time?"),
        (GIVEN % ", message: Hello", "{decision: deny}", "either `action` or `message`"),
        ("{mesage: Hello}", "{decision: allow}", "did you mean message?"),
        ("{message: Hello, order: {}}", "{decision: allow}", "there is no argument or fact `order`"),
        ("{message: Hello}", "{guidelines: [plain_word]}", "there is no `plain_word`; did you mean plain_words?"),
        ("{message: Hello}", "{dial: always}", "`always` is no dial"),
        ("{message: Hello}", "{}", "expects nothing"),
    ],
)
def test_a_case_that_cannot_be_meant_is_told_with_its_line(shop: Path, given: str, expect: str, said: str) -> None:
    with pytest.raises(RulesInvalid) as caught:
        load_pack(write(shop, given, expect))
    assert len(caught.value.problems) == 1
    assert said in caught.value.problems[0]
    assert f"{shop}/tests/all.yaml:" in caught.value.problems[0]


def test_a_file_of_cases_is_a_list(shop: Path) -> None:
    write(shop, "{}", "{}")
    (shop / "tests" / "all.yaml").write_text("name: a case\n")
    with pytest.raises(RulesInvalid, match="holds no list; begin each case with `- name:"):
        load_pack(shop)
