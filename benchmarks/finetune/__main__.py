"""Fine-tune: from our own pretrained encoder against fresh weights, held-out accuracy (--data DIR, --only, --seeds).

For each modality an encoder is pretrained once, without labels. Then a classifier is fine-tuned from it and from fresh weights with a
few labels of each class: everything (full), the head alone (frozen), and by LoRA. A seed changes the initialisation of head and
LoRA, the order of the samples and, of fresh weights, the whole network. Every run is made by ``python -m core run`` with the task's
own recipes; both arms have the same data, steps and rates. Runs from fresh weights begin beside the pretraining. The recordings' held-out split is made of speakers that neither training heard.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from benchmarks._engine import EngineRun, engine, processor, run_directory
from benchmarks._processes import end_descendants, run
from benchmarks.finetune import subsets
from benchmarks.finetune.modalities import MODALITIES, Modality, Name
from core.data import data_files, prepare_for
from core.data.audio import PreparedAudio
from core.data.text import PreparedText
from core.spec.patterns import find_group
from core.spec.problems import validate

ARMS = ("random", "pretrained")
"""In the order of the runs: those from fresh weights need not wait for the pretraining."""
ADAPTATIONS = ("full", "frozen", "lora")
DIGITS = 4


def main() -> int:
    """Measure each modality, print a line for each arm, then the figures."""
    parser = argparse.ArgumentParser(prog="./run bench finetune", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the datasets")
    parser.add_argument("--only", choices=get_args(Name), action="append", help="modality; may be repeated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--jobs", type=int, default=2, help="runs at a time, each with one thread (default 2)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the runs there: logs, checkpoints")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with run_directory(arguments.keep, "finetune") as scratch:
        for name in arguments.only or get_args(Name):
            modality = MODALITIES[name]
            bench = Bench(name, modality, arguments.data / modality.file, scratch / name, arguments.jobs)
            figures |= bench.measure(arguments.seeds)
    print(json.dumps(figures | {"seeds": arguments.seeds, "processor": processor()}))
    return 0


@dataclass(frozen=True)
class Bench:
    """Pretrains and fine-tunes one modality in a directory of its own."""

    name: Name
    modality: Modality
    source: Path
    scratch: Path
    jobs: int

    def measure(self, seeds: int) -> dict[str, Any]:
        """Mean and standard deviation of the held-out accuracy of each adaptation and arm, and how long it all took."""
        if not self.source.exists():
            sys.exit(f"{self.source} does not exist; --data must be the directory that contains it.")
        began, spent = time.perf_counter(), _processor_seconds()
        labelled = self._labelled()
        settings = [(how, arm, seed) for arm in ARMS for how in ADAPTATIONS for seed in range(seeds)]
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                pretraining = pool.submit(self._pretrain)
                waiting = [pool.submit(self._tune, *setting, labelled, pretraining) for setting in settings]
                runs = dict(zip(settings, (one.result() for one in waiting), strict=True))
            except BaseException:
                # Without this the pool would first do all that waits.
                pool.shutdown(wait=False, cancel_futures=True)
                end_descendants()
                raise
        figures: dict[str, Any] = {
            f"{self.name}_labels": self.modality.per_class,
            f"{self.name}_pretraining_seconds": round(pretraining.result().wall_s, 1),
        }
        for how in ADAPTATIONS:
            for arm in ARMS:
                values = [accuracy(runs[how, arm, seed]) for seed in range(seeds)]
                mean, spread = statistics.fmean(values), statistics.stdev(values) if seeds > 1 else 0.0
                figures |= {
                    f"{self.name}_{how}_{arm}_mean": round(mean, DIGITS),
                    f"{self.name}_{how}_{arm}_std": round(spread, DIGITS),
                }
                each = " ".join(f"{value:.4f}" for value in values)
                print(f"{self.name:5} {how:6} {arm:10} {mean:.4f} ± {spread:.4f}  ({each})", flush=True)
        figures[f"{self.name}_lora_trainable_share"] = round(trainable(runs["lora", "pretrained", 0]), DIGITS)
        figures[f"{self.name}_seconds"] = round(time.perf_counter() - began, 1)
        figures[f"{self.name}_processor_seconds"] = round(_processor_seconds() - spent, 1)
        return figures

    @cached_property
    def _unlabelled(self) -> Path:
        """The data of the pretraining."""
        if self.name == "text":
            return subsets.unlabelled_texts(self.source, self.scratch / "unlabelled")
        return self.source

    def _labelled(self) -> Path:
        """The data with a few labels of each class, and all held-out samples."""
        job = validate(self.modality.pretrained())
        whole = prepare_for(job, data_files([self._unlabelled]), self.scratch / "cache")
        count = self.modality.per_class
        match self.name:
            case "text":
                assert isinstance(whole, PreparedText)
                tokenizer = whole.directory / "tokenizer" / "tokenizer.json"
                return subsets.labelled_texts(self.source, count, tokenizer, self.scratch / "labelled")
            case "image":
                return subsets.labelled_images(self.source, count, self.scratch / "labelled.zip")
            case "audio":
                assert isinstance(whole, PreparedAudio)
                held_out = {whole.groups[number] for number in whole.group_ids("held_out")}
                return subsets.labelled_recordings(
                    self.source,
                    count,
                    self.scratch / "labelled.zip",
                    lambda name: find_group(job.data.audio.group_pattern, name),
                    frozenset(held_out),
                )

    def _pretrain(self) -> EngineRun:
        out, cache = self.scratch / "pretraining", self.scratch / "cache"
        made = engine(self.modality.pretrained(), data=self._unlabelled, out=out, cache=cache, threads=1)
        print(f"{self.name:5} pretrained in {made.wall_s:.0f} s", flush=True)
        return made

    def _tune(self, how: str, arm: str, seed: int, data: Path, pretraining: "Future[EngineRun]") -> EngineRun:
        """Fine-tune once; from the pretrained encoder as soon as it is there."""
        start = pretraining.result().checkpoint if arm == "pretrained" else None
        section = self.modality.data
        if self.name == "text":
            # The same tokenizer for both arms: it lies with the labelled data and in the checkpoint.
            kind = "uploaded" if start is None else "checkpoint"
            section = {**section, "tokenizer": {**section["tokenizer"], "kind": kind}}
        spec = self.modality.tuned(how, seed, section, start=start is not None)
        out = self.scratch / f"{how}-{arm}-{seed}"
        return engine(spec, data=data, out=out, cache=self.scratch / "cache", threads=1, start=start)


def accuracy(made: EngineRun) -> float:
    """The accuracy of the last step on all held-out samples."""
    return made.points("eval/accuracy")[-1][2]


def trainable(made: EngineRun) -> float:
    """The share of the parameters that are trained."""
    (event,) = (event for event in made.events if event["event"] == "prepared")
    return float(event["trainable_parameters"] / event["parameters"])


def _processor_seconds() -> float:
    """Processor time of all runs that have ended: beside other work the seconds of the clock are more."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    run(main)
