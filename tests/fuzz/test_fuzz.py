"""A small, always equal part of the fuzzing: every reader, seconds; and the fuzzing finds what is planted."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("cv2")
pytest.importorskip("pyarrow")

from tests.fuzz import __main__ as fuzz
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target

from askew.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="it limits memory as Linux does")
def test_damaged_files_end_in_a_line_or_are_read(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "FUZZ_INPUTS": "2500",
        "FUZZ_ROUND": "100",
        "FUZZ_FOUND": str(tmp_path / "found"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2,500 inputs of seed 0")


def test_every_file_it_begins_with_is_valid(tmp_path: Path) -> None:
    for name, target in fuzz.targets().items():
        for seed in target.seeds:
            path = tmp_path / name / target.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(seed)
            target.read(path)


def test_the_same_number_gives_the_same_input() -> None:
    seeds = [b"0.5,0.25\n1,2\n", b"a,b\n"]
    first = [mutated(random.Random(f"0/csv/{i}"), seeds) for i in range(300)]
    assert first == [mutated(random.Random(f"0/csv/{i}"), seeds) for i in range(300)]
    assert len(set(first)) > 200


def planted(path: Path) -> None:
    raw = path.read_bytes()
    if b"\xff" in raw:
        raise ZeroDivisionError("planted")
    if b"nan" in raw:
        warnings.warn("planted", stacklevel=1)
    if raw.startswith(b"-1"):
        raise InputError("two\nlines")


def test_errors_warnings_and_messages_of_two_lines_are_found_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target("a.csv", planted, (b"0.5,0.25\n1,2\n",))
    monkeypatch.setattr(fuzz, "targets", lambda: {"csv": target})
    for index in range(3000):
        fuzz.feed(tmp_path, tmp_path / "found", "csv", target, index)
    kinds = (tmp_path / "found" / "kinds").read_text().splitlines()
    assert any("ZeroDivisionError" in kind for kind in kinds)
    assert any("UserWarning" in kind for kind in kinds)
    assert any("not one line" in kind for kind in kinds)
    assert len(kinds) == 3
    assert all(file.with_suffix(".txt").is_file() for file in (tmp_path / "found").glob("*.bin"))


def test_a_reader_that_hangs_is_found_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_: Path) -> None:
        while True:
            pass

    target = Target("a.csv", hang, (b"1\n",))
    monkeypatch.setattr(fuzz, "targets", lambda: {"csv": target})
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    monkeypatch.setattr(
        fuzz.signal, "alarm", lambda seconds: fuzz.signal.setitimer(fuzz.signal.ITIMER_REAL, seconds / 10)
    )
    before = fuzz.signal.signal(fuzz.signal.SIGALRM, fuzz._hangs)
    try:
        fuzz.feed(tmp_path, tmp_path / "found", "csv", target, 0)
    finally:
        fuzz.signal.signal(fuzz.signal.SIGALRM, before)
    assert "csv: Hang" in (tmp_path / "found" / "kinds").read_text()
