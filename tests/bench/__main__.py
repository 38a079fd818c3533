"""`make bench`: every figure that the README quotes, one after the other."""

import subprocess
import sys

BENCHES = ("tests.bench.bench_turn", "tests.bench.report_samples", "tests.bench.calibrate_evidence", "tests.bench.bench_claims")


def main() -> int:
    failed = 0
    for module in BENCHES:
        print(f"== {module}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", module], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
