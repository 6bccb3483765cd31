"""The ledger: one append-only file a run, a line a finished cycle; what stands in it is never written again.

A line is complete when it ends in a newline and reached the disk (fsync). A process killed while it wrote leaves half a
line, which the next one cuts off before it goes on. A file lock keeps two processes from going on with the same run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from askew.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has no fcntl: there two processes on one folder are the user's to avoid
    fcntl = None  # type: ignore[assignment]

FILE = "ledger.jsonl"


@dataclass(frozen=True)
class Ledger:
    """The open ledger of one run: its header, the cycles that are done, and `append` for the next."""

    header: dict[str, Any]
    cycles: list[dict[str, Any]]
    _file: IO[bytes]

    def append(self, cycle: dict[str, Any]) -> None:
        """Adds a finished cycle; when this returns, the line is on the disk."""
        _write_line(self._file, cycle)
        self.cycles.append(cycle)


@contextmanager
def open_ledger(folder: Path, header: dict[str, Any]) -> Iterator[Ledger]:
    """Opens the run's ledger in `folder`, makes it if it is new, and holds its lock until the end.

    Raises:
        InputError: the ledger there is of another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / FILE, "a+b") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        lines, size = _complete_lines(file)
        file.truncate(size)
        if not lines:
            _write_line(file, header)
            _sync_folder(folder)
            lines = [header]
        if _comparable(lines[0]) != _comparable(header):
            raise InputError(f"{folder}: holds another run, with other settings: choose another output folder")
        yield Ledger(lines[0], lines[1:], file)


def read_ledger(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Returns the header and the finished cycles of a ledger file, leaving out half a last line.

    Raises:
        InputError: not a ledger.
    """
    with open(path, "rb") as file:
        lines, _ = _complete_lines(file)
    if not lines or "run" not in lines[0]:
        raise InputError(f"{path}: not a ledger of a run")
    return lines[0], lines[1:]


def _complete_lines(file: IO[bytes]) -> tuple[list[dict[str, Any]], int]:
    file.seek(0)
    data = file.read()
    end = data.rfind(b"\n") + 1
    try:
        return [json.loads(line) for line in data[:end].splitlines()], end
    except json.JSONDecodeError as error:
        raise InputError(f"{file.name}: line {error.lineno} of the ledger is damaged: {error.msg}") from error


def _write_line(file: IO[bytes], value: dict[str, Any]) -> None:
    file.write(json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _comparable(header: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(header["run"])))
