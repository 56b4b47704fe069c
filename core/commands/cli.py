"""The engine's command line."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.commands.digests import Digests
from core.spec.exports import FORMATS

if TYPE_CHECKING:
    from core.continual.earlier import EarlierData
    from core.data.files import ReadingByName
    from core.events import Events


def main(argv: Sequence[str] | None = None) -> int:
    """Run the engine's command line.

    Returns:
        The exit code.
    """
    arguments = _parser().parse_args(argv)
    # OpenMP threads that wait sleep and do not spin. Where another process needs a core, spinning made a step of
    # bert-mini on two cores up to ten times slower (measured: 6.7 s instead of 0.6 s); on idle cores sleeping costs
    # some percent. OpenMP reads this variable when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if arguments.command == "serve":
        from core.commands.serve import serve  # noqa: PLC0415 - each command imports only what it needs

        return serve(arguments.fd, arguments.parent, engine=main)
    if arguments.command == "predict":
        return _predict(arguments)
    from core.commands.terminal import terminal_sink  # noqa: PLC0415 - torch takes a second, --help should not
    from core.events import Events, PipeSink  # noqa: PLC0415

    events = Events(terminal_sink(live=arguments.events_fd is None and sys.stderr.isatty()))
    if arguments.events_fd is not None:
        events.add(PipeSink(arguments.events_fd))
    run = {"estimate": _estimate, "evaluate": _evaluate, "export": _export, "preview": _preview}
    return run.get(arguments.command, _run)(arguments, events)


def _run(arguments: argparse.Namespace, events: "Events") -> int:
    from core.commands.run import Options, run  # noqa: PLC0415 - as above
    from core.training.cadence import Limits  # noqa: PLC0415 - each command imports only what it needs

    options = Options(
        spec=arguments.spec,
        data=tuple(arguments.data),
        out=arguments.out,
        cache=arguments.cache,
        resume=arguments.resume,
        start=arguments.start,
        earlier=arguments.earlier,
        teacher=arguments.teacher,
        fresh=arguments.fresh,
        threads=arguments.threads,
        decided=arguments.decided,
        limits=Limits(arguments.checkpoint_seconds, arguments.point_seconds),
        reading=arguments.reading,
        digests=arguments.digests,
    )
    return run(options, events)


def _estimate(arguments: argparse.Namespace, events: "Events") -> int:
    from core.commands.estimate import Options, estimate  # noqa: PLC0415 - as above

    options = Options(
        spec=arguments.spec,
        data=tuple(arguments.data),
        cache=arguments.cache,
        start=arguments.start,
        teacher=arguments.teacher,
        threads=arguments.threads,
        largest_batch=arguments.largest_batch,
        memory_bytes=arguments.memory_bytes,
        reading=arguments.reading,
        digests=arguments.digests,
    )
    return estimate(options, events)


def _preview(arguments: argparse.Namespace, events: "Events") -> int:
    from core.commands.preview import Options, preview  # noqa: PLC0415 - as above

    options = Options(
        spec=arguments.spec,
        data=tuple(arguments.data),
        out=arguments.out,
        cache=arguments.cache,
        start=arguments.start,
        threads=arguments.threads,
        samples=arguments.samples,
        step=arguments.step,
        reading=arguments.reading,
        digests=arguments.digests,
    )
    return preview(options, events)


def _evaluate(arguments: argparse.Namespace, events: "Events") -> int:
    from core.assessment.report import Resampling  # noqa: PLC0415 - as above
    from core.commands.evaluate import Options, evaluate  # noqa: PLC0415 - as above

    options = Options(
        checkpoint=arguments.checkpoint,
        data=tuple(arguments.data),
        against=arguments.against,
        split=arguments.split,
        probes=arguments.probes,
        resampling=Resampling(arguments.resamples, arguments.level, arguments.seed),
        cache=arguments.cache,
        threads=arguments.threads,
        reading=arguments.reading,
        digests=arguments.digests,
    )
    return evaluate(options, events)


def _export(arguments: argparse.Namespace, events: "Events") -> int:
    from core.commands.export import Options, export  # noqa: PLC0415 - as above

    options = Options(
        checkpoint=arguments.checkpoint,
        format=arguments.format,
        out=arguments.out,
        data=tuple(arguments.data),
        cache=arguments.cache,
        threads=arguments.threads,
        reading=arguments.reading,
        digests=arguments.digests,
    )
    return export(options, events)


def _predict(arguments: argparse.Namespace) -> int:
    from core.commands.predict import Options, predict  # noqa: PLC0415 - as above

    return predict(
        Options(
            fd=arguments.events_fd,
            memory_bytes=arguments.memory_bytes,
            threads=arguments.threads,
            nice=arguments.nice,
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Seedbed's pretraining engine.")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="pretrain as a spec says, or continue a run that was interrupted")
    _add_job(run)
    run.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="run directory: checkpoints and metrics.jsonl"
    )
    run.add_argument(
        "--cache", type=Path, metavar="DIR", help="prepared data, shared by runs (default: OUT/cache)"
    )
    start = run.add_mutually_exclusive_group()
    start.add_argument(
        "--resume", type=Path, metavar="CHECKPOINT", help="continue from this checkpoint directory"
    )
    start.add_argument(
        "--fresh", action="store_true", help="start over: remove the checkpoints and metrics in OUT"
    )
    run.add_argument(
        "--start",
        type=Path,
        metavar="CHECKPOINT",
        help="where OUT holds no checkpoint yet: begin with this one, as the spec's start.scope says (default: all of it)",
    )
    run.add_argument(
        "--earlier",
        type=_earlier,
        default={},
        metavar="FILE",
        help='the data of the spec\'s continual.ancestors, as JSON: {"JOB": {"data": ["PATH"]}}',
    )
    run.add_argument(
        "--teacher",
        type=Path,
        metavar="CHECKPOINT",
        help="the checkpoint that the spec's distillation is about",
    )
    for option, variable, what in (
        ("--checkpoint-seconds", "SEEDBED_CHECKPOINT_SECONDS", "two checkpoints that the spec asks for"),
        ("--point-seconds", "SEEDBED_POINT_SECONDS", "two steps whose measures are told"),
    ):
        run.add_argument(
            option,
            type=float,
            default=float(os.environ.get(variable, "0")),
            metavar="N",
            help=f"least seconds between {what}, once many are written (default: {variable}, else 0: no limit)",
        )
    run.add_argument(
        "--decided",
        type=_mapping,
        default={},
        metavar="JSON",
        help="choices of an earlier attempt at this run for fields that are auto in the spec",
    )
    _add_process(run)

    estimate = commands.add_parser(
        "estimate", help="estimate the time and memory of a job from a few real steps"
    )
    _add_job(estimate)
    estimate.add_argument(
        "--cache", type=Path, metavar="DIR", help="prepared data, shared with runs (default: a temporary one)"
    )
    estimate.add_argument(
        "--teacher",
        type=Path,
        metavar="CHECKPOINT",
        help="the checkpoint that the spec's distillation is about; its weights are not read",
    )
    estimate.add_argument(
        "--largest-batch", action="store_true", help="also find the largest batch that fits in memory"
    )
    estimate.add_argument(
        "--memory-bytes", type=_positive, metavar="N", help="memory limit (default: all memory of the device)"
    )
    _add_tokenizer(estimate)
    _add_process(estimate)

    export = commands.add_parser("export", help="write a checkpoint in another format")
    export.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint directory")
    export.add_argument("--format", choices=list(FORMATS), required=True, help="which format")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="new directory to write to")
    _add_data(export, required=False)
    export.add_argument(
        "--cache", type=Path, metavar="DIR", help="prepared data, shared with runs (default: a temporary one)"
    )
    _add_process(export)

    _add_evaluate(commands)

    preview = commands.add_parser("preview", help="show the inputs of the networks for some samples")
    _add_job(preview)
    preview.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where to write samples/step-N/"
    )
    preview.add_argument(
        "--cache", type=Path, metavar="DIR", help="prepared data, shared with runs (default: OUT/cache)"
    )
    preview.add_argument("--samples", type=_positive, default=8, metavar="N", help="how many (default: 8)")
    preview.add_argument("--step", type=_positive, default=1, metavar="N", help="of which step (default: 1)")
    _add_tokenizer(preview)
    _add_process(preview)

    predict = commands.add_parser(
        "predict", help="keep models loaded and answer predictions from a socket (core/prediction/serving.py)"
    )
    predict.add_argument(
        "--events-fd", type=int, required=True, metavar="N", help="connected Unix socket, inherited"
    )
    predict.add_argument(
        "--memory-bytes",
        type=_positive,
        required=True,
        metavar="N",
        help="limit on the weights of all loaded models",
    )
    predict.add_argument(
        "--threads", type=_positive, default=1, metavar="N", help="threads for computation (default: 1)"
    )
    predict.add_argument("--nice", type=int, default=10, metavar="N", help="niceness (default: 10)")

    serve = commands.add_parser("serve", help="stay loaded and fork an engine for each request")
    serve.add_argument("--fd", type=int, required=True, metavar="N", help="listening Unix socket, inherited")
    serve.add_argument("--parent", type=int, metavar="PID", help="exit if the parent is not this process")
    return parser


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    evaluate = commands.add_parser("evaluate", help="evaluate a checkpoint on a dataset")
    evaluate.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="checkpoint directory")
    _add_data(evaluate)
    evaluate.add_argument(
        "--against", type=Path, metavar="CHECKPOINT", help="compare with this one on the same samples"
    )
    evaluate.add_argument(
        "--split", choices=["held_out", "train", "all"], default="held_out", help="default: held_out"
    )
    evaluate.add_argument(
        "--no-probes", dest="probes", action="store_false", help="leave out linear probe and k-NN"
    )
    evaluate.add_argument(
        "--resamples",
        type=_positive,
        default=1000,
        metavar="N",
        help="of the bootstrap (default: 1000)",
    )
    evaluate.add_argument(
        "--level", type=_share, default=0.95, metavar="P", help="of the intervals (default: 0.95)"
    )
    evaluate.add_argument("--seed", type=int, default=0, metavar="N", help="of the resamples (default: 0)")
    evaluate.add_argument(
        "--cache", type=Path, metavar="DIR", help="prepared data, shared with runs (default: a temporary one)"
    )
    _add_process(evaluate)


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the job, YAML or JSON")
    _add_data(parser)


def _add_data(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=required,
        default=None if required else [],
        metavar="PATH",
        help="a file, or a directory of files; repeatable",
    )
    parser.add_argument(
        "--reading",
        type=_reading,
        default={},
        metavar="JSON",
        help='how single files are read: {"NAME": {"column": "…"}}, as stated when they were uploaded',
    )


def _add_tokenizer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--start",
        type=Path,
        metavar="CHECKPOINT",
        help="the checkpoint that the job starts from, for its tokenizer; its weights are not read",
    )


def _add_process(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events-fd", type=int, metavar="N", help="file descriptor to which events are written as JSON lines"
    )
    parser.add_argument(
        "--threads", type=_positive, metavar="N", help="threads for computation (default: one per core)"
    )
    parser.add_argument(
        "--digests",
        type=_digests,
        default=Digests(),
        metavar="FILE",
        help="sha256 of files that were checked before; the engine does not hash them again",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not between 0 and 1")
    return number


def _reading(text: str) -> "ReadingByName":
    from core.formats.tables.reading import ReadingOptions  # noqa: PLC0415 - each command imports only what it needs

    return {name: ReadingOptions.of(options) for name, options in _mapping(text).items()}


def _earlier(text: str) -> "Mapping[str, EarlierData]":
    from core.continual.earlier import read_earlier  # noqa: PLC0415 - each command imports only what it needs

    try:
        return read_earlier(Path(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _digests(text: str) -> Digests:
    try:
        return Digests.read(Path(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text} has no hashes of files: {error}") from None


def _mapping(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return document
