"""The device of a run, and the features of the processor."""

import os
import subprocess
import sys

import pytest
import torch

CHOICE = "from core.training.devices import choose_place; print(choose_place('cpu', 'auto').precision)"


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="not an x86 processor with AVX-512"
)
def test_a_processor_with_avx512_disabled_has_no_bf16() -> None:
    told = subprocess.run(
        [sys.executable, "-c", CHOICE],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "avx2"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told.split() == ["fp32"]
