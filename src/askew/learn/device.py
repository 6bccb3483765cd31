"""Where and how exactly the arithmetic runs: the device, the number format, and seeded global generators put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch

from askew.errors import InputError


def choose(name: str) -> torch.device:
    """Returns the device of that name; "auto" is the first GPU (CUDA, then Apple's), else the processor.

    Raises:
        InputError: no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device: {name!r} is none: auto, cpu, cuda, cuda:1, mps") from error
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise InputError(f"device: {name!r} is not on this machine, which has {count} CUDA devices; auto finds one")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"device: {name!r} is not on this machine; auto finds one")
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device: {name!r} is not supported: auto, cpu, cuda, cuda:1, mps")
    return device


@lru_cache(maxsize=1)
def processor_has_bfloat16() -> bool:
    """Tells whether the processor multiplies bfloat16 natively (AMX or AVX-512 BF16), by what Linux says of it.

    Without either, bfloat16 is emulated and slower than float32. `benchmarks/training.py` measures both formats.
    """
    try:
        flags = (
            Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("flags", 2)[1].split("\n", 1)[0]
        )
    except (OSError, IndexError):
        return False
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags.split())


def number_format(device: torch.device, amp: str) -> torch.dtype:
    """Returns the dtype of convolutions for `Training.amp` on a device; see there what "auto" takes."""
    if amp in ("bfloat16", "float16"):
        return torch.bfloat16 if amp == "bfloat16" else torch.float16
    if amp == "auto" and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float16
    if amp == "auto" and device.type == "cpu" and processor_has_bfloat16():
        return torch.bfloat16
    return torch.float32


@contextmanager
def one_thread_a_call() -> Iterator[None]:
    """Runs its block with one thread for each of torch's operations, in threads that are started in it too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Runs its block with torch's global generators (processor and `device`) at `seed`, then puts them back.

    Weight initialisation and dropout have no other source of random numbers.
    """
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        yield
