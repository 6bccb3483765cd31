"""The screen of a running experiment: a line a run, and how long the rest will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from askew.experiment.config import ExperimentConfig
from askew.experiment.grid import FULL, Job, is_finished
from askew.experiment.loop import Progress


class Screen:
    """Shows the runs at work; where there is no terminal, prints a line as each run ends."""

    def __init__(self, config: ExperimentConfig, jobs: Sequence[Job], out: Path) -> None:
        self._console = Console(stderr=True)
        self._cycles = {job: 1 if job.label == FULL else config.protocol.cycles for job in jobs}
        self._ended = {job for job in jobs if is_finished(config, out, job)}
        self._before = sum(self._cycles[job] for job in self._ended)
        self._cycles_done = 0
        self._cycles_dropped = 0
        self._now: dict[Job, Progress] = {}
        self._best: dict[Job, float] = {}
        self._start = time.monotonic()
        self._title = f"{config.name}: {len(jobs)} runs"
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._render, transient=True)

    def __enter__(self) -> Screen:
        if self._ended:
            self._console.print(f"{self._title}, {len(self._ended)} finished before")
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
        self._now[job] = progress
        if progress.accuracy is not None:
            self._best[job] = progress.accuracy
        if progress.phase == "done":
            self._cycles_done += 1

    def done(self, job: Job) -> None:
        """Takes note that a run ended."""
        last = self._now.pop(job, None)
        self._ended.add(job)
        if last is not None:  # of a run that failed, some cycles are not to come
            self._cycles_dropped += self._cycles[job] - last.cycle - (last.phase == "done")
        if not self._console.is_terminal and last is not None:
            accuracy = self._best.get(job)
            shown = "" if accuracy is None else f", accuracy {100 * accuracy:.1f}%"
            print(
                f"{len(self._ended)}/{len(self._cycles)} {job.label} seed {job.seed}: "
                f"{last.n_labeled} labels{shown}; {_left(self._seconds_left())}",
                file=sys.stderr,
                flush=True,
            )

    def _seconds_left(self) -> float | None:
        if self._cycles_done == 0:
            return None
        left = sum(self._cycles.values()) - self._before - self._cycles_done - self._cycles_dropped
        return (time.monotonic() - self._start) / self._cycles_done * left

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name, justify in (("run", "left"), ("seed", "right"), ("cycle", "right"), ("phase", "left")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        table.add_column("labels", justify="right")
        table.add_column("accuracy", justify="right")
        for job, p in list(self._now.items()):
            accuracy = self._best.get(job)
            phase = f"{p.phase} {100 * p.fraction:.0f}%" if p.phase == "fit" and p.fraction else p.phase
            shown = "" if accuracy is None else f"{100 * accuracy:.1f}%"
            table.add_row(job.label, str(job.seed), f"{p.cycle + 1}/{p.cycles}", phase, str(p.n_labeled), shown)
        total, through = sum(self._cycles.values()), self._before + self._cycles_done
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(self._title, style="bold"),
            ProgressBar(total=total, completed=through, width=30),
            f"{len(self._ended)}/{len(self._cycles)} runs",
            f"{_duration(time.monotonic() - self._start)} so far, {_left(self._seconds_left())}",
        )
        return Group(head, table)


def _left(seconds: float | None) -> str:
    return "time left unknown until a cycle ends" if seconds is None else f"about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
