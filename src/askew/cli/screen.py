"""The screen of a running experiment: what each run does, and how long the rest will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from askew.cli.dry_run import about, several
from askew.cli.pace import Spent, seconds_left
from askew.experiment.config import ExperimentConfig
from askew.experiment.grid import Job, cycles_done, cycles_of, is_finished
from askew.experiment.loop import Progress
from askew.experiment.workers import KILLED

LINE_SECONDS = 60.0
"""How often a line is printed where there is no terminal."""

PHASES = {"fit": "training", "evaluate": "testing", "predict": "predicting", "query": "choosing", "done": "chosen"}
"""What the phases of a cycle are called on the screen."""

MOST_NAMED = 4
"""How many runs a line names."""


class Screen:
    """Shows the runs at work; where there is no terminal, prints a line a minute and one as each run ends.

    Args:
        config, jobs, out: the experiment, its runs and its folder.
        expected_seconds: what the runs were estimated to take; until cycles have ended, nothing else is known.
        clock: tells seconds.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        jobs: Sequence[Job],
        out: Path,
        *,
        expected_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = Console(stderr=True)
        self._clock, self._expected = clock, expected_seconds
        self._cycles = {job: cycles_of(config, job) for job in jobs}
        self._ended = {job for job in jobs if is_finished(config, out, job)}
        self._rest = {job: range(cycles_done(out, job), n) for job, n in self._cycles.items() if job not in self._ended}
        self._planned = self._cycles_left()
        self._spent: list[Spent] = []
        self._began: dict[Job, tuple[int, float]] = {}
        self._at_once = 1
        self._now: dict[Job, Progress] = {}
        self._best: dict[Job, float] = {}
        self._start = self._last_line = clock()
        self._title = f"{config.name}: {several(len(jobs), 'run')}"
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._render, transient=True)

    def __enter__(self) -> Screen:
        before = f", {len(self._ended)} finished before" if self._ended else ""
        if self._expected:
            self._print(f"{self._title}{before}; {about(self._expected)} to go, estimated from a short timing here")
        elif before:
            self._print(f"{self._title}{before}")
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def watch(self, progress: Progress) -> None:
        """Takes news of a run."""
        job = Job(progress.label, progress.seed)
        if progress.phase == KILLED:
            self._now.pop(job, None)
            self._began.pop(job, None)
            self._print(f"{job.label} seed {job.seed}: its process was killed; it is tried once more, after the others")
            return
        self._now[job] = progress
        self._at_once = max(self._at_once, len(self._now))
        if self._began.get(job, (-1, 0.0))[0] != progress.cycle:
            self._began[job] = progress.cycle, self._clock()
        if progress.accuracy is not None:
            self._best[job] = progress.accuracy
        if progress.phase == "done" and job in self._rest:
            _, began = self._began.pop(job)
            self._spent.append(Spent(job.label, progress.cycle, self._clock() - began))
            self._rest[job] = range(progress.cycle + 1, self._cycles[job])
            self._began[job] = progress.cycle + 1, self._clock()

    def done(self, job: Job) -> None:
        """Takes note that a run ended."""
        last = self._now.pop(job, None)
        self._ended.add(job)
        self._rest.pop(job, None)
        self._began.pop(job, None)
        if not self._console.is_terminal and last is not None:
            accuracy = self._best.get(job)
            shown = "" if accuracy is None else f", accuracy {100 * accuracy:.1f}%"
            self._print(
                f"{len(self._ended)}/{len(self._cycles)} {job.label} seed {job.seed}: "
                f"{last.n_labeled} labels{shown}; {_left(self._seconds_left())}"
            )

    def tick(self) -> None:
        """Is called about every second; without a terminal it prints where the runs are if nothing was for a minute."""
        if self._console.is_terminal or self._clock() - self._last_line < LINE_SECONDS:
            return
        now = [f"{job.label} seed {job.seed} {_where(progress)}" for job, progress in self._now.items()]
        more = f" and {len(now) - MOST_NAMED} more" if len(now) > MOST_NAMED else ""
        self._print(
            f"{_duration(self._clock() - self._start)} so far: {len(self._ended)}/{len(self._cycles)} runs ended; "
            f"{', '.join(now[:MOST_NAMED]) or 'the next ones start'}{more}; {_left(self._seconds_left())}"
        )

    def _print(self, line: str) -> None:
        self._last_line = self._clock()
        if self._console.is_terminal:
            self._console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def _cycles_left(self) -> int:
        return sum(map(len, self._rest.values()))

    def _seconds_left(self) -> float | None:
        """By what was estimated first, which counts as much as one run's cycles, and by the cycles that ended."""
        gone = self._clock() - self._start
        if not self._spent:
            return None if self._expected is None or gone > self._expected else self._expected - gone
        under_way = {job: self._clock() - began for job, (_, began) in self._began.items() if job in self._now}
        paced = seconds_left(self._rest, under_way, self._spent, min(self._at_once, len(self._rest)))
        if self._expected is None:
            return paced
        estimated = self._expected * self._cycles_left() / max(1, self._planned)
        share = len(self._spent) / (len(self._spent) + max(self._cycles.values()))
        return share * paced + (1 - share) * estimated

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name, justify in (("run", "left"), ("seed", "right"), ("cycle", "right"), ("phase", "left")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("labels", justify="right")
        table.add_column("accuracy", justify="right")
        for job, p in list(self._now.items()):
            accuracy = self._best.get(job)
            shown = "" if accuracy is None else f"{100 * accuracy:.1f}%"
            table.add_row(job.label, str(job.seed), f"{p.cycle + 1}/{p.cycles}", _phase(p), str(p.n_labeled), shown)
        total = sum(self._cycles.values())
        through = total - self._cycles_left()
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(self._title, style="bold"),
            ProgressBar(total=total, completed=through, width=30),
            f"{len(self._ended)}/{len(self._cycles)} runs",
            f"{_duration(self._clock() - self._start)} so far, {_left(self._seconds_left())}",
        )
        return Group(head, table)


def _where(progress: Progress) -> str:
    return f"cycle {progress.cycle + 1}/{progress.cycles} {_phase(progress)}"


def _phase(progress: Progress) -> str:
    name = PHASES.get(progress.phase, progress.phase)
    return f"{name} {100 * progress.fraction:.0f}%" if progress.phase == "fit" and progress.fraction else name


def _left(seconds: float | None) -> str:
    return "time left unknown until a cycle ends" if seconds is None else f"about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
