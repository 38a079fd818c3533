"""Runs one system on one set in a process of its own: `python -m tests.bench.libraries.child JOB OUTCOME`.

On stdout it says how far it is: `loaded`, `indexed`, then one `searched` a query. The exit code is 3 if the
system isn't installed in this Python.
"""

import importlib
import os
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from tests.bench.libraries.job import Answer, Job, Outcome, Setup, read_job

NOT_INSTALLED = 3
EXTRA = ("sentence-transformers", "transformers", "torch", "numpy")
"""What they have in common and may have in another version."""


def main() -> int:
    # Some of them write to stdout; what is said there from here on is stderr's.
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    job = read_job(Path(sys.argv[1]))
    try:
        module = importlib.import_module(f"tests.bench.libraries.with_{job.system}")
        setup: Setup = module.System(job.model, job.scratch, job.threads)
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        return NOT_INSTALLED
    run(job, setup, say).write(Path(sys.argv[2]))
    return 0


def run(job: Job, setup: Setup, say: TextIO) -> Outcome:
    """The clock runs over `index` and each `search` alone; what is loaded once is loaded, and one search is thrown away."""
    print("loaded", file=say, flush=True)
    start = time.perf_counter()
    setup.index(job.corpus)
    index_s = time.perf_counter() - start
    print("indexed", file=say, flush=True)
    setup.search("warm-up", "Is anybody there?")
    answers = []
    for asked in job.queries:
        start = time.perf_counter()
        ranked = setup.search(asked.query_id, asked.text)
        answers.append(Answer(asked.variant, asked.query_id, ranked, (time.perf_counter() - start) * 1000))
        print("searched", file=say, flush=True)
    return Outcome({name: version(name) for name in (*setup.packages, *EXTRA)}, index_s, peak_bytes(), answers)


def peak_bytes() -> int:
    """The most memory that this process held.

    Linux's `ru_maxrss` may be that of the process which started this one, for it outlives `exec`; `VmHWM` is its own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
