"""What the operating system refuses is one line and leaves nothing behind; a process told to end cleans up first."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import askew
from askew.cli import pick
from askew.cli.main import main

PICK = "pick random -n 5 --dispersion d.npy".split()
SECONDS = 240
"""After how long a command that should end at once has failed its test; a machine that was far too busy took 36."""

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(askew.__file__).parents[1])}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("d.npy", np.linspace(0, 1, 4000))
    return tmp_path


def askew_in(folder: Path, *arguments: str, after: str = "", **how: object) -> subprocess.CompletedProcess[str]:
    shown = " ".join(f"'{argument}'" for argument in arguments)
    command = f"'{sys.executable}' -m askew.cli.main {shown} {after}"
    options = {"cwd": folder, "env": ENVIRONMENT, "capture_output": True, "text": True, "timeout": SECONDS, **how}
    return subprocess.run(["sh", "-c", command], **options)  # type: ignore[call-overload, no-any-return]


def is_one_line(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 2
    assert done.stderr.startswith("askew: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize("arguments", [PICK, [*PICK[:3], "3000", *PICK[4:]], ["strategies"], ["--help"], ["--version"]])
def test_output_to_a_full_disk_is_one_line(folder: Path, arguments: list[str]) -> None:
    for unbuffered in ("", "1"):
        environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered}
        is_one_line(askew_in(folder, *arguments, after=">/dev/full", env=environment), "No space left on device")


def test_a_closed_output_is_one_line_before_any_work(folder: Path) -> None:
    is_one_line(askew_in(folder, *PICK, "--out", "o.csv", after=">&-"), "standard output is closed")
    assert sorted(p.name for p in folder.iterdir()) == ["d.npy"]


def test_closed_or_full_errors_do_not_hide_the_status(folder: Path) -> None:
    for after in ("2>&-", "2>/dev/full"):
        done = askew_in(folder, "pick", "random", "-n", "5", after=after)
        assert (done.returncode, done.stdout) == (2, "")


def test_a_reader_that_has_enough_is_no_error(folder: Path) -> None:
    done = askew_in(folder, *PICK[:3], "4000", *PICK[4:], after="| head -1")
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


@pytest.mark.parametrize("out", [".", "none/o.csv", "x" * 300 + ".csv", "d.npy/o.csv"])
def test_places_that_cannot_be_written_are_one_line(folder: Path, out: str) -> None:
    (folder / "folder.csv").mkdir()
    is_one_line(askew_in(folder, *PICK, "--out", "folder.csv" if out == "." else out), "")
    assert sorted(p.name for p in folder.iterdir()) == ["d.npy", "folder.csv"]


def test_a_disk_that_fills_up_leaves_the_old_file_and_no_part(folder: Path) -> None:
    (folder / "o.csv").write_text("before")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    many = [*PICK[:3], "3000", *PICK[4:]]
    is_one_line(askew_in(folder, *many, "--out", "o.csv", preexec_fn=limit), "File too large")
    assert (folder / "o.csv").read_text() == "before"
    assert sorted(p.name for p in folder.iterdir()) == ["d.npy", "o.csv"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_that_a_filling_disk_cuts_is_no_success(folder: Path, unbuffered: str) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered}
    done = askew_in(folder, *PICK[:3], "3000", *PICK[4:], after="> o.txt", env=environment, preexec_fn=limit)
    is_one_line(done, "File too large")


def test_every_letter_can_be_printed_in_any_encoding(folder: Path) -> None:
    done = askew_in(folder, "pick", "--help", env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u03bb" in done.stdout  # λ


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "runs/a"), "askew: runs/a: No space left on device\n"),
        (MemoryError("Unable to allocate 9.\nTiB"), "askew: not enough memory: Unable to allocate 9. TiB: "),
        (MemoryError(), "askew: not enough memory: take"),
    ],
)
def test_what_a_command_could_not_do_is_one_line(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(pick, "call", fail)
    assert main(PICK) == 2
    assert capsys.readouterr().err.startswith(words)


AT_WORK = """
import sys, tempfile, time
from askew.cli import main, pick

def call(arguments):
    with tempfile.TemporaryDirectory(dir="."):
        print("ready", flush=True)
        time.sleep(600)

pick.call = call
sys.exit(main.main(["pick", "random", "-n", "5"]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_process_that_is_told_to_end_leaves_nothing_behind(folder: Path, number: int, status: int) -> None:
    run = [sys.executable, "-c", AT_WORK]
    with subprocess.Popen(run, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == status
    assert b"Traceback" not in said
    assert sorted(p.name for p in folder.iterdir()) == ["d.npy"]


def test_handlers_of_signals_are_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert main(["strategies"]) == 0
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("usage: askew")
    assert "pick the items to label next" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], "askew: unknown command 'rnu': did you mean 'run'? known: "),
        (["video", "erors"], "askew video: unknown command 'erors': did you mean 'errors'? known: errors, pick"),
        ([*PICK, "--balance-by", "prbs"], "unknown --balance-by 'prbs': did you mean 'probs'?"),
    ],
)
def test_a_misspelt_word_is_told_the_nearest(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in shown
    assert shown.count("\n") == 1
