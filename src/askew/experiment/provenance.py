"""What a result depends on beside its configuration: versions and machine."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

VERSIONED = ("askew", "numpy", "scipy", "torch", "torchvision", "timm", "scikit-learn")


def versions(names: Sequence[str] = VERSIONED) -> dict[str, str]:
    """Returns the versions of Python and of those libraries that a result depends on and that are installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Returns the processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
