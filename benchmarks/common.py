"""What every benchmark here shares: interleaved timing, the record of where it ran, and writing it down."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "askew",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-activeml",
    "modAL-python",
    "baal",
    "pyrelational",
    "small-text",
    "ortools",
    "torch",
    "torchvision",
    "timm",
)


def arguments(description: str) -> argparse.Namespace:
    """Parses `--quick`, for a first look, and `--repeats`; the record says what was used."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, help="timings of each; the record has their median")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat")
    return parser.parse_args()


def installed(*modules: str) -> bool:
    """Tells whether a rival can be imported; says so if not."""
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} is not installed")
    return not missing


def measure(
    callables: dict[str, Callable[[], Any]], repeats: int, *, warm: bool = True
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the median seconds of each by the clock and of processor time, all threads together.

    They take turns, so that a busy machine is busy for all of them. Where other work takes the processor, the clock
    says little and processor time much; on a quiet machine it is the other way round.
    """
    clock: dict[str, list[float]] = {name: [] for name in callables}
    processor: dict[str, list[float]] = {name: [] for name in callables}
    for repeat in range(repeats + warm):
        for name, call in callables.items():
            start, cpu = time.perf_counter(), time.process_time()
            call()
            if repeat >= warm:
                clock[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - cpu)
    return {k: statistics.median(v) for k, v in clock.items()}, {k: statistics.median(v) for k, v in processor.items()}


def comparison(clock: dict[str, float], processor: dict[str, float], ours: str = "askew") -> dict[str, Any]:
    """Returns the medians and how many times more each of the others took than ours."""
    return {
        "median_seconds": {k: round(v, 4) for k, v in clock.items()},
        "median_processor_seconds": {k: round(v, 4) for k, v in processor.items()},
        "times_slower_than_askew": ratios(clock, ours),
        "times_more_processor_time": ratios(processor, ours),
    }


def extrapolated(medians: dict[str, float], few: str, more: str, times: float) -> float:
    """Takes two timings of the same thing out of `medians`; returns the first plus `times` the difference."""
    start = medians.pop(few)
    return start + times * max(0.0, medians.pop(more) - start)


def ratios(medians: dict[str, float], ours: str = "askew") -> dict[str, float]:
    """Returns how many times longer than ours each of the others took."""
    return {name: round(s / medians[ours], 2) for name, s in medians.items() if name != ours}


def write(name: str, record: dict[str, Any], *, quick: bool) -> None:
    """Prints the record and writes it, with where and when it was measured, to results/<name>.json."""
    full = {"when": datetime.now(timezone.utc).isoformat(timespec="seconds"), "quick": quick, **environment(), **record}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}{'-quick' if quick else ''}.json"
    path.write_text(json.dumps(full, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    print(f"written: {path.relative_to(RESULTS.parent.parent)}")


def status(field: str) -> int:
    """Returns a field of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def environment() -> dict[str, Any]:
    """Returns the versions, the processor, and how busy it was with other work when this began."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "versions": {"python": platform.python_version(), **versions},
        "processor": {
            "model": model,
            "cores": len(os.sched_getaffinity(0)),
            "load_1_5_15_min": os.getloadavg(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
    }


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""
