"""What lies beside a ledger for the next cycle: the model that it starts from, and what trainings recorded so far."""

from __future__ import annotations

import hashlib
from pathlib import Path

from askew.errors import InputError
from askew.experiment.arrivals import History
from askew.experiment.ledger import Ledger


def model_path(ledger: Ledger, cycle: int) -> Path:
    """Returns where the model of a cycle is kept."""
    return ledger.folder / f"model-{cycle}.safetensors"


def history_path(ledger: Ledger, cycle: int) -> Path:
    """Returns where it is kept what trainings recorded up to a cycle."""
    return ledger.folder / f"history-{cycle}.npz"


def kept_model(ledger: Ledger) -> Path:
    """Returns the file of the last cycle's model after checking that it is the one that the ledger means.

    Raises:
        InputError: it is not there, or is another.
    """
    last = ledger.cycles[-1]
    return _checked(model_path(ledger, last.number), last.model, "the model that the next cycle starts from")


def kept_history(ledger: Ledger) -> History:
    """Returns what trainings recorded up to the last cycle.

    Raises:
        InputError: the file is not there, or is another than the ledger means.
    """
    last = ledger.cycles[-1]
    path = history_path(ledger, last.number)
    return History.load(_checked(path, last.history, "what trainings recorded so far"))


def forget_files(ledger: Ledger) -> None:
    """Removes the models and histories of earlier cycles: the last one's are safe."""
    for cycle in range(len(ledger.cycles) - 1):
        model_path(ledger, cycle).unlink(missing_ok=True)
        history_path(ledger, cycle).unlink(missing_ok=True)


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file, as the ledger has it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checked(path: Path, expected: str | None, what: str) -> Path:
    if not path.is_file() or digest(path) != expected:
        raise InputError(f"{path}: {what} is not there, or was changed: restore it, or run in another folder")
    return path
