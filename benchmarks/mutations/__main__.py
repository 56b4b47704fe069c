"""Mutation testing: puts plausible mistakes into the code, one at a time, and counts those that the tests miss."""

import argparse
import contextlib
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks._environment import ROOT
from benchmarks._processes import run
from benchmarks.mutations.copies import Copy, digest, tree
from benchmarks.mutations.journal import Journal
from benchmarks.mutations.lists import FOLDER, Mutation, StaleError, read
from benchmarks.mutations.trials import Bench, Verdict


def main() -> int:
    """Try the selected mutations; 0 if every mutation could be made, whether the tests noticed it or not."""
    arguments = _arguments()
    started = time.monotonic()
    chosen = _chosen(arguments.lists, arguments.only)
    if not chosen:
        print(f"No mutation is in a list or changes a file that {arguments.only!r} matches.")
        return 2
    stale = [mutation for mutation in chosen if not _applies(mutation)]
    usable = [mutation for mutation in chosen if mutation not in stale]
    names = tree(ROOT)
    journal = Journal(arguments.resume, digest(ROOT, names))
    verdicts: dict[Mutation, Verdict] = {m: known for m in usable if (known := journal.verdict(m))}
    open_ones = [mutation for mutation in usable if mutation not in verdicts]
    print(
        f"{len(chosen)} mutations, {len(verdicts)} known from an earlier run, {len(stale)} stale", flush=True
    )
    if open_ones:
        with _bench(names, min(arguments.parallel, len(open_ones))) as bench:
            seconds = _unchanged(bench, open_ones)
            if seconds is None:
                return 1
            _try(bench, open_ones, seconds, verdicts, journal)
    return _report(verdicts, stale, time.monotonic() - started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench mutations", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="REGEX", help="matched with the list's name and the changed file's path"
    )
    parser.add_argument(
        "--parallel",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="parallel test runs (default: the number of cores)",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="a file that keeps the verdicts; those it holds already are reused",
    )
    parser.add_argument(
        "--lists", type=Path, default=FOLDER, metavar="DIRECTORY", help="the folder of the lists"
    )
    arguments = parser.parse_args()
    if arguments.parallel < 1:
        parser.error("--parallel must be at least 1")
    return arguments


def _chosen(lists: Path, only: str) -> list[Mutation]:
    wanted = re.compile(only)
    return list(
        dict.fromkeys(
            mutation
            for path, mutation in read(lists)
            if wanted.search(path.name) or wanted.search(mutation.file)
        )
    )


def _applies(mutation: Mutation) -> bool:
    try:
        mutation.apply(ROOT)
    except StaleError as error:
        print(f"stale: {error}")
        return False
    return True


@contextlib.contextmanager
def _bench(names: Sequence[str], parallel: int) -> Iterator[Bench]:
    # Below /var/tmp: started by root, PostgreSQL runs as another user, who must be able to reach it.
    with tempfile.TemporaryDirectory(prefix="mut-", dir="/var/tmp") as scratch:
        Path(scratch).chmod(0o711)
        threads = max(1, len(os.sched_getaffinity(0)) // parallel)
        copies = [Copy(ROOT, names, Path(scratch, str(i)), threads=threads) for i in range(parallel)]
        bench = Bench(copies)
        try:
            yield bench
        finally:
            bench.close()


def _unchanged(bench: Bench, mutations: Sequence[Mutation]) -> dict[tuple[str, ...], float] | None:
    """The seconds that each set of tests takes without a mutation; None if some of them fail."""
    groups = sorted({mutation.tests for mutation in mutations})
    seconds: dict[tuple[str, ...], float] = {}
    failed = 0
    for number, (tests, done) in enumerate(bench.each(bench.passes, groups), 1):
        seconds[tests] = done.seconds
        word = "passes" if done.passed else "FAILS"
        print(
            f"[{number}/{len(groups)}] {word} unchanged  {done.seconds:6.1f} s  {' '.join(tests)}", flush=True
        )
        if not done.passed:
            failed += 1
            print(done.output)
    if failed:
        print(f"{failed} of {len(groups)} sets of tests fail without any mutation; correct them first.")
        return None
    return seconds


def _try(
    bench: Bench,
    mutations: Sequence[Mutation],
    unchanged: dict[tuple[str, ...], float],
    verdicts: dict[Mutation, Verdict],
    journal: Journal,
) -> None:
    trials = bench.each(lambda m: bench.tried(m, unchanged[m.tests]), mutations)
    for number, (mutation, (verdict, seconds, output)) in enumerate(trials, 1):
        verdicts[mutation] = verdict
        journal.add(mutation, verdict, seconds)
        if verdict == "stale":
            raise RuntimeError(f"A copy of the tree differs from the original: {output}")
        place = f"{mutation.file}:{mutation.line(ROOT)}"
        print(
            f"[{number}/{len(mutations)}] {verdict:8}  {seconds:6.1f} s  {place}  {mutation.why}", flush=True
        )


def _report(verdicts: dict[Mutation, Verdict], stale: Sequence[Mutation], seconds: float) -> int:
    survivors = [mutation for mutation, verdict in verdicts.items() if verdict == "survived"]
    folders = Counter(mutation.file.partition("/")[0] for mutation in verdicts)
    unnoticed = Counter(mutation.file.partition("/")[0] for mutation in survivors)
    print()
    for folder, made in sorted(folders.items()):
        print(f"{folder:12} {made:4} made, {unnoticed[folder]:3} survived")
    if survivors:
        print("\nNot noticed by the tests:")
        for mutation in survivors:
            print(f"  {mutation.file}:{mutation.line(ROOT)}  {mutation.why}")
            print(f"      {' '.join(mutation.tests)}")
    made = len(verdicts)
    print(
        json.dumps(
            {
                "made": made,
                "noticed": made - len(survivors),
                "survived": len(survivors),
                "stale": len(stale),
                "survived_share": round(len(survivors) / made, 4) if made else 0.0,
                "seconds": round(seconds, 1),
            }
        )
    )
    return 1 if stale else 0


if __name__ == "__main__":
    run(main)
