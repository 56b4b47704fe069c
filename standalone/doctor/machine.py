"""Checks of this machine: the programs, the device, the directories, the ports."""

import platform
import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from control.settings import Settings
from core.spec.tasks import task_faults, task_packages
from standalone.doctor.finding import Finding, bad, gib, ok, warn, with_free_space
from standalone.home import Home
from standalone.network import bind, fetch, url_at
from worker.device import describe, installed_version, torch_has_cuda

_OLDEST_PYTHON = (3, 11)


def python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST_PYTHON:
        return bad("Python", found, "Make the environment again with Python 3.11 or later.")
    if sys.platform != "linux":
        return warn(
            "Python",
            found,
            "Run workers on Linux: elsewhere a killed supervisor may leave its engine as an orphaned process.",
        )
    return ok("Python", found)


def torch() -> Finding:
    version = installed_version("torch")
    if version == "source":
        return bad("torch", "not installed", "Install seedbed-server again.")
    found = f"{version}, {'with' if torch_has_cuda() else 'without'} CUDA"
    wanted = _pinned("torch")
    if wanted is not None and version.partition("+")[0] != wanted:
        return warn(
            "torch",
            found,
            f"Install torch {wanted}: resuming to the same bits was tested with that version only.",
        )
    return ok("torch", found)


def _pinned(distribution: str) -> str | None:
    """The version of a distribution that this software pins; None if it pins none."""
    try:
        requirements = metadata.requires("seedbed-server") or []
    except metadata.PackageNotFoundError:
        return None
    exact = re.compile(rf"{distribution}==([^\s;,]+)")
    return next((found[1] for line in requirements if (found := exact.match(line))), None)


def device() -> Finding:
    machine = describe("auto")
    found = f"{machine.device}: {machine.device_name}, {gib(machine.memory_bytes)}, {machine.threads} threads"
    if machine.device == "cpu" and shutil.which("nvidia-smi") is not None:
        return warn(
            "device", found, "There is a GPU that this build of torch cannot use; install a CUDA build."
        )
    return ok("device", found)


def tasks() -> Finding | None:
    """Whether the tasks of installed packages can be used; None if there are no such packages."""
    packages, faults = task_packages(), task_faults()
    if faults:
        return warn(
            "tasks",
            " ".join(str(fault) for fault in faults),
            "Install a version of the package that works, or uninstall it.",
        )
    if not packages:
        return None
    return ok("tasks", ", ".join(f"{kind} of {package}" for kind, package in packages.items()))


def directory(what: str, path: Path) -> Finding:
    """Whether a directory can be written, and its free space. For one that does not exist yet: its nearest parent."""
    path = path.expanduser().absolute()
    existing = path
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        return bad(
            what,
            f"{path} cannot be written: {error.strerror}",
            "Give this user the right to write there, or free space if it is full.",
        )
    return with_free_space(what, str(path), shutil.disk_usage(existing).free)


def api(home: Home, host: str, port: int) -> Finding:
    """Whether the API answers; if none runs, whether its port is free."""
    known = home.client()
    url = str(known["url"]) if known is not None and home.running else url_at(host, port)
    if b'"alive"' in (fetch(f"{url}/healthz") or b""):
        return ok("API", f"answers at {url}")
    if home.running:
        return bad(
            "API",
            f"the service of {home.directory} runs, but its API does not answer at {url}",
            "Read the output of `seedbed-server up` in its terminal, and start it again.",
        )
    advice = "Stop the program that listens there, or choose another port with --port (0 for any free one)."
    return _free("API", host, port, advice) or ok("API", f"none runs; {host}:{port} is free for it")


def worker_metrics(chosen: Settings) -> Finding | None:
    """Whether a worker's metrics are served at the configured address; None if none is configured."""
    if chosen.worker_metrics_port is None:
        return None
    what = "worker's metrics"
    host, port = chosen.worker_metrics_host, chosen.worker_metrics_port
    url = url_at(host, port)
    if b"seedbed_worker_" in (fetch(f"{url}/metrics") or b""):
        return ok(what, f"served at {url}/metrics")
    advice = (
        "Stop the program that listens there, or give each worker of this machine its own "
        "SEEDBED_WORKER_METRICS_PORT."
    )
    return _free(what, host, port, advice) or ok(what, f"no worker runs here; {host}:{port} is free for them")


def _free(what: str, host: str, port: int, advice: str) -> Finding | None:
    try:
        bind(host, port)
    except OSError as error:
        return bad(what, f"cannot listen on {host}:{port}: {error.strerror}", advice)
    return None
