"""What `askew run` prints where there is no terminal: an estimate, a line a minute, a line a run."""

from __future__ import annotations

import re
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
    # a cycle took 60 s, and of the 23 others two have run as long: 21 · 60 s are left, two at a time
    assert capsys.readouterr().err == (
        "2:00 so far: 0/6 runs ended; entropy seed 0 cycle 2/4 choosing, random seed 0 cycle 1/4 testing; "
        "about 10:30 left\n"
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
            work(shown, clock, Job("entropy", 0), cycle, 30)
        shown.tick()
    # 20 cycles are left: 600 s at 30 s each, 1000 s of the estimate's 1200 for 24; half and half after a run's 4 cycles
    assert capsys.readouterr().err.endswith("; about 13:20 left\n")


def work(shown: Screen, clock: Clock, job: Job, cycle: int, seconds: float) -> None:
    """Lets a cycle of a run pass."""
    shown.watch(Progress(job.label, job.seed, cycle, 4, "fit", 20))
    clock.seconds += seconds
    shown.watch(Progress(job.label, job.seed, cycle, 4, "done", 20))


@pytest.mark.parametrize("expected", [60.0, 240.0, 1000.0, None])
@pytest.mark.parametrize("slow", [(0, 0), (0, 3), (2, 1)])
def test_the_time_left_does_not_jump_after_a_moment_of_load_or_a_wrong_estimate(
    tmp_path: Path,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    expected: float | None,
    slow: tuple[int, int],
) -> None:
    """Six runs of four cycles of 10 s, but one cycle takes 100 s: what is said is near to the truth, and falls."""
    said = []
    with screen(tmp_path, clock, expected) as shown:
        for number, job in enumerate(jobs_of(CONFIG)):
            for cycle in range(4):
                work(shown, clock, job, cycle, 100 if (number, cycle) == slow else 10)
            capsys.readouterr()
            shown.done(job)
            minutes, seconds = re.findall(r"about (\d+):(\d\d) left", capsys.readouterr().err)[0]
            said.append(60 * int(minutes) + int(seconds))
    assert said == sorted(said, reverse=True)
    assert said[-1] == 0
    for ended, seconds in enumerate(said, 1):  # the estimate's error counts as one run of those that ended and itself
        left = 40 * (6 - ended)
        wrong = 0.0 if expected is None else abs(expected / 240 - 1)
        assert seconds == pytest.approx(left, abs=left * wrong / (ended + 1) + 1), said


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
