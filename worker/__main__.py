"""``python -m worker [auto|cpu|cuda]``: a worker with the settings of the environment."""

import os
import sys
from typing import cast

from control import logs
from control.settings import settings
from worker.device import DeviceChoice, NoDeviceError
from worker.main import run


def main() -> int:
    chosen = settings()
    logs.configure(chosen.log_format)
    choice = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SEEDBED_DEVICE", "auto")
    if choice not in {"auto", "cpu", "cuda"}:
        print(f"worker: the device is auto, cpu or cuda, not {choice!r}", file=sys.stderr)
        return 2
    try:
        return run(cast("DeviceChoice", choice), chosen=chosen)
    except NoDeviceError as error:
        print(f"worker: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
