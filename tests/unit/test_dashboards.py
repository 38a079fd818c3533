"""Dashboards and alerts ask only for what is measured, in PromQL that Prometheus reads, and say what they show."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, Counter, Histogram
from ruamel.yaml import YAML

import agent.telemetry  # noqa: F401  registers the metrics
from tests.prometheus_tools import PROMTOOL, needed

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "innkeeper"
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
ALERTS = sorted((CHART / "alerts").glob("*.yaml"))
VLLM = {
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:prefix_cache_hits_total",
    "vllm:prefix_cache_queries_total",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:num_preemptions_total",
    *(f"vllm:time_to_first_token_seconds{end}" for end in ("_bucket", "_count", "_sum")),
    *(f"vllm:request_queue_time_seconds{end}" for end in ("_bucket", "_count", "_sum")),
}
"""Names of vLLM 0.33. Source: its metrics documentation; Prometheus adds `_total` to counters."""
OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that every series may have."""
NAME = re.compile(r"\b(?:innkeeper|vllm)[a-zA-Z0-9_:]*")
SELECTOR = re.compile(r"\b((?:innkeeper_|vllm:)[a-zA-Z0-9_:]+)\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def known() -> dict[str, set[str]]:
    """Series by name, with their labels, as they stand in the registry."""
    found: dict[str, set[str]] = {}
    for metric in set(REGISTRY._names_to_collectors.values()):
        name, labels = getattr(metric, "_name", ""), set(getattr(metric, "_labelnames", ()))
        if not name.startswith("innkeeper_"):
            continue
        ends = (
            ("_total",)
            if isinstance(metric, Counter)
            else ("_bucket", "_count", "_sum")
            if isinstance(metric, Histogram)
            else ("",)
        )
        found |= {name + end: labels for end in ends}
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Every expression, with where it stands."""
    for path in DASHBOARDS:
        for panel in panels(path):
            yield from ((f"{path.name}: {panel['title']}", target["expr"]) for target in panel["targets"])
    for rule in rules():
        yield rule["alert"], rule["expr"]


def panels(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    found = [YAML(typ="safe").load(path.read_text()) for path in ALERTS]
    return [rule for one in found for group in one["groups"] for rule in group["rules"]]


def test_there_are_two_dashboards_and_alerts() -> None:
    assert [path.name for path in DASHBOARDS] == ["engineer.json", "support-lead.json"]
    assert len(rules()) >= 10


def test_every_metric_in_a_query_exists_with_the_labels_that_are_asked_for() -> None:
    series, wrong = known(), []
    for place, expr in queries():
        names = set(NAME.findall(expr))
        wrong += [f"{place}: no metric {name}" for name in names if name not in series and name not in VLLM]
        labels = set().union(*(series.get(name, set()) for name in names), OF_PROMETHEUS)
        asked = {part.strip() for group in GROUPED.findall(expr) for part in group.split(",")}
        wrong += [f"{place}: no label {label}" for label in asked - labels]
        for name, matchers in SELECTOR.findall(expr):
            told = {re.split(r"[=!~]", matcher)[0].strip() for matcher in re.split(r",(?=\w+[=!])", matchers)}
            wrong += [f"{place}: {name} has no label {label}" for label in told - series.get(name, set()) - OF_PROMETHEUS]
    assert wrong == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_one_that_grafana_takes_and_people_understand(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"] == f"innkeeper-{path.stem}"
    assert board["schemaVersion"] >= 39
    assert board["templating"]["list"][0]["type"] == "datasource"
    assert "://" not in path.read_text()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels(path):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGH"[: len(panel["targets"])])
    titles = [panel["title"] for panel in panels(path)]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_lie_side_by_side_and_not_on_each_other(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_variable_in_a_query_is_there() -> None:
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        own = {one["name"] for one in board["templating"]["list"]} | {"__rate_interval", "__range"}
        used = {name for panel in panels(path) for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])}
        assert used <= own


def test_every_alert_says_what_has_happened_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert {"summary", "description", "action"} == set(rule["annotations"])
    refused = next(rule for rule in rules() if rule["alert"] == "InnkeeperEgressRefused")
    assert refused["labels"]["severity"] == "critical"
    assert "for" not in refused


def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    promtool = needed(PROMTOOL)
    recorded = [
        {"record": f"query:{n}", "expr": expr.replace("$__rate_interval", "5m").replace("$__range", "1d")}
        for n, (_, expr) in enumerate(queries())
    ]
    for one in recorded:
        one["expr"] = re.sub(r"\$\w+", "1", one["expr"])
    path = tmp_path / "queries.json"  # JSON is YAML, too
    path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": recorded}]}))
    done = subprocess.run([promtool, "check", "rules", str(path), *map(str, ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
