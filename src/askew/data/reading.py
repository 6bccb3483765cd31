"""The guard of every reader: what is wrong with a file is one line that names it, and no warning beside it."""

from __future__ import annotations

import math
import os
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from askew.errors import AskewError, DataNotFound, InputError, one_line


@contextmanager
def reading(what: str | Path) -> Iterator[None]:
    """Says in one line what the operating system refuses: a locked file, a circle of links, a name too long.

    >>> with reading("photos"):
    ...     raise OSError(36, "File name too long")
    Traceback (most recent call last):
    askew.errors.InputError: photos: cannot be read: File name too long

    Raises:
        InputError: the block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{one_line(what)}: cannot be read: {error.strerror or one_line(error)}") from error


@contextmanager
def decoding(what: str | Path, kind: str) -> Iterator[None]:
    """Says in one line that a file is damaged, around the call of a parser that another library or Python brings.

    Such parsers fail on damaged bytes with errors of any type, which their makers do not list, and with warnings on the
    way. So only the parser's own call belongs into the block.

    Args:
        what: the file, for the message.
        kind: what it should be, such as "a picture".

    Raises:
        InputError: the block raised anything. What askew says on purpose passes as it is.
    """
    try:
        with quiet():
            yield
    except AskewError:
        raise
    except Exception as error:
        raise InputError(f"{one_line(what)}: cannot be read as {kind}: {one_line(error)}") from error


def plain_file(path: Path, what: str | None = None) -> os.stat_result:
    """Checks that there is a plain file to read, since a pipe would wait for ever; returns its state.

    Args:
        path: the file; a link is followed.
        what: how messages call it; the path if left out.

    Raises:
        DataNotFound: there is no such file.
        InputError: a folder, a pipe, a device, a circle of links, or a name that no file can have.
    """
    name = one_line(path) if what is None else what
    with reading(name):
        try:
            state = os.stat(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            broken = "a link that leads nowhere" if os.path.islink(path) else "no such file"
            raise DataNotFound(f"{name}: {broken}") from error
        except ValueError as error:
            raise InputError(f"{name}: cannot be the name of a file: {one_line(error)}") from error
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a pipe or a device"
        raise InputError(f"{name}: is {kind}; expected a plain file")
    return state


def read_text(path: Path, what: str | None = None) -> str:
    """Returns a plain file's UTF-8 text, without the mark that some editors put before it.

    Raises:
        DataNotFound: there is no such file.
        InputError: it cannot be read, or is not UTF-8.
    """
    plain_file(path, what)
    name = one_line(path) if what is None else what
    with reading(name), decoding(name, "text in UTF-8"):
        return path.read_bytes().decode("utf-8-sig")


def check_memory(what: str, shape: Sequence[int], item_bytes: int) -> None:
    """Checks what a header declares, before anything is reserved or read for it.

    Raises:
        InputError: the array is larger than the machine's memory.
    """
    declared, there = math.prod(shape) * item_bytes, memory_bytes()
    if declared > there:
        raise InputError(
            f"{what}: declares {tuple(shape)} values, {declared / 1e9:,.0f} GB; this machine has {there / 1e9:,.0f} GB"
        )


def memory_bytes() -> int:
    """Returns how much memory the machine has; where it does not tell, what 64 bits can address."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return 1 << 63
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class _Silence:
    """Counts the blocks that want no warnings, in any thread.

    `warnings.catch_warnings` alone changes what the whole process does: two threads that leave it in another order than
    they entered would leave it silent for ever, or loud too early.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_SILENCE = _Silence()


def quiet() -> _Silence:
    """Returns a block in which no warnings are shown, in any thread; it may be entered by several at a time."""
    return _SILENCE
