"""The processes that work through a grid: one run each at a time, gone when the process that started them is."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

import numpy as np

from askew.arrays import Indices
from askew.data.dataset import Dataset
from askew.errors import AskewError, InputError
from askew.experiment.arrivals import Arrivals
from askew.experiment.config import DataConfig, ExperimentConfig, StrategyConfig
from askew.experiment.grid import FULL, Job, Place, cycles_of, is_finished, jobs_of
from askew.experiment.ledger import open_ledger
from askew.experiment.loop import Progress, Run, TruthOracle, Watch, run_cycles
from askew.experiment.tasks import arrivals_of, build_task, load_dataset, pool_and_initial
from askew.files import write_whole
from askew.learn.pseudo import PseudoLabeling

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""What the libraries below NumPy, torch and scikit-learn read when they are loaded; `files.n_cores` reads the first."""


TICK_SECONDS = 1.0
"""How long to wait for news of a worker before the screen is told that time goes on."""


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        mendable: the one line of an error that the caller can mend, or None.
        failure: the text of any error, or None.
        killed: whether its process died.
    """

    mendable: str | None = None
    failure: str | None = None
    killed: bool = False


KILLED = "killed"
"""The phase of a run whose process was killed, until it is tried again."""

Work = Callable[[ExperimentConfig, Place, Job, Watch], None]


def run_all(
    config: ExperimentConfig,
    place: Place,
    *,
    jobs: int = 1,
    watch: Watch = lambda _: None,
    done: Callable[[Job], None] = lambda _: None,
    tick: Callable[[], None] = lambda: None,
    work: Work | None = None,
) -> list[Job]:
    """Runs what is not finished yet, `jobs` runs at a time, and returns the runs that failed.

    A run whose process is killed is tried once more, after all others, which then take no memory from it. If it is
    killed again, it fails alone.

    Args:
        config: checked by `check`, its folder made by `prepared`.
        place: where the data is and results go.
        jobs: worker processes.
        watch: told of every phase of every run.
        done: called with a `Job` when it ends.
        tick: called every second or more often, as long as runs are at work.
        work: does one job in a worker; None is `run_job`.

    Raises:
        InputError: the first run that failed for a reason the caller can mend.
    """
    todo = [job for job in jobs_of(config) if not is_finished(config, place.out, job)]
    waiting, failed, killed = list(reversed(todo)), [], set()
    with environment(place.threads), _workers(min(jobs, len(todo)), config, place, work or run_job) as workers:
        for worker in workers:
            worker.give(waiting.pop())
        while busy := [worker for worker in workers if worker.job is not None]:
            tick()
            for worker in _heard(busy):
                news = worker.hear()
                if isinstance(news, Progress):
                    watch(news)
                    continue
                job = worker.take()
                if news.killed and job not in killed:
                    killed.add(job)
                    waiting.insert(0, job)
                    watch(Progress(job.label, job.seed, 0, cycles_of(config, job), KILLED, 0))
                else:
                    if news.failure is not None:
                        _write_failure(place.out / job.folder, news.failure)
                        failed.append(job)
                    done(job)
                if news.mendable is not None:
                    raise InputError(news.mendable)
                if waiting:
                    worker.give(waiting.pop())
    return failed


def _write_failure(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "failure.txt", text)


class _Worker:
    """A process and the line to it; a process that died is replaced when the next job is given."""

    def __init__(self, context: SpawnContext, config: ExperimentConfig, place: Place, work: Work) -> None:
        self._context, self._arguments = context, (config, place, work)
        self.job: Job | None = None
        self.process: SpawnProcess | None = None
        self.line: Connection | None = None

    def give(self, job: Job) -> None:
        if self.process is None or self.line is None:
            self.line, theirs = self._context.Pipe()
            self.process = self._context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
            self.process.start()
            theirs.close()
        self.job = job
        try:
            self.line.send(job)
        except OSError:  # it died between two jobs: `hear` finds out
            return

    def take(self) -> Job:
        job, self.job = self.job, None
        assert job is not None
        return job

    def hear(self) -> Progress | Ended:
        assert self.line is not None
        try:
            news: Progress | Ended = self.line.recv()
        except (EOFError, OSError):
            return Ended(failure=self._buried(), killed=True)
        return news

    def _buried(self) -> str:
        process, self.process, self.line = self.process, None, None
        assert process is not None
        process.join()
        code = process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        hint = ": too little memory? Take fewer --jobs" if code == -signal.SIGKILL else ""
        return f"The process of this run {how}, twice{hint}. The same askew run goes on from its last cycle.\n"

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()


def _heard(busy: list[_Worker]) -> list[_Worker]:
    lines = {worker.line: worker for worker in busy if worker.line is not None}
    return [lines[line] for line in wait(list(lines), TICK_SECONDS) if isinstance(line, Connection)]


@contextmanager
def _workers(n: int, config: ExperimentConfig, place: Place, work: Work) -> Iterator[list[_Worker]]:
    workers = [_Worker(multiprocessing.get_context("spawn"), config, place, work) for _ in range(n)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.end()


@contextmanager
def environment(threads: int) -> Iterator[None]:
    """Sets, for the processes started in the block, how many threads the libraries take; they read it when loaded."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(line: Connection, config: ExperimentConfig, place: Place, work: Work) -> None:
    """Does the jobs that come in, in a process of its own."""
    import torch

    torch.set_num_threads(place.threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    while True:
        try:
            job: Job = line.recv()
        except EOFError:
            return
        line.send(_done(config, place, job, work, line))


def _done(config: ExperimentConfig, place: Place, job: Job, work: Work, line: Connection) -> Ended:
    try:
        work(config, place, job, line.send)
    except AskewError as error:
        return Ended(str(error), traceback.format_exc())
    except Exception:  # noqa: BLE001  (whatever it is, it is written down, and the other runs go on)
        return Ended(failure=traceback.format_exc())
    return Ended()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


@functools.lru_cache(maxsize=1)
def _dataset(data: DataConfig, root: Path | None, skip_unreadable: bool) -> Dataset:
    return load_dataset(data, root=root, skip_unreadable=skip_unreadable)


def run_job(config: ExperimentConfig, place: Place, job: Job, watch: Watch) -> None:
    """Runs one job of the grid to its end, or on from where it stopped."""
    dataset = _dataset(config.data, place.root, place.skip_unreadable)
    items, initial = pool_and_initial(config, dataset, job.seed)
    task = build_task(config, dataset, items, device=place.device, trust=place.trust)
    folder = place.out / job.folder
    (folder / "failure.txt").unlink(missing_ok=True)
    arrivals = None if job.label == FULL else arrivals_of(config, dataset, items, initial, job.seed)
    run = run_of(config, job, initial, len(items), threads=place.threads, arrivals=arrivals)
    oracle = TruthOracle(task.truth)
    with open_ledger(folder, run.header()) as ledger:
        if run.pseudo_labels is None:
            run_cycles(task, run, ledger, oracle, watch)
        else:
            protocol = config.protocol
            taught = PseudoLabeling(task, run.pseudo_labels, initial=protocol.initial, budget=protocol.budget)
            run_cycles(taught, run, ledger, oracle, watch)


def run_of(
    config: ExperimentConfig,
    job: Job,
    initial: Indices,
    n_items: int,
    *,
    threads: int = 1,
    arrivals: Arrivals | None = None,
) -> Run:
    """Returns what a job of the grid is: a strategy's run, or one training on the whole pool.

    Args:
        initial: pool items labelled at the start.
        n_items: N, the size of the pool.
        arrivals: when each item arrives; None if all are there from the start.
    """
    if job.label == FULL:
        return Run(FULL, None, job.seed, np.arange(n_items), 0, 1, threads=threads)
    protocol, entry = config.protocol, _entry(config, job.label)
    return Run(
        label=job.label,
        plan=entry.plan(),
        seed=job.seed,
        initial=initial,
        budget=protocol.budget,
        cycles=protocol.cycles,
        warm_start=config.learner.warm_start or entry.pseudo is not None,
        threads=threads,
        pseudo_labels=entry.pseudo,
        arrivals=arrivals,
        carry=entry.carry,
    )


def _entry(config: ExperimentConfig, label: str) -> StrategyConfig:
    return next(s for s in config.strategies if s.name == label)
