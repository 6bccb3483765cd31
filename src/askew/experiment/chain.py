"""Lines that are chained: JSON objects, a line each, whose `check` is a hash of the line and of the check before it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import IO, Any, NoReturn

from askew.errors import InputError

_LINE = re.compile(rb'(\{.*),"check":"([0-9a-f]{32})"\}')


def complete_lines(data: bytes, path: Path) -> tuple[list[tuple[dict[str, Any], str]], int]:
    """Returns each complete line's values and check, and how many bytes the complete lines are.

    Raises:
        InputError: a line was changed, dropped or doubled, or is none of these; the message names it.
    """
    end = data.rfind(b"\n") + 1
    lines: list[tuple[dict[str, Any], str]] = []
    before = ""
    for number, line in enumerate(data[:end].split(b"\n")[:-1], start=1):
        where = f"{path}: line {number}"
        match = _LINE.fullmatch(line)
        if match is None:
            _refuse(where, line)
        body, check = match[1] + b"}", match[2].decode()
        if check != _check_of(before, body):
            raise InputError(
                f"{where}: its check does not fit: the ledger was changed here after it was written, or a line before "
                "was dropped or doubled: restore it, or run in another folder"
            )
        lines.append((_parsed(body, where), check))
        before = check
    return lines, end


def write_line(file: IO[bytes], value: dict[str, Any], before: str) -> str:
    """Writes a line after one with the check `before` ("" for the first) and returns its own check.

    When it returns, the line is on the disk.
    """
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    check = _check_of(before, body)
    file.write(body[:-1] + f',"check":"{check}"}}\n'.encode())
    file.flush()
    os.fsync(file.fileno())
    return check


def sync_folder(folder: Path) -> None:
    """Brings a new file's name in the folder to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _parsed(body: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is damaged: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: is damaged: expected a JSON object")
    return value


def _refuse(where: str, line: bytes) -> NoReturn:
    """Says what a line without a check is."""
    _parsed(line, where)
    raise InputError(f"{where}: has no check: not a ledger, or one of an older askew: run it again in another folder")


def _check_of(before: str, body: bytes) -> str:
    return hashlib.sha256(before.encode() + body).hexdigest()[:32]
