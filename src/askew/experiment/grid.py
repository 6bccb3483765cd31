"""Strategies × seeds: every run in a process of its own, all of one experiment in one folder.

    DIR/experiment.json                     what it is: configuration, versions, machine
    DIR/runs/<label>-seed<seed>/ledger.jsonl
    DIR/runs/<label>-seed<seed>/failure.txt  only if the run failed; removed when it is tried again
    DIR/thumbnails.npz                      small pictures of the first items each strategy asked

The same command goes on where an earlier one stopped; strategies and seeds may be added, the rest must be the same.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np

from askew.data.dataset import Dataset
from askew.errors import AskewError, InputError
from askew.experiment.config import ExperimentConfig, StrategyConfig
from askew.experiment.ledger import Ledger, open_ledger, read_ledger
from askew.experiment.loop import Progress, Run, Watch, run_cycles
from askew.pool import Pool
from askew.seeding import number
from askew.strategies.registry import get

FULL = "full"
"""The label of the run that trains on the whole pool."""

VERSIONED = ("askew", "numpy", "scipy", "torch", "torchvision", "timm", "scikit-learn")


@dataclass(frozen=True)
class Job:
    """One run of the grid: a strategy's label, or `FULL`, and a seed."""

    label: str
    seed: int

    @property
    def folder(self) -> str:
        """Where its ledger lies, below the experiment's folder."""
        return f"runs/{self.label}-seed{self.seed}"


@dataclass(frozen=True)
class Place:
    """Where a worker finds its data and computes."""

    out: Path
    root: Path | None = None
    skip_unreadable: bool = False
    device: str = "auto"
    threads: int = 1


def jobs_of(config: ExperimentConfig) -> list[Job]:
    """Lists the runs, seed by seed, so that an interrupted experiment has whole comparisons first."""
    labels = [s.name for s in config.strategies] + ([FULL] if config.protocol.full else [])
    return [Job(label, seed) for seed in config.protocol.seeds for label in labels]


def check(config: ExperimentConfig, dataset: Dataset, device: str = "auto") -> None:
    """Refuses, before anything is written, an experiment that could not be run to its end.

    Raises:
        InputError: more labels asked than the pool has, a strategy the learner cannot serve, a wrong training key.
    """
    from askew.experiment.tasks import build_learner, check_needs, pool_and_initial

    build_learner(config.learner, dataset.n_classes, device=device)
    for entry in config.strategies:
        check_needs(config.learner, get(entry.strategy).needs, entry.strategy)
        if entry.target is not None and len(entry.target) != dataset.n_classes:
            raise InputError(f"{entry.name}: target has {len(entry.target)} classes, the data has {dataset.n_classes}")
    asked = config.protocol.initial + config.protocol.budget * (config.protocol.cycles - 1)
    for seed in config.protocol.seeds:
        items, _ = pool_and_initial(config, dataset, seed)
        if asked > len(items):
            raise InputError(
                f"protocol: {asked} labels by the last cycle, but the pool of seed {seed} has {len(items)} items"
            )


def prepare(config: ExperimentConfig, dataset: Dataset, out: Path) -> None:
    """Makes the experiment's folder, or checks that the one there is of the same experiment.

    Raises:
        InputError: the folder holds something else.
    """
    from askew.experiment.tasks import pool_and_initial

    described = config.model_dump(mode="json")
    path = out / "experiment.json"
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        if _identity(there["config"]) != _identity(described):
            raise InputError(f"{out}: holds the experiment {there['name']!r} with other settings: choose another --out")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not empty and holds no experiment: choose another --out")
    record = {
        "name": config.name,
        "dataset": dataset.name,
        "classes": list(dataset.classes),
        "n_items": len(pool_and_initial(config, dataset, config.protocol.seeds[0])[0]),
        "n_test": len(dataset.test),
        "unreadable": [str(p) for p in dataset.unreadable],
        "config": described,
        "versions": versions(),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    out.mkdir(parents=True, exist_ok=True)
    _replace(path, json.dumps(record, indent=2))


def run_all(
    config: ExperimentConfig, place: Place, *, jobs: int = 1, watch: Watch = lambda _: None, done: Any = lambda _: None
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
    listener = threading.Thread(target=_listen, args=(events, watch), daemon=True)
    listener.start()
    failed: list[Job] = []
    todo = [job for job in jobs_of(config) if not is_finished(config, place.out, job)]
    with ProcessPoolExecutor(min(jobs, max(1, len(todo))), context, _start_worker, (events, place.threads)) as workers:
        futures = {workers.submit(_work, config, place, job): job for job in todo}
        pending = set(futures)
        while pending:
            ended, pending = wait(pending, return_when="FIRST_COMPLETED")
            for future in ended:
                job = futures[future]
                if _record_failure(future, place.out / job.folder):
                    failed.append(job)
                done(job)
            mendable = [f.exception() for f in ended if isinstance(f.exception(), AskewError)]
            if mendable:
                workers.shutdown(wait=False, cancel_futures=True)
                raise mendable[0]  # type: ignore[misc]
    events.put(None)
    listener.join()
    return failed


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the libraries that a result depends on."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Returns the processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def save_thumbnails(config: ExperimentConfig, dataset: Dataset, out: Path, per_strategy: int = 16) -> None:
    """Writes small pictures of the first items that each strategy asked with the first seed, for the report."""
    from askew.experiment.tasks import pool_and_initial

    seed = config.protocol.seeds[0]
    items, _ = pool_and_initial(config, dataset, seed)
    wanted: set[int] = set()
    for entry in config.strategies:
        path = out / Job(entry.name, seed).folder / "ledger.jsonl"
        if path.is_file():
            _, cycles = read_ledger(path)
            wanted.update(cycles[0]["asked"][:per_strategy] if cycles else [])
    if wanted:
        chosen = np.array(sorted(wanted))
        pixels = np.stack([dataset.train.thumbnail(int(items[i])) for i in chosen])
        part = out / "thumbnails.part.npz"
        np.savez_compressed(part, items=chosen, pixels=pixels)
        os.replace(part, out / "thumbnails.npz")


_events: Queue[Progress | None] | None = None


def _start_worker(events: Queue[Progress | None], threads: int) -> None:
    import torch

    global _events  # a pool's initializer has no other way to hand a queue to its tasks
    _events = events
    torch.set_num_threads(threads)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _listen(events: Queue[Progress | None], watch: Watch) -> None:
    while (event := events.get()) is not None:
        watch(event)


def _work(config: ExperimentConfig, place: Place, job: Job) -> None:
    from askew.experiment.tasks import build_task, load_dataset, pool_and_initial

    def watch(progress: Progress) -> None:
        if _events is not None:
            _events.put(progress)

    dataset = load_dataset(config.data, root=place.root, skip_unreadable=place.skip_unreadable)
    items, initial = pool_and_initial(config, dataset, job.seed)
    task = build_task(config, dataset, items, device=place.device)
    folder = place.out / job.folder
    (folder / "failure.txt").unlink(missing_ok=True)
    if job.label == FULL:
        _run_full(task, job, folder, watch)
        return
    entry = _entry(config, job.label)
    run = Run(
        label=job.label,
        strategy=get(entry.strategy),
        seed=job.seed,
        initial=initial,
        budget=config.protocol.budget,
        cycles=config.protocol.cycles,
        parameters=entry.parameters,
        balance=entry.as_balance(),
    )
    with open_ledger(folder, run.header()) as ledger:
        run_cycles(task, run, ledger, watch)


def _run_full(task: Any, job: Job, folder: Path, watch: Watch) -> None:
    header = {
        "run": {
            "label": FULL,
            "strategy": None,
            "parameters": {},
            "balance": None,
            "seed": job.seed,
            "cycles": 1,
            "budget": 0,
        }
    }
    header["run"]["initial"] = []
    with open_ledger(folder, header) as ledger:
        if not ledger.cycles:
            ledger.append(_full_cycle(task, job, ledger, watch))


def _full_cycle(task: Any, job: Job, _: Ledger, watch: Watch) -> dict[str, Any]:
    pool = Pool(task.truth)
    start = time.perf_counter()
    watch(Progress(FULL, job.seed, 0, 1, "fit", len(pool)))
    task.fit(
        pool,
        (),
        seed=number(job.seed, 0, "fit"),
        progress=lambda f: watch(Progress(FULL, job.seed, 0, 1, "fit", len(pool), None, f)),
    )
    fitted = time.perf_counter()
    metrics = task.evaluate()
    watch(Progress(FULL, job.seed, 0, 1, "done", len(pool), metrics["accuracy"]))
    return {
        "cycle": 0,
        "n_labeled": len(pool),
        "metrics": metrics,
        "asked": [],
        "asked_labels": [],
        "labeled_counts": pool.counts(task.n_classes).tolist(),
        "asked_counts": [0] * task.n_classes,
        "l1_score": None,
        "balance": None,
        "seconds": {"fit": round(fitted - start, 4), "evaluate": round(time.perf_counter() - fitted, 4)},
    }


def _entry(config: ExperimentConfig, label: str) -> StrategyConfig:
    return next(s for s in config.strategies if s.name == label)


def is_finished(config: ExperimentConfig, out: Path, job: Job) -> bool:
    """Tells whether a run's ledger holds all of its cycles."""
    path = out / job.folder / "ledger.jsonl"
    if not path.is_file() or path.stat().st_size == 0:
        return False
    try:
        _, cycles = read_ledger(path)
    except InputError:
        return False
    return len(cycles) == (1 if job.label == FULL else config.protocol.cycles)


def _record_failure(future: Future[None], folder: Path) -> bool:
    error = future.exception()
    if error is None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "failure.txt", "".join(traceback.format_exception(error)))
    return True


def _identity(config: dict[str, Any]) -> dict[str, Any]:
    protocol = {key: value for key, value in config["protocol"].items() if key not in ("seeds", "full")}
    return {"name": config["name"], "data": config["data"], "learner": config["learner"], "protocol": protocol}


def _replace(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def summary(config: ExperimentConfig, out: Path) -> Sequence[tuple[str, int, float]]:
    """Returns (label, labels, mean accuracy over seeds) at each run's last finished cycle, for the end of a command."""
    rows = []
    for label in dict.fromkeys(job.label for job in jobs_of(config)):
        ends = []
        for seed in config.protocol.seeds:
            path = out / Job(label, seed).folder / "ledger.jsonl"
            cycles = read_ledger(path)[1] if path.is_file() else []
            if cycles:
                ends.append((cycles[-1]["n_labeled"], cycles[-1]["metrics"]["accuracy"]))
        if ends:
            rows.append((label, max(n for n, _ in ends), float(np.mean([a for _, a in ends]))))
    return rows
