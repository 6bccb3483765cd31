"""What askew writes: a file or a folder is there whole or not at all, and nothing is lost that askew did not write."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType

from askew.errors import DataNotFound, InputError

try:
    import fcntl
except ImportError:  # Windows has no fcntl: there what a killed process left stays
    fcntl = None  # type: ignore[assignment]

MANIFEST = ".askew-written.json"
"""In a folder that askew wrote: what it wrote there, with sizes and digests."""

_DRAFT = re.compile(r"\.askew-[0-9a-f]{16}\.part")
"""The names of drafts, of files and of folders."""

FRESH_SECONDS = 2.0
"""A draft as young may not be locked yet by who makes it."""

Manifest = dict[str, tuple[int, str]]
"""Of each file, by its path from the folder with forward slashes: bytes and SHA-256."""


def n_cores() -> int:
    """Returns how many cores the process may compute on: those it may run on, and no more than `$OMP_NUM_THREADS`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(wanted)) if wanted.isascii() and wanted.isdigit() and int(wanted) > 0 else cores


def cache_root() -> Path:
    """Returns the folder of askew's own files: `$ASKEW_CACHE`, else `askew` in the user's cache folder.

    The user's cache folder is `$XDG_CACHE_HOME`, else `~/.cache`.

    Raises:
        InputError: neither is set, and the user has no home folder.
    """
    if named := os.environ.get("ASKEW_CACHE"):
        return Path(named)
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "askew"
    try:
        return Path.home() / ".cache" / "askew"
    except RuntimeError as error:
        raise InputError("no home folder to keep files in: set ASKEW_CACHE to a folder") from error


def write_whole(path: str | Path, data: str | bytes) -> None:
    """Writes a file that is there whole or stays as it was; text in UTF-8, with its newlines as they are.

    Raises:
        InputError: see `whole_file`.
    """
    with whole_file(path) as draft:
        draft.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def cleaned_up() -> Iterator[None]:
    """Lets a process that is told to end (SIGTERM, SIGHUP) leave its blocks first, if it has no plan of its own."""
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []
    taken = [one for one in signals if signal.getsignal(one) == signal.SIG_DFL]

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signature of a handler)
        raise SystemExit(128 + number)

    for one in taken:
        signal.signal(one, leave)
    try:
        yield
    finally:
        for one in taken:
            signal.signal(one, signal.SIG_DFL)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Gives the path of a draft to write, which becomes `path` at a clean end of the block and else is removed.

    The draft lies in the same folder, so the change is one rename. A link is followed. What is no plain file, such as
    `/dev/stdout` or a pipe, gets the finished draft's bytes.

    Raises:
        InputError: `path` is a folder, or cannot be written to.
        DataNotFound: the folder of `path` does not exist.
    """
    goal = Path(path)
    with _writing(path, goal):
        special = goal.exists() and not goal.is_file()
    if goal.is_dir():
        raise InputError(f"{path}: is a folder; expected the name of a file to write")
    if not special:
        goal = goal.resolve()
        if not goal.parent.is_dir():
            raise DataNotFound(f"{path}: there is no folder {goal.parent}")
    draft = _named(Path(tempfile.gettempdir()) if special else goal.parent)
    try:
        with cleaned_up(), _writing(path, draft), _claimed(draft):
            yield draft
            if special:
                with draft.open("rb") as source, goal.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
                return
            if goal.exists():
                shutil.copymode(goal, draft)
            draft.replace(goal)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def output_folder(path: str | Path, *, force: bool = False, reads: Iterable[str | Path] = ()) -> Iterator[Path]:
    """Gives an empty folder to fill, whose files are those of `path` at a clean end of the block; else it vanishes.

    A folder that is absent or empty is simply filled. In one that is not, `force` replaces the files that askew wrote
    there before and nobody changed since, which its manifest tells; all others stay as they are.

    Args:
        path: the folder to write.
        force: write into a folder that is not empty.
        reads: the files and folders that the work reads.

    Raises:
        InputError: see `check_output_folder`; or a new file would overwrite one that askew did not write. It is named,
            and the folder is as it was.
        DataNotFound: the folder above does not exist.
    """
    goal = Path(path).resolve()
    for place in (goal, goal.parent):
        sweep(place)
    check_output_folder(path, force=force, reads=reads)
    draft = _draft(goal)
    try:
        with cleaned_up(), _writing(path, draft), _claimed(draft, folder=True):
            new = draft / "new"
            new.mkdir()
            yield new
            written = _contents(new)
            write_whole(new / MANIFEST, json.dumps({"written": written}, indent=1, sort_keys=True) + "\n")
            _replace(goal, new, [*written, MANIFEST], aside=draft / "old")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def new_folder(path: str | Path, *, last: str) -> Iterator[Path]:
    """Gives an empty folder to fill, whose entries are those of `path` at a clean end of the block; else it vanishes.

    Unlike the folder of `output_folder`, it is not askew's to replace later.

    Args:
        path: the folder to make; it may be there, if it is empty.
        last: the file that comes last where the folder was there: with it everything is.

    Raises:
        InputError: see `check_new_folder`.
        DataNotFound: the folder above does not exist.
    """
    goal = Path(path).resolve()
    check_new_folder(path)
    draft = _named(goal if goal.exists() else goal.parent)
    try:
        with cleaned_up(), _writing(path, draft), _claimed(draft, folder=True):
            yield draft
            if not goal.exists():
                draft.rename(goal)
                return
            for entry in sorted(draft.iterdir(), key=lambda one: one.name == last):
                entry.rename(goal / entry.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_new_folder(path: str | Path) -> None:
    """Checks that a folder may be made, or be filled as it is empty, before any work is done for it; see `new_folder`.

    Raises:
        InputError: `path` is a file, cannot be written to, or holds something.
        DataNotFound: the folder above does not exist.
    """
    goal = Path(path).resolve()
    sweep(goal)
    with _writing(path, goal):
        if goal.is_dir() and any(goal.iterdir()):
            raise InputError(f"{path}: has something in it: choose another folder")
    check_output_folder(path)


def check_output_folder(path: str | Path, *, force: bool = False, reads: Iterable[str | Path] = ()) -> None:
    """Checks that a folder may be written, before any work is done for it; see `output_folder`.

    Raises:
        InputError: `path` is a file, cannot be written to, or holds something and `force` is not given; with `force`,
            it holds, is, or lies in something of `reads`, or it holds the working folder or the home folder.
        DataNotFound: the folder above does not exist.
    """
    goal = Path(path).resolve()
    with _writing(path, goal):
        if goal.exists() and not goal.is_dir():
            raise InputError(f"{path}: is a file; expected a folder, new or empty")
        if not goal.parent.is_dir():
            raise DataNotFound(f"{path}: there is no folder {goal.parent}")
        if goal.exists() and any(goal.iterdir()):
            _check_forced(path, goal, force, reads)
    probe = _draft(goal)
    with _writing(path, probe):
        probe.mkdir()
        probe.rmdir()


def _check_forced(path: str | Path, goal: Path, force: bool, reads: Iterable[str | Path]) -> None:
    if not force:
        raise InputError(f"{path}: has something in it: choose another folder, or add --force to replace what it holds")
    for name, place in (("the working folder", Path.cwd()), ("the home folder", Path(os.path.expanduser("~")))):
        if _holds(goal, place):
            raise InputError(f"{path}: is or holds {name}, which --force does not write over: choose another folder")
    for read in reads:
        for place in _places(Path(read)):
            if _holds(goal, place) or _holds(place, goal):
                raise InputError(f"{path}: --force would write where {read} is read from: choose another folder")


def _places(read: Path) -> Iterator[Path]:
    """Yields where something that is read lies: its name, what that leads to, and what links within it lead to."""
    yield read.parent.resolve() / read.name
    yield read.resolve()
    for folder, folders, files in os.walk(read):
        for name in (*folders, *files):
            inside = Path(folder, name)
            if inside.is_symlink():
                yield inside.resolve()


def _holds(folder: Path, place: Path) -> bool:
    """Whether `place` is `folder` or lies in it, also on a file system that sees the same in other letters."""
    lineage = (place, *place.parents)
    return folder in lineage or (folder.exists() and any(one.exists() and one.samefile(folder) for one in lineage))


def _draft(goal: Path) -> Path:
    """Returns where to draft a folder: beside it; or in it, if it is a mount or the folder above is locked."""
    inside = goal.is_dir() and (os.path.ismount(goal) or not os.access(goal.parent, os.W_OK))
    return _named(goal if inside else goal.parent)


def _named(folder: Path) -> Path:
    return folder / f".askew-{secrets.token_hex(8)}.part"


@contextmanager
def _claimed(draft: Path, *, folder: bool = False) -> Iterator[None]:
    """Makes a draft, empty, and locks it for the block: the lock goes with the process, however it ends."""
    if folder:
        draft.mkdir()
    handle = os.open(draft, os.O_RDONLY | (0 if folder else os.O_CREAT), 0o666) if fcntl is not None else None
    try:
        if handle is not None:
            with contextlib.suppress(OSError):  # a file system without locks: `sweep` gets none either, and leaves it
                fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def sweep(folder: Path) -> None:
    """Removes the drafts that killed processes left in a folder; those of a process that lives are locked and stay.

    What is in the way of that, such as a folder that cannot be read, is passed over.
    """
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for draft in [Path(entry) for entry in entries if _DRAFT.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _remove_left(draft)


def _remove_left(draft: Path) -> None:
    handle = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(handle)
        if time.time() - found.st_mtime < FRESH_SECONDS:
            return
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(draft, ignore_errors=True)
        elif stat.S_ISREG(found.st_mode):
            draft.unlink()
    finally:
        os.close(handle)


def _contents(folder: Path) -> Manifest:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): size_and_digest(p) for p in files}


def size_and_digest(file: Path) -> tuple[int, str]:
    """Returns the bytes of a file, counted, and their SHA-256; the file is read once, a part at a time."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return file.stat().st_size, digest.hexdigest()


def _own(folder: Path) -> list[str]:
    """Returns the files of a folder that askew wrote and that are still as it wrote them, the manifest among them."""
    try:
        found = json.loads((folder / MANIFEST).read_bytes())["written"]
        listed = {str(name): tuple(state) for name, state in found.items()}
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{folder / MANIFEST}: is damaged, so what askew wrote there is unknown: delete it") from error
    return [
        name for name, state in listed.items() if _plain(folder, name) and size_and_digest(folder / name) == state
    ] + [MANIFEST]


def _plain(folder: Path, name: str) -> bool:
    """Whether a name of a manifest is a file in the folder, reached without links."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        return False
    steps = [folder.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    return steps[-1].is_file() and not any(step.is_symlink() for step in steps)


def _replace(goal: Path, new: Path, names: list[str], *, aside: Path) -> None:
    """Moves new files to where they belong and askew's old ones aside; if anything fails, all is moved back."""
    if not goal.exists():
        new.rename(goal)
        return
    old = _own(goal)
    _refuse_strangers(goal, set(names), set(old))
    moves = [(goal / name, aside / name) for name in old] + [(new / name, goal / name) for name in names]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            target.parent.mkdir(parents=True, exist_ok=True)
            done.append((source, target))
            source.rename(target)
    except BaseException:
        for source, target in reversed(done):
            if target.exists():
                target.rename(source)
        _drop_empty(goal, names)
        raise
    _drop_empty(goal, old)


def _refuse_strangers(goal: Path, names: set[str], own: set[str]) -> None:
    for name in sorted(names - own):
        steps = [goal.joinpath(*PurePosixPath(name).parts[: i + 1]) for i in range(len(PurePosixPath(name).parts))]
        for step in steps:
            there = step.relative_to(goal).as_posix()
            stands = step.is_symlink() or (step.exists() and (step == steps[-1] or not step.is_dir()))
            if stands and there not in own:
                raise InputError(
                    f"{step}: was not written by askew, or was changed since: move it, or choose another --out"
                )


def _drop_empty(goal: Path, names: Iterable[str]) -> None:
    """Removes the folders of files that were moved away, if nothing is left in them."""
    folders = {above for name in names for above in (goal / name).parents if above != goal and goal in above.parents}
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def _writing(path: str | Path, draft: Path) -> Iterator[None]:
    """Says in one line that something cannot be written: a full disk, a locked folder."""
    try:
        yield
    except OSError as error:
        here = isinstance(error.filename, str) and Path(error.filename).absolute()
        ours = here and ({draft, Path(path).absolute()} & {here, *here.parents})
        if ours or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        raise
