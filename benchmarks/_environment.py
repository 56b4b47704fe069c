"""Separate virtual environments for the libraries that benchmarks compare with."""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment(name: str, *packages: str) -> Path:
    """The Python of the virtual environment ``.cache/bench-<name>``, made on the first call.

    It also sees this environment's packages: both use the same build of PyTorch and transformers, so that a difference
    in speed is due to the training code. ``packages`` are installed only in the new environment.
    """
    directory = ROOT / ".cache" / f"bench-{name}"
    python = directory / "bin" / "python"
    stamp = directory / "made-of"
    made_of = "\n".join([sys.version, sysconfig.get_path("purelib"), *packages])
    if not (stamp.exists() and stamp.read_text() == made_of):
        print(f"making {directory} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        own = Path(
            subprocess.run(
                [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
        )
        (own / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
        if packages:
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.write_text(made_of)
    return python
