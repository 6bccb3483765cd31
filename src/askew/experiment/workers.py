"""The processes that work through a grid: one run each at a time, gone when the process that started them is."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from askew.arrays import Indices
from askew.data.dataset import Dataset
from askew.errors import AskewError
from askew.experiment.config import DataConfig, ExperimentConfig, StrategyConfig
from askew.experiment.grid import FULL, Job, Place, is_finished, jobs_of, replace_file
from askew.experiment.ledger import open_ledger
from askew.experiment.loop import Progress, Run, TruthOracle, Watch, run_cycles
from askew.experiment.tasks import build_task, load_dataset, pool_and_initial


def run_all(
    config: ExperimentConfig,
    place: Place,
    *,
    jobs: int = 1,
    watch: Watch = lambda _: None,
    done: Callable[[Job], None] = lambda _: None,
) -> list[Job]:
    """Runs what is not finished yet, `jobs` runs at a time, and returns the runs that failed.

    Args:
        config: checked by `check`, its folder made by `prepare`.
        place: where the data is and results go.
        jobs: worker processes.
        watch: told of every phase of every run.
        done: called with a `Job` when it ends.

    Raises:
        AskewError: the first run that failed for a reason the caller can mend.
    """
    context = multiprocessing.get_context("spawn")
    events: Queue[Progress | None] = context.Queue()
    stop = context.Event()
    listener = threading.Thread(target=_listen, args=(events, watch), daemon=True)
    listener.start()
    failed: list[Job] = []
    todo = [job for job in jobs_of(config) if not is_finished(config, place.out, job)]
    n_workers = min(jobs, max(1, len(todo)))
    with ProcessPoolExecutor(n_workers, context, _start_worker, (events, stop, place.threads)) as workers:
        futures = {workers.submit(_work, config, place, job): job for job in todo}
        pending = set(futures)
        try:
            while pending:
                ended, pending = wait(pending, return_when="FIRST_COMPLETED")
                for future in ended:
                    if _record_failure(future, place.out / futures[future].folder):
                        failed.append(futures[future])
                    done(futures[future])
                _raise_mendable(ended)
        finally:
            if pending:
                stop.set()
    events.put(None)
    listener.join()
    return failed


_events: Queue[Progress | None] | None = None


def _start_worker(events: Queue[Progress | None], stop: Event, threads: int) -> None:
    import torch

    global _events  # a pool's initializer has no other way to hand a queue to its tasks
    _events = events
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which says `stop`
    for gone in (stop.wait, _parent_gone):
        threading.Thread(target=_exit_after, args=(gone,), daemon=True).start()


def _parent_gone() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()


def _exit_after(gone: Callable[[], object]) -> None:
    gone()
    os._exit(1)


def _raise_mendable(ended: set[Future[None]]) -> None:
    for future in ended:
        error = future.exception()
        if isinstance(error, AskewError):
            raise error


def _listen(events: Queue[Progress | None], watch: Watch) -> None:
    while (event := events.get()) is not None:
        watch(event)


@functools.lru_cache(maxsize=1)
def _dataset(data: DataConfig, root: Path | None, skip_unreadable: bool) -> Dataset:
    return load_dataset(data, root=root, skip_unreadable=skip_unreadable)


def _work(config: ExperimentConfig, place: Place, job: Job) -> None:

    def watch(progress: Progress) -> None:
        if _events is not None:
            _events.put(progress)

    dataset = _dataset(config.data, place.root, place.skip_unreadable)
    items, initial = pool_and_initial(config, dataset, job.seed)
    task = build_task(config, dataset, items, device=place.device)
    folder = place.out / job.folder
    (folder / "failure.txt").unlink(missing_ok=True)
    run = run_of(config, job, initial, len(items), threads=place.threads)
    with open_ledger(folder, run.header()) as ledger:
        run_cycles(task, run, ledger, TruthOracle(task.truth), watch)


def run_of(config: ExperimentConfig, job: Job, initial: Indices, n_items: int, *, threads: int = 1) -> Run:
    """Returns what a job of the grid is: a strategy's run, or one training on the whole pool.

    Args:
        initial: pool items labelled at the start.
        n_items: N, the size of the pool.
    """
    if job.label == FULL:
        return Run(FULL, None, job.seed, np.arange(n_items), 0, 1, threads=threads)
    protocol = config.protocol
    return Run(
        label=job.label,
        plan=_entry(config, job.label).plan(),
        seed=job.seed,
        initial=initial,
        budget=protocol.budget,
        cycles=protocol.cycles,
        warm_start=config.learner.warm_start,
        threads=threads,
    )


def _entry(config: ExperimentConfig, label: str) -> StrategyConfig:
    return next(s for s in config.strategies if s.name == label)


def _record_failure(future: Future[None], folder: Path) -> bool:
    error = future.exception()
    if error is None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / "failure.txt", "".join(traceback.format_exception(error)))
    return True
