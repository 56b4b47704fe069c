"""Schemathesis: checks the responses to thousands of generated requests against the OpenAPI document (--cases)."""

import argparse
import json
import os
import re
import subprocess
import sys

from benchmarks._processes import run

TEST = "tests/api/test_schemathesis.py"


def main() -> int:
    """Run the test with so many cases; figures on the last line; 1 if a response was not as documented."""
    parser = argparse.ArgumentParser(prog="./run bench schemathesis", description=__doc__)
    parser.add_argument(
        "--cases", type=int, default=5000, help="least number of requests to generate (default 5000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the generated requests (default 1)")
    arguments = parser.parse_args()
    ran = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-s", "--show-capture=no", TEST],
        env=os.environ
        | {
            "SEEDBED_SCHEMATHESIS_CASES": str(arguments.cases),
            "SEEDBED_SCHEMATHESIS_SEED": str(arguments.seed),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ran.stdout is not None
    found: dict[str, int] = {}
    try:
        for line in ran.stdout:
            sys.stdout.write(line)
            if counts := re.match(r"schemathesis: (\d+) cases, (\d+) server errors, (\d+) uncaught", line):
                found = dict(
                    zip(("cases", "server_errors", "uncaught"), map(int, counts.groups()), strict=True)
                )
    finally:
        ran.terminate()
        code = ran.wait()
    print(json.dumps(found | {"failed": int(code != 0)}))
    return int(code != 0 or not found)


if __name__ == "__main__":
    run(main)
