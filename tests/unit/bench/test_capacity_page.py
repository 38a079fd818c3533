"""`deploy/capacity.md` has what the command prints for the costs that ship."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.capacity_limits import NODE_BYTES, SHARDS, Month, installations, limits
from tests.bench.capacity_simulation import FULL, Costs
from tests.bench.simulate_capacity import COSTS, column, into_page, limit_table, load_table, parse

PAGE = Path(__file__).parents[3].joinpath("deploy", "capacity.md").read_text(encoding="utf-8")
MEASURED, MONTH = Costs.read(COSTS), Month()


def table(name: str) -> str:
    found = re.search(f"(?s)<!-- {name} -->\n(.*?)\n<!-- end -->", PAGE)
    assert found
    return found[1]


def test_a_column_of_the_page_is_what_the_command_prints():
    """One of three: the others are the same program with more tickets, and take minutes."""
    _, asked = parse(["--table"])
    printed = load_table({1e6: column(asked, 1e6)})
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table("loads").splitlines()]
    assert cells[0] == ["tickets a month", "10,000", "1,000,000", "100,000,000"]
    assert printed == "\n".join(f"| {row[0]} | {row[2]} |" for row in cells)


def test_the_limits_of_the_page_are_what_the_command_prints():
    _, asked = parse(["--table"])
    assert table("limits") == limit_table(asked)


def test_limits_stand_in_the_order_in_which_they_are_met():
    found = [one.bears for one in limits(MEASURED, MONTH)]
    assert found == sorted(found)


def test_keeping_half_as_long_doubles_what_redis_bears():
    def room(days: float) -> float:
        return next(one.bears for one in limits(MEASURED, Month(kept_days=days)) if one.name.startswith("one Redis of"))

    assert room(15) == pytest.approx(2 * room(30))
    assert Month(kept_days=30, turns=1).kept_bytes(64e9 / MEASURED.redis_bytes, MEASURED) == pytest.approx(64e9)


def test_an_installation_has_no_more_than_its_queues_bear():
    small = replace(MEASURED, redis_bytes=1)
    one = MONTH.tickets(FULL / small.queues)
    assert [installations(small, MONTH, one * times) for times in (0.01, 0.99, 1.5, 2.5)] == [1, 1, 2, 3]
    assert installations(replace(small, redis_idle=small.redis_idle * 100), MONTH, one) > 1


def test_an_installation_keeps_no_more_than_its_shards_hold():
    quick = replace(MEASURED, redis=1e-9, redis_idle=0)
    full = SHARDS * NODE_BYTES / MONTH.kept_bytes(1, quick)
    assert [installations(quick, MONTH, full * times) for times in (0.99, 1.01, 2.5)] == [1, 2, 3]


def test_a_peak_and_its_month_are_each_others_inverse():
    assert MONTH.tickets(MONTH.rate(123_456)) == pytest.approx(123_456)
    assert Month(peak=1, turns=1).rate(30 * 24 * 3600) == pytest.approx(1)


def test_costs_that_lack_a_figure_are_told_by_its_name(tmp_path):
    old = tmp_path / "old.json"
    old.write_text('{"api": 1, "worker": 1}')
    with pytest.raises(SystemExit, match=r"chroma, .*redis_idle.*measure anew"):
        Costs.read(old)


def test_tables_go_between_their_marks_and_nothing_else_changes():
    page = "a\n<!-- loads -->\nold\n<!-- end -->\nb\n<!-- limits -->\n<!-- end -->\n"
    assert into_page(page, {"loads": "new", "limits": "| 1 |"}) == (
        "a\n<!-- loads -->\nnew\n<!-- end -->\nb\n<!-- limits -->\n| 1 |\n<!-- end -->\n"
    )
    with pytest.raises(SystemExit, match="<!-- other -->"):
        into_page(page, {"other": "x"})


def test_tokens_of_ones_own_are_what_the_model_reads_and_writes():
    _, asked = parse(["--prompt-tokens", "2480", "--answer-tokens", "220"])
    (gpu,) = asked.gpus.values()
    assert gpu.call_tokens == pytest.approx((2200 / 1.1, 200))


def test_one_model_and_card_may_be_named():
    _, asked = parse(["--model", "qwen3-14b-awq", "--gpu", "48", "--turns", "2"])
    assert list(asked.gpus) == ["A40, qwen3-14b-awq"]
    assert asked.load(1e6).rate == pytest.approx(2 * 5 * 1e6 / (30 * 24 * 3600))
