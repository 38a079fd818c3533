"""Each alert on small series: it fires when it should, and keeps quiet on a good day. By Prometheus' own `promtool`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.prometheus_tools import PROMTOOL, needed

RULES = Path(__file__).parents[2] / "deploy" / "helm" / "innkeeper" / "alerts" / "innkeeper.yaml"
AT = "2h"
A_GOOD_DAY = {
    'innkeeper_ready{dependency="redis",instance="a"}': "1x200",
    'innkeeper_ready{dependency="model",instance="a"}': "1x200",
    'innkeeper_conversations_unanswered{instance="a"}': "0 1 0 2 1 0x196",
    'innkeeper_oldest_unanswered_seconds{instance="a"}': "0 5 0 9 4 0x196",
    'innkeeper_turns_total{decision="answer"}': "0+5x200",
    'innkeeper_queue_jobs{queue="turns",instance="a"}': "3x200",
    'innkeeper_outbox_pending{instance="a"}': "0 1 0 1 0x197",
    'innkeeper_outbox_dead{instance="a"}': "0x200",
    'innkeeper_deliveries_total{direction="out",result="delivered"}': "0+5x200",
    'innkeeper_egress_refused_total{instance="a"}': "0x200",
    'innkeeper_model_calls_total{task="answer",model="default",result="ok"}': "0+5x200",
    'innkeeper_model_calls_total{task="answer",model="default",result="invalid"}': "0+0.1x200",
    'vllm:num_requests_waiting{instance="v"}': "0 12 3 0x197",
    'innkeeper_source_last_success_timestamp_seconds{source="help"}': "0x200",
    'innkeeper_source_refreshes_total{result="ok"}': "0+0.1x200",
    'innkeeper_source_refreshes_total{result="failed"}': "0+0.01x200",
}
BAD = {
    "InnkeeperNothingAnswered": {
        'innkeeper_conversations_unanswered{instance="a"}': "3x200",
        'innkeeper_turns_total{decision="answer"}': "7x200",
    },
    "InnkeeperOldestUnanswered": {'innkeeper_oldest_unanswered_seconds{instance="a"}': "0+60x200"},
    "InnkeeperQueueLag": {'innkeeper_queue_jobs{queue="turns",instance="a"}': "0+10x200"},
    "InnkeeperOutboxStuck": {
        'innkeeper_outbox_pending{instance="a"}': "2x200",
        'innkeeper_deliveries_total{direction="out",result="delivered"}': "7x200",
    },
    "InnkeeperUndelivered": {'innkeeper_outbox_dead{instance="a"}': "0x100 1x100"},
    "InnkeeperUnseen": {
        'innkeeper_ready{dependency="redis",instance="a"}': "",
        'innkeeper_ready{dependency="model",instance="a"}': "",
    },
    "InnkeeperNotReady": {'innkeeper_ready{dependency="redis",instance="a"}': "0x200"},
    "InnkeeperModelDown": {'innkeeper_ready{dependency="model",instance="a"}': "0x200"},
    "InnkeeperModelErrors": {'innkeeper_model_calls_total{task="answer",model="default",result="invalid"}': "0+5x200"},
    "InnkeeperVllmWaiting": {'vllm:num_requests_waiting{instance="v"}': "15x200"},
    "InnkeeperSourceStale": {'innkeeper_source_last_success_timestamp_seconds{source="help"}': "-172800x200"},
    "InnkeeperRefreshesFail": {
        'innkeeper_source_refreshes_total{result="ok"}': "3x200",
        'innkeeper_source_refreshes_total{result="failed"}': "0+0.1x200",
    },
    "InnkeeperEgressRefused": {'innkeeper_egress_refused_total{instance="a"}': "0x100 1x100"},
}


def fired(tmp_path: Path, alert: str, series: dict[str, str], *, expected: bool) -> None:
    """Ask promtool. An alert that should fire is expected with the words that its rule makes of it."""
    inputs = [{"series": name, "values": values} for name, values in series.items() if values]
    # promtool compares whole alerts; counting those that fire leaves their words to Prometheus.
    expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    tests: list[dict[str, Any]] = [
        {
            "interval": "1m",
            "input_series": inputs,
            "promql_expr_test": [
                {"expr": expr, "eval_time": AT, "exp_samples": [{"labels": "{}", "value": 1 if expected else 0}]}
            ],
        }
    ]
    path = tmp_path / f"{alert}-{expected}.json"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([needed(PROMTOOL), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_bad_day_here() -> None:
    groups = YAML(typ="safe").load(RULES.read_text())["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == set(BAD)


@pytest.mark.parametrize("alert", sorted(BAD))
def test_an_alert_fires_on_its_bad_day_and_on_no_good_one(alert: str, tmp_path: Path) -> None:
    fired(tmp_path, alert, A_GOOD_DAY | BAD[alert], expected=True)
    fired(tmp_path, alert, A_GOOD_DAY, expected=False)


@pytest.mark.parametrize("turns", ["", "0+5x60 stale"], ids=["no worker has ever run", "the workers have gone"])
def test_customers_who_wait_are_told_of_where_no_worker_shows_its_turns(turns: str, tmp_path: Path) -> None:
    # Any process shows who waits; turns are counted by workers, and their series goes when they go.
    waiting = {'innkeeper_conversations_unanswered{instance="a"}': "3x200", 'innkeeper_turns_total{decision="answer"}': turns}
    fired(tmp_path, "InnkeeperNothingAnswered", A_GOOD_DAY | waiting, expected=True)
