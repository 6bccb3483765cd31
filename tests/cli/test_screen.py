"""What `askew run` prints where there is no terminal: an estimate, a line a minute, a line a run."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from askew.cli.screen import Screen
from askew.experiment.config import parse
from askew.experiment.grid import Job, jobs_of
from askew.experiment.loop import Progress
from askew.experiment.workers import KILLED

CONFIG = parse(
    {
        "name": "try",
        "data": {"source": "digits"},
        "protocol": {"initial": 20, "budget": 10, "cycles": 4, "seeds": 3},
        "strategies": ["entropy", "random"],
    },
    "here",
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def screen(out: Path, clock: Clock, expected: float | None = None) -> Screen:
    return Screen(CONFIG, jobs_of(CONFIG), out, expected_seconds=expected, clock=clock)


def test_a_line_a_minute_says_what_runs_and_how_much_is_left(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(tmp_path, clock) as shown:
        shown.watch(Progress("entropy", 0, 0, 4, "fit", 20, fraction=0.25))
        for _ in range(59):
            clock.seconds += 1
            shown.tick()
        assert capsys.readouterr().err == ""
        clock.seconds += 1
        shown.tick()
        shown.tick()
        assert capsys.readouterr().err == (
            "1:00 so far: 0/6 runs ended; entropy seed 0 cycle 1/4 training 25%; time left unknown until a cycle ends\n"
        )
        shown.watch(Progress("entropy", 0, 0, 4, "done", 20, 0.5))
        shown.watch(Progress("entropy", 0, 1, 4, "query", 30, 0.5))
        shown.watch(Progress("random", 0, 0, 4, "evaluate", 20))
        clock.seconds += 60
        shown.tick()
    # one cycle of 24 in 120 s: 23 more take 2760 s
    assert capsys.readouterr().err == (
        "2:00 so far: 0/6 runs ended; entropy seed 0 cycle 2/4 choosing, random seed 0 cycle 1/4 testing; "
        "about 46:00 left\n"
    )


def test_a_line_of_a_run_that_ended_counts_as_the_minutes_line(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(tmp_path, clock) as shown:
        shown.watch(Progress("entropy", 0, 3, 4, "done", 50, 0.875))
        clock.seconds += 50
        shown.done(Job("entropy", 0))
        clock.seconds += 50
        shown.tick()
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(";")[0] for line in lines] == ["1/6 entropy seed 0: 50 labels, accuracy 87.5%"]
        clock.seconds += 10
        shown.tick()
    assert capsys.readouterr().err.startswith("1:50 so far: 1/6 runs ended; the next ones start; about ")


def test_many_runs_at_a_time_are_not_all_named(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(tmp_path, clock) as shown:
        for job in jobs_of(CONFIG):
            shown.watch(Progress(job.label, job.seed, 0, 4, "predict", 20))
        clock.seconds += 60
        shown.tick()
    said = capsys.readouterr().err
    assert said.count("predicting") == 4
    assert " and 2 more; " in said


def test_the_estimate_is_said_first_and_gives_way_to_the_cycles_that_ended(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(tmp_path, clock, 1200.0) as shown:
        assert capsys.readouterr().err == ("try: 6 runs; about 20 min to go, estimated from a short timing here\n")
        clock.seconds += 60
        shown.tick()
        assert capsys.readouterr().err.endswith("; about 19:00 left\n")
        for cycle in range(4):
            for label in ("entropy", "random"):
                for seed in (0, 1, 2)[: 2 if cycle < 3 else 0]:
                    shown.watch(Progress(label, seed, cycle, 4, "done", 20))
        clock.seconds += 60
        shown.tick()
    # 12 of 24 cycles in 120 s leave 120 s, the estimate leaves 1080 s; half and half, since half of the cycles ended
    assert capsys.readouterr().err.endswith("; about 10:00 left\n")


def test_an_estimate_that_was_too_short_says_nothing(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(tmp_path, clock, 30.0) as shown:
        clock.seconds += 60
        shown.tick()
    assert "time left unknown until a cycle ends" in capsys.readouterr().err


def test_a_run_whose_process_was_killed_is_said_at_once(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen(tmp_path, clock) as shown:
        shown.watch(Progress("entropy", 0, 1, 4, "fit", 30))
        shown.watch(Progress("entropy", 0, 0, 4, KILLED, 0))
        assert capsys.readouterr().err == (
            "entropy seed 0: its process was killed; it is tried once more, after the others\n"
        )
        clock.seconds += 60
        shown.tick()
    assert "entropy" not in capsys.readouterr().err
