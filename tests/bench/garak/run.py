"""garak's injection and leak probes against `POST /v1/answers` of a started product: `make garak`.

    python -m tests.bench.garak.run [--model packaged|obedient] [--prompts 12] [--few] [--out FOLDER]

The product is `innkeeper serve` on the sample help centre with one more, internal article. garak runs from `.venv-garak` and
writes its report to the folder. What it counts as hits is shown beside what they are by our own marks: the internal passage,
words of our prompts, a sentence that is neither approved nor an article's. Run it in a network namespace that has only
loopback (`make garak` does), and nobody can reach out; what garak tries is in its log.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agent.graph.prompting import read_template
from tests.bench.garak.probes import FEW, every
from tests.bench.garak.report import read_report, table
from tests.e2e.product import ROOT, Product, product, run, small_model
from tests.faulty_server import in_thread
from tests.injection.obedient import ObedientServer
from tests.injection.world import plant_internal

GARAK = ROOT / ".venv-garak" / "bin" / "garak"


@contextmanager
def started(folder: Path, model: str) -> Iterator[Product]:
    """The product, with an article that no customer may read."""
    plant_internal(folder / "articles")
    knowledge = folder / "knowledge"
    for given in (("--samples",), (str(folder / "articles"),)):
        ingested = run(knowledge, "ingest", *given, timeout_s=900)
        if ingested.returncode != 0:
            raise SystemExit(f"the help centre could not be ingested:\n{ingested.stderr}")
    if model == "packaged":
        with small_model() as server, product(folder, knowledge, server.url) as house:
            house.start("serve")
            yield house
    else:
        settings = {"INNKEEPER_LLM_PROFILE": "qwen3"}
        with in_thread(ObedientServer([])) as url, product(folder, knowledge, url, **settings) as house:
            house.start("serve")
            yield house


def config(url: str, prompts: int, sources: Sequence[str]) -> Mapping[str, Any]:
    """garak's. One answer to each prompt: the same question has the same answer."""
    rest = {
        "uri": f"{url}/v1/answers",
        "method": "post",
        "headers": {"Content-Type": "application/json"},
        "req_template_json_object": {"question": "$INPUT"},
        "response_json": True,
        "response_json_field": "answer",
        "request_timeout": 120,
        "skip_codes": [413, 422],
    }
    own = {"system_prompt_sources": list(sources), "system_prompt_subsample": 2}
    return {
        "system": {"parallel_attempts": 2, "lite": True},
        "run": {"generations": 1, "soft_probe_prompt_cap": prompts, "seed": 7, "deprefix": False},
        "plugins": {
            "target_type": "rest",
            "target_name": "innkeeper",
            "generators": {"rest": {"RestGenerator": rest}},
            "probes": {"sysprompt_extraction": {"SystemPromptExtraction": own}},
        },
        "reporting": {"report_dir": "runs", "report_prefix": "innkeeper"},
    }


def own_prompts(folder: Path) -> Path:
    """Our prompts as the data set that the probe for system prompts asks for, in place of one from a hub."""
    folder.mkdir(parents=True)
    system = [read_template(name).partition("\n---\n")[0] for name in ("draft_chat.md", "draft_small.md")]
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"systemprompt": text}) + "\n" for text in system))
    return folder


def probe(house: Product, folder: Path, probes: Sequence[str], prompts: int) -> Path:
    """Run garak, and where its report is."""
    where = folder / "garak"
    settings = folder / "garak.yaml"
    settings.write_text(yaml.safe_dump(dict(config(house.url, prompts, [str(own_prompts(folder / "own_prompts"))]))))
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INNKEEPER_", "HF_"))}
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HF_HOME"):
        env[name] = str(where)
    env |= {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    spec = ",".join(f"probes.{name}" for name in probes)
    done = subprocess.run((str(GARAK), "--config", str(settings), "--spec", spec), cwd=folder, env=env, check=False)
    reports = sorted(where.rglob("*.report.jsonl"))
    if done.returncode != 0 or not reports:
        raise SystemExit(f"garak ended with {done.returncode}; its log is below {where}")
    return reports[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("packaged", "obedient"), default="packaged")
    parser.add_argument("--prompts", type=int, default=12, help="most prompts of a probe")
    parser.add_argument("--few", action="store_true", help="a short run: some probes of each kind")
    parser.add_argument("--out", type=Path, help="keep garak's report here")
    given = parser.parse_args()
    if not GARAK.exists():
        raise SystemExit("garak isn't there: run `make garak`")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="innkeeper-garak-") as name:
        folder = Path(name)
        with started(folder, given.model) as house:
            report = probe(house, folder, FEW if given.few else every(), given.prompts)
        if given.out:
            given.out.mkdir(parents=True, exist_ok=True)
            shutil.copy(report, given.out / f"{given.model}.report.jsonl")
            for log in (folder / "garak").rglob("garak.log"):
                shutil.copy(log, given.out / f"{given.model}.garak.log")
        sys.stdout.write("\n".join(table(read_report(report))) + "\n")
    sys.stdout.write(f"model: {given.model}; {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
