"""Where data sets are looked for, and where decoded pictures are kept between runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askew.data.npy import open_npy
from askew.errors import DataNotFound, InputError
from askew.files import cache_root, whole_file


def data_folder() -> Path:
    """Returns the folder into which `--download` writes and which is always searched: `data` in the cache folder."""
    return cache_root() / "data"


def roots(root: Path | None) -> list[Path]:
    """Returns the folders to search: `root` alone if it is given, else `./data`, `$ASKEW_DATA` and `data_folder()`.

    Raises:
        DataNotFound: `root` is given and is no folder.
    """
    if root is not None:
        if not root.is_dir():
            raise DataNotFound(f"root: {root} is not a folder")
        return [root]
    named = os.environ.get("ASKEW_DATA")
    return [*([Path(named)] if named else []), Path("data"), data_folder()]


def first_existing(folders: Iterable[Path], names: Iterable[str]) -> Path | None:
    """Returns the first `folder / name` that exists, folders before names, or None."""
    listed = list(names)
    return next((f / n for f in folders for n in listed if (f / n).exists()), None)


def fingerprint(paths: Iterable[Path], *settings: object) -> str:
    """Returns a name for the files' present state (path, size, time of change) and the settings they are read with."""
    digest = hashlib.sha256(repr(settings).encode())
    for path in paths:
        try:
            state = path.stat()
            now = f"{state.st_size}|{state.st_mtime_ns}"
        except OSError as error:  # a link that leads nowhere is a state too
            now = type(error).__name__
        digest.update(os.fsencode(f"{os.path.realpath(path)}|{now}\n"))
    return digest.hexdigest()[:24]


def cached(key: str, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Returns what `make` computes, from a file of the cache folder if an earlier call left it there.

    A stopped process leaves none that is half written; a folder that cannot be written to means that nothing is
    kept. What comes from the file is memory-mapped: processes that read it at the same time share it.
    """
    file = cache_root() / "decoded" / f"{key}.npy"
    with contextlib.suppress(InputError):  # not there, or damaged: then it is made, and made anew
        return open_npy(file)
    array = make()
    with contextlib.suppress(InputError, OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as draft, draft.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)
        return open_npy(file)
    return array


def listing(folders: Iterable[Path]) -> str:
    """Returns the folders for a message: `data, /home/ann/.cache/askew/data`."""
    return ", ".join(str(f) for f in folders)
