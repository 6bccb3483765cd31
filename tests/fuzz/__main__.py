"""Feeds damaged files to every reader: each must end in a line of askew's or be read, without a warning, soon.

    python -m tests.fuzz                                  a minute
    FUZZ_INPUTS=1000000 python -m tests.fuzz              as long as it takes
    FUZZ_TARGETS=npy,csv FUZZ_SEED=7 python -m tests.fuzz
    python -m tests.fuzz --replay csv-7-1234              one input again, with its traceback

Input i of a target depends on FUZZ_SEED (0), the target and i alone. A worker process reads; this one starts it anew
when it dies or hangs. What went wrong is kept under FUZZ_FOUND (fuzz-found), one file a kind, and the exit status is 1
then.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target, targets

from askew.errors import AskewError

SECONDS = 10
"""How long one input may take."""

MEMORY_BYTES = 2_000_000_000
"""How much address space a worker may take beyond what it has at its start."""

TOUCHED_BYTES = 700_000_000
"""How much memory one input may really use."""

ROUND = int(os.environ.get("FUZZ_ROUND", 200))
"""Inputs of one target, until the next one's turn."""


class Hang(BaseException):
    """Raised in a reader that takes too long; no reader catches it."""


def main() -> int:
    if "--work" in sys.argv:
        return work(*(int(n) for n in sys.argv[-2:]))
    if "--replay" in sys.argv:
        return replay(sys.argv[-1])
    limit = int(os.environ.get("FUZZ_INPUTS", 0))
    seconds = float(os.environ.get("FUZZ_SECONDS", "inf" if limit else 60))
    found = Path(os.environ.get("FUZZ_FOUND", "fuzz-found"))
    before = set(found.glob("*.bin"))
    start, done = time.monotonic(), 0
    while time.monotonic() - start < seconds and not (limit and done >= limit):
        until = int(min(seconds - (time.monotonic() - start), 10**9))
        with tempfile.TemporaryDirectory(prefix="askew-fuzz-") as scratch:
            done = _worker(Path(scratch), found, done, limit or sys.maxsize, until)
    inputs = sorted(set(found.glob("*.bin")) - before)
    print(f"{done:,} inputs of seed {_seed()}, {time.monotonic() - start:.0f} s: {len(inputs)} kinds of failure")
    for path in inputs:
        print(f"  {path}: {path.with_suffix('.txt').read_text().splitlines()[0][:150]}")
    return 1 if inputs else 0


def _worker(scratch: Path, found: Path, first: int, limit: int, seconds: int) -> int:
    """Runs a worker until it ends or dies; returns how many inputs are done."""
    run = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz", "--work", str(first), str(limit)]
    environment = {**os.environ, "FUZZ_SCRATCH": str(scratch), "FUZZ_FOUND": str(found), "FUZZ_LEFT": str(seconds)}
    with (scratch / "stderr").open("w+b") as said:
        ended = subprocess.run(run, env=environment, stdout=sys.stdout, stderr=said, check=False)
        said.seek(0)
        words = said.read().decode(errors="replace")
    try:
        number, name, index = (scratch / "at").read_text().split()
    except (FileNotFoundError, ValueError):
        raise SystemExit(f"the worker could not start:\n{words}") from None
    if ended.returncode:
        why = f"the process ended with {ended.returncode}, by a signal or after a hang"
        keep(found, name, int(index), why, f"{why}\n{words[-4000:]}")
    return int(number) + 1


def _seed() -> int:
    return int(os.environ.get("FUZZ_SEED", 0))


def _chosen() -> Mapping[str, Target]:
    known = targets()
    names = os.environ.get("FUZZ_TARGETS", ",".join(known)).split(",")
    return {name: known[name] for name in names}


def content(target: Target, name: str, index: int) -> bytes:
    """Returns input `index` of a target."""
    return mutated(random.Random(f"{_seed()}/{name}/{index}"), target.seeds)


def work(first: int, limit: int) -> int:
    """Feeds inputs from number `first` on; the last lines of the scratch folder say where it is."""
    scratch, found = Path(os.environ["FUZZ_SCRATCH"]), Path(os.environ["FUZZ_FOUND"])
    os.environ["ASKEW_CACHE"] = str(scratch / "cache")
    until = time.monotonic() + float(os.environ["FUZZ_LEFT"])
    chosen = list(_chosen().items())
    _limit_memory()
    signal.signal(signal.SIGALRM, _hangs)
    at = (scratch / "at").open("w")
    for number in range(first, limit):
        turn, place = divmod(number, ROUND * len(chosen))
        name, target = chosen[place // ROUND]
        index = turn * ROUND + place % ROUND
        at.seek(0)
        at.write(f"{number} {name} {index}".ljust(60))
        at.flush()
        if place % ROUND == 0:
            shutil.rmtree(scratch / "cache", ignore_errors=True)
        feed(scratch, found, name, target, index)
        if time.monotonic() > until:
            break
    return 0


def feed(scratch: Path, found: Path, name: str, target: Target, index: int) -> None:
    """Reads one input and keeps it if anything but a line of askew's came of it."""
    path = scratch / target.file
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content(target, name, index))
    used = _touched()
    with warnings.catch_warnings(record=True) as said, _within(SECONDS):
        warnings.simplefilter("always")
        try:
            target.read(path)
        except AskewError as error:
            line = str(error)
            if "\n" in line or not line or len(line) > 3000:
                keep(found, name, index, "a message that is not one line", line)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            keep(found, name, index, _kind(error), traceback.format_exc())
    if said:
        keep(
            found, name, index, f"{said[0].category.__name__} {said[0].filename}:{said[0].lineno}", str(said[0].message)
        )
    if _touched() - used > TOUCHED_BYTES:
        keep(found, name, index, "memory", f"{(_touched() - used) / 1e6:.0f} MB used")


def replay(which: str) -> int:
    """Reads one input again and shows what comes of it."""
    name, seed, index = which.rsplit("-", 2)
    os.environ["FUZZ_SEED"] = seed
    target = targets()[name]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ASKEW_CACHE"] = str(Path(scratch) / "cache")
        path = Path(scratch) / target.file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content(target, name, int(index)))
        print(target.read(path))
    return 0


def keep(found: Path, name: str, index: int, kind: str, words: str) -> None:
    """Writes an input and its traceback, once a kind."""
    kind = re.sub(r"\d{3,}|0x[0-9a-f]+", "N", kind)
    listed = found / "kinds"
    known = listed.read_text().splitlines() if listed.is_file() else []
    entry = f"{name}: {' '.join(kind.split())[:300]}"
    if entry in known:
        return
    found.mkdir(parents=True, exist_ok=True)
    listed.write_text("\n".join([*known, entry]) + "\n")
    stem = found / f"{name}-{_seed()}-{index}"
    stem.with_suffix(".bin").write_bytes(content(targets()[name], name, index))
    stem.with_suffix(".txt").write_text(f"{entry}\n\n{words}")


def _kind(error: BaseException) -> str:
    """Names an error by its type and the innermost line of askew's that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/askew/" in frame.filename] or frames
    return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].name}"


def _hangs(number: int, frame: FrameType | None) -> None:
    raise Hang(f"longer than {SECONDS} s")


@contextlib.contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Ends a reader that takes too long by an exception, and if it does not come back to Python, with the process."""
    faulthandler.dump_traceback_later(3 * seconds, exit=True)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()


def _limit_memory() -> None:
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, now + MEMORY_BYTES))


def _touched() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
