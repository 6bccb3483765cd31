"""Data sets from their public addresses, by torchvision's own downloads (which check what they got)."""

from __future__ import annotations

from pathlib import Path

from askew.errors import DataNotFound, InputError, MissingExtra

CLASSES = {"fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10", "cifar100": "CIFAR100"}


def fetch(name: str, root: Path) -> None:
    """Downloads a data set into `root`, in torchvision's layout.

    Raises:
        DataNotFound: the download failed; the message has the reason.
        InputError: this data set cannot be downloaded, or `root` cannot be written to.
        MissingExtra: torchvision is not installed.
    """
    if name not in CLASSES:
        raise InputError(f"download: {name} cannot be downloaded; {', '.join(CLASSES)} can")
    try:
        from torchvision import datasets
    except ImportError as error:
        raise MissingExtra("downloading data sets", "vision") from error
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"root: {root} cannot be written to: {error}") from error
    try:
        for train in (True, False):
            getattr(datasets, CLASSES[name])(str(root), train=train, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataNotFound(
            f"download: {name} could not be had ({reason}): get it on a machine with access and put it into {root}"
        ) from error
