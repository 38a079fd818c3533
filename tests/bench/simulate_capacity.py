"""How much it takes for so many tickets a month, and what gives way first: `python -m tests.bench.simulate_capacity --table`.

For each load it looks for the smallest number of everything with which 95 of 100 answers come within `--target-s` at the
month's peak, then lets the load grow until they don't, and says at which part they wait; and it sums up what a simulation can't
see. What a turn costs the processes is measured (`python -m tests.bench.bench_workers --costs FILE`, then `--costs FILE` here;
`tests/bench/costs.json` if not given). What a GPU can do is what `innkeeper models plan` estimates for the model and card.

`--page deploy/capacity.md` puts the tables into that page. Left out: the network's own time, failures, retries.
"""

import argparse
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.operations.plan import Turn
from agent.operations.plan_cards import CAREFUL, Card
from agent.operations.plan_costs import Measured
from agent.settings import Settings
from tests.bench.capacity_gpu import Gpu, planned_gpu
from tests.bench.capacity_limits import NODE_BYTES, STREAM_S, STREAMS, Month, installations, limits
from tests.bench.capacity_simulation import FULL, Costs, Load, enough, gives_way

COSTS = Path(__file__).with_name("costs.json")
PAIRS = (
    ("qwen3-8b-fp8", Card.L4),
    ("qwen3-30b-a3b-instruct-2507-fp8", Card.L40S),
    ("qwen3.6-35b-a3b-fp8", Card.H100),
)
"""For 24, 48 and 80 GB. The first is simulated to its end."""
ASKING = 95 / 150
"""Share of turns that ask the model. Source: `python -m tests.bench.bench_tokens`, as the turn of `models plan`."""
PARTS = {
    "api": "the API",
    "redis": "Redis",
    "places": "places of workers",
    "worker": "workers' processors",
    "chroma": "Chroma",
    "model": "the model",
}


@dataclass(frozen=True)
class Question:
    """All but the load: costs, servers by their names, and what is assumed of a month."""

    costs: Costs
    gpus: dict[str, Gpu]
    turn: Turn
    month: Month
    target_s: float

    def load(self, tickets: float) -> Load:
        wait_s = Settings.model_fields["debounce_ms"].default / 1000
        return Load(self.month.rate(tickets), ASKING, self.turn.calls, wait_s, self.target_s)


def column(asked: Question, tickets: float) -> dict[str, str]:
    """What one load takes, by the table's rows. One of several equal installations is simulated, and all of them are counted."""
    costs, month = asked.costs, asked.month
    times = installations(costs, month, tickets)
    load = asked.load(tickets / times)
    found = {name: enough(costs, gpu, load) for name, gpu in asked.gpus.items()}
    first = next(iter(asked.gpus))
    fleet, _ = found[first]
    bears, part = gives_way(fleet, costs, asked.gpus[first], load)
    rate, workers = times * load.rate, times * fleet.worker
    streams = rate / month.turns * STREAM_S
    apis = max(times * fleet.api, math.ceil(streams / (STREAMS * FULL)))
    kept = month.kept_bytes(tickets, costs)
    primaries = max(1 + fleet.redis, math.ceil(kept / times / NODE_BYTES))
    rows = {
        "turns a second at the peak": _short(rate),
        "installations": f"{times}",
        "API processes": f"{times * fleet.api}",
        "worker processes, turns at a time in each": f"{workers:,} x {fleet.places}",
        "… cores they keep busy": _short(rate * costs.worker),
        "… memory": _bytes(workers * costs.worker_bytes),
        "Redis primaries": f"{times * primaries}",
        f"… memory, if {month.kept_days:.0f} days are kept": _bytes(kept),
        "… commands a second": _short(rate * costs.redis_commands + workers * costs.redis_commands_idle),
        "… of these, workers that look for work": _short(workers * costs.redis_commands_idle),
        "Chroma, cores": f"{times * fleet.chroma}",
    }
    for name, (each, peak) in found.items():
        cards = times * each.model * asked.gpus[name].cards
        rows[f"GPUs (95 of 100 answered within): {name}"] = f"{cards:,} ({peak.p95_s:.0f} s)"
    return rows | {
        f"it bears, with {first.partition(',')[0]}": f"{bears:.1f} times the peak, then {PARTS[part]}",
        "open streams, if all come by the widget": f"{_short(streams)}, on {apis} API processes",
        "updates in the helpdesk, a minute": _short(60 * rate),
        "log, a day": _bytes(tickets * month.turns / 30 * costs.log_bytes),
        "traffic of Redis at the peak": f"{_bytes(rate * costs.redis_net_bytes)}/s",
    }


def load_table(columns: dict[float, dict[str, str]]) -> str:
    """Markdown, a column for each number of tickets."""
    heads = [f"{tickets:,.0f}" for tickets in columns]
    names = next(iter(columns.values()))
    lines = [_line(["tickets a month", *heads]), _line(["---"] * (1 + len(heads)))]
    return "\n".join(lines + [_line([name, *(rows[name] for rows in columns.values())]) for name in names])


def limit_table(asked: Question) -> str:
    """Markdown, the nearest limit first."""
    lines = [_line(["there is one", "tickets a month", "then"]), _line(["---"] * 3)]
    return "\n".join(lines + [_line([one.name, _short(one.bears), one.then]) for one in limits(asked.costs, asked.month)])


def into_page(page: str, tables: dict[str, str]) -> str:
    """The page with each table between its marks, `<!-- NAME -->` and `<!-- end -->`."""
    for name, table in tables.items():
        page, found = re.subn(f"(?s)(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, t=table: f"{m[1]}{t}\n{m[2]}", page)
        if found != 1:
            raise SystemExit(f"the page needs one <!-- {name} --> … <!-- end -->, not {found}")
    return page


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, Question]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    month = Month()
    parser.add_argument("--tickets", type=float, nargs="+", default=[1e4, 1e6, 1e8], help="a month")
    parser.add_argument("--costs", type=Path, default=COSTS, help="what bench_workers wrote")
    parser.add_argument("--table", action="store_true", help="with the three models and cards of the page, not --model and --gpu")
    parser.add_argument("--page", type=Path, help="a page to put the tables into; implies --table")
    parser.add_argument("--model", default=PAIRS[0][0], help="as `innkeeper models list` has it")
    parser.add_argument("--gpu", type=int, choices=sorted(CAREFUL), default=24, help="GB of memory of a card")
    parser.add_argument("--card", type=Card, choices=list(Card), help="its name, in place of --gpu")
    parser.add_argument("--peak", type=float, default=month.peak, help="the busiest hour, in averages of the month")
    parser.add_argument("--turns", type=float, default=month.turns, help="of the agent for one ticket")
    parser.add_argument("--kept-days", type=float, default=month.kept_days, help="that Redis keeps a conversation")
    parser.add_argument("--target-s", type=float, default=20.0, help="95 of 100 answers come within")
    parser.add_argument("--prompt-tokens", type=int, default=Turn().prompt_tokens, help="of a turn that asks the model")
    parser.add_argument("--answer-tokens", type=int, default=Turn().answer_tokens, help="the same")
    parser.add_argument("--prefill-tokens-per-second", type=float, help="measured, of one server under full load")
    parser.add_argument("--tokens-per-second", type=float, help="the same for answers")
    given = parser.parse_args(arguments)
    given.table |= given.page is not None
    pairs = PAIRS if given.table else ((given.model, given.card or CAREFUL[given.gpu]),)
    measured = Measured(given.prefill_tokens_per_second, given.tokens_per_second)
    shared = min(Turn().shared_tokens, given.prompt_tokens)
    turn = Turn(prompt_tokens=given.prompt_tokens, shared_tokens=shared, answer_tokens=given.answer_tokens)
    gpus = {f"{card.value.upper()}, {model}": planned_gpu(model, card, turn, measured) for model, card in pairs}
    asked = Question(Costs.read(given.costs), gpus, turn, Month(given.peak, given.turns, given.kept_days), given.target_s)
    return given, asked


def main() -> None:
    given, asked = parse(sys.argv[1:])
    columns = {}
    for tickets in given.tickets:
        print(f"simulating {tickets:,.0f} tickets a month", file=sys.stderr, flush=True)
        columns[tickets] = column(asked, tickets)
    tables = {"loads": load_table(columns), "limits": limit_table(asked)}
    print("\n\n".join(tables.values()))
    if given.page:
        given.page.write_text(into_page(given.page.read_text(encoding="utf-8"), tables), encoding="utf-8")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _short(number: float) -> str:
    """Two digits that mean something: no more is known."""
    if number >= 1e6:
        return f"{_short(number / 1e6)} million"
    return f"{float(f'{number:.2g}'):,.0f}" if number >= 10 else f"{number:.2g}"


def _bytes(number: float) -> str:
    unit, size = next((one for one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)) if number >= one[1]), ("kB", 1e3))
    return f"{_short(number / size)} {unit}"


if __name__ == "__main__":
    main()
