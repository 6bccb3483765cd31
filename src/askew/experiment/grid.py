"""Strategies × seeds: the runs of an experiment, and the one folder that holds them.

    DIR/experiment.json                     what it is: configuration, threads, versions, machine
    DIR/runs/<label>-seed<seed>/ledger.jsonl
    DIR/runs/<label>-seed<seed>/failure.txt  only if the run failed; removed when it is tried again
    DIR/thumbnails.npz                      small pictures of the first items each strategy asked
    DIR/lock                                held while `askew run` works in the folder

The same command goes on where an earlier one stopped; strategies and seeds may be added, the rest must be the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from askew.data.dataset import Dataset
from askew.errors import InputError
from askew.experiment import about
from askew.experiment.about import About, read_about
from askew.experiment.config import ExperimentConfig, StrategyConfig
from askew.experiment.ledger import Cycle, Header, begun, complete, read_ledger
from askew.experiment.tasks import arrivals_of, build_learner, pool_and_initial, try_learner
from askew.files import sweep, whole_file
from askew.learn.learner import Learner
from askew.learn.task import fields_of
from askew.learn.vaal import LIKENESS
from askew.plan import Plan
from askew.recorders import RECORDINGS
from askew.strategies.registry import strategies

try:
    import fcntl
except ImportError:  # Windows has no fcntl: there two processes on one folder are the user's to avoid
    fcntl = None  # type: ignore[assignment]

FULL = "full"
"""The label of the run that trains on the whole pool."""


@dataclass(frozen=True)
class Job:
    """One run of the grid: a strategy's label, or `FULL`, and a seed."""

    label: str
    seed: int

    @property
    def folder(self) -> str:
        """Where its ledger lies, below the experiment's folder."""
        return f"runs/{self.label}-seed{self.seed}"

    def ledger(self, out: Path) -> Path:
        """Returns its ledger's file below the experiment's folder `out`."""
        return out / self.folder / "ledger.jsonl"


@dataclass(frozen=True)
class Place:
    """Where a worker finds its data and computes, and whether it may import an estimator from anywhere."""

    out: Path
    root: Path | None = None
    skip_unreadable: bool = False
    device: str = "auto"
    threads: int = 1
    trust: bool = False


def jobs_of(config: ExperimentConfig) -> list[Job]:
    """Lists the runs, seed by seed, so that an interrupted experiment has whole comparisons first."""
    labels = [s.name for s in config.strategies] + ([FULL] if config.protocol.full else [])
    return [Job(label, seed) for seed in config.protocol.seeds for label in labels]


def check(config: ExperimentConfig, dataset: Dataset, device: str = "auto", *, trust: bool = False) -> None:
    """Refuses, before anything is written, an experiment that could not be run to its end.

    Args:
        trust: import and call the learner's estimator also from outside scikit-learn.

    Raises:
        InputError: more labels asked than a pool has, a strategy that the learner or the data cannot serve, a learner
            that cannot be made or, if it is an estimator, cannot learn the first initial set.
    """
    protocol = config.protocol
    asked = protocol.initial + protocol.budget * (protocol.cycles - 1)
    for seed in protocol.seeds:
        items, initial = pool_and_initial(config, dataset, seed)
        if asked > len(items):
            raise InputError(
                f"protocol: {asked} labels by the last cycle, but the pool of seed {seed} has {len(items)} items"
            )
        arrivals_of(config, dataset, items, initial, seed)
        for entry in config.strategies:
            pseudo = 0 if entry.pseudo is None else entry.pseudo.count(len(items)) or 0
            if asked + pseudo > len(items):
                raise InputError(
                    f"{entry.name}: {asked} labels by the last cycle and {pseudo} pseudo-labels are more than the "
                    f"{len(items)} items of the pool of seed {seed}: take a smaller share"
                )
    items, initial = pool_and_initial(config, dataset, protocol.seeds[0])
    learner = build_learner(config.learner, dataset.n_classes, device=device, trust=trust)
    for entry in config.strategies:
        plan = entry.plan()
        try:
            if entry.pseudo is not None and entry.pseudo.models == "two" and entry.pseudo.certainty in RECORDINGS:
                _check_recorded("pseudo_labels", entry.pseudo.certainty, learner)
            if not isinstance(plan, Plan):
                continue
            for name in plan.needs:
                _check_recorded(plan.strategy.name, name, learner)
            plan.check(fields_of(learner), dataset.n_classes)
        except InputError as error:
            raise InputError(f"{entry.name}: {error}") from error
    try_learner(config.learner, learner, dataset, items[initial])


def _check_recorded(reader: str, name: str, learner: Learner) -> None:
    """Refuses to read what trainings record, such as dispersion, of a learner with too few epochs.

    Raises:
        InputError: the learner has too few; the message names those that have more.
    """
    least = RECORDINGS[name].epochs if name in RECORDINGS else 0
    if learner.epochs < least:
        has = f"epochs are {learner.epochs}" if learner.epochs else "training has no epochs"
        left_out = "the strategy out" if reader in strategies() else "it out"
        raise InputError(
            f"{reader} reads {name}, which is recorded over {least} epochs or more, and this "
            f'learner\'s {has}: train a backbone, or head = "linear" on features, for that many, or leave {left_out}'
        )


@contextmanager
def prepared(config: ExperimentConfig, dataset: Dataset, out: Path, *, threads: int | None = None) -> Iterator[int]:
    """Makes the experiment's folder, or checks that the one there is of the same experiment, and locks it for a while.

    A folder in which no run has finished a cycle is made anew: it holds nothing to lose.

    Args:
        threads: how many each run computes with; None takes what the folder says, or 1.

    Yields:
        The threads of a run.

    Raises:
        InputError: the folder holds something else, or another process works in it.
    """
    _check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        there = _with_results(out)
        n_threads = _checked_threads(config, there, out, threads)
        for place in (out, *(out / "runs").glob("*")):
            sweep(place)
        if there is None and (out / about.FILE).is_file():
            for path in (out / "runs").glob("*"):
                shutil.rmtree(path)
        described = About(
            name=config.name,
            dataset=dataset.name,
            classes=dataset.classes,
            n_items=len(pool_and_initial(config, dataset, config.protocol.seeds[0])[0]),
            n_test=len(dataset.test),
            config=config.model_dump(mode="json"),
            threads=n_threads,
            unreadable=tuple(str(path) for path in dataset.unreadable),
        )
        if there is not None:
            if all(is_finished(config, out, job) for job in jobs_of(config)):
                described = replace(described, versions=there.versions, machine=there.machine)
            described = described.after(there)
        described.write(out)
        yield n_threads


def check_folder(config: ExperimentConfig, out: Path, *, threads: int | None = None) -> int:
    """Returns the threads of a run in this folder, after all that `prepared` checks; writes nothing.

    Raises:
        InputError: the folder holds something else, another process works in it, or it cannot be made.
    """
    _check_folder(out)
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"{out}: cannot be written: {there} is {'locked' if there.is_dir() else 'a file'}")
    with _locked(out) if (out / LOCK).is_file() else nullcontext():
        return _checked_threads(config, _with_results(out), out, threads)


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: choose another --out")
    if out.is_dir() and not (out / about.FILE).is_file() and any(path.name != LOCK for path in out.iterdir()):
        raise InputError(f"{out}: is not empty and holds no experiment: choose another --out")


def _with_results(out: Path) -> About | None:
    """Returns what the folder's experiment is; None if none of its runs has finished a cycle."""
    there = read_about(out) if (out / about.FILE).is_file() else None
    return there if there is not None and _has_results(out) else None


def _checked_threads(config: ExperimentConfig, there: About | None, out: Path, threads: int | None) -> int:
    """Returns the threads of a run: those wanted, else those of the results that are there, else 1."""
    if there is not None:
        _check_same(there, config, out, threads)
    return threads if threads is not None else 1 if there is None else there.threads


def _check_same(there: About, config: ExperimentConfig, out: Path, threads: int | None) -> None:
    before, now = _identity(there.config), _identity(config.model_dump(mode="json"))
    shared = [key for key in before if key in now]
    differ = _differences({key: before[key] for key in shared}, {key: now[key] for key in shared})
    if differ:
        more = f"; and {len(differ) - 2} more" if len(differ) > 2 else ""
        raise InputError(
            f"{out}: holds the experiment {there.name!r} with other settings: {'; '.join(differ[:2])}{more}: choose "
            "another --out, or another name"
        )
    if threads is not None and threads != there.threads:
        plural = "" if there.threads == 1 else "s"
        raise InputError(
            f"{out}: its runs compute with {there.threads} thread{plural}, not {threads}, and other threads give other "
            "picks: leave --threads out, or choose another --out"
        )
    _check_runs(config, out)


def _check_runs(config: ExperimentConfig, out: Path) -> None:
    """Refuses a configuration that leaves out a run of the folder, or means another strategy by a run's label."""
    plans = {entry.name: json.loads(json.dumps(_said(entry))) for entry in config.strategies}
    labels = {job.label for job in jobs_of(config)}
    left_out: list[str] = []
    for path in sorted((out / "runs").glob("*/ledger.jsonl")):
        header = _header(path)
        if header is None:
            continue
        if header.seed not in config.protocol.seeds or header.label not in labels:
            left_out.append(path.parent.name)
        elif header.label in plans:
            told = ("strategy", "parameters", "balance", "pseudo_labels", "carry")
            ran = {name: getattr(complete(header), name) for name in told}
            differ = _differences(ran, plans[header.label])
            if differ:
                raise InputError(
                    f"{out}: ran {header.label!r} with other settings: {'; '.join(differ)}: give the new one another "
                    "label, or choose another --out"
                )
    if left_out:
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        raise InputError(
            f"{out}: holds runs that this experiment leaves out: {', '.join(left_out[:3])}{more}: put their strategies "
            "and seeds back, choose another --out, or move their folders out of runs"
        )


def _said(entry: StrategyConfig) -> dict[str, Any]:
    """Returns what the header of an entry's runs says of it."""
    pseudo = None if entry.pseudo is None else entry.pseudo.record()
    return {**entry.plan().record(), "pseudo_labels": pseudo, "carry": entry.carry}


def _header(path: Path) -> Header | None:
    """Returns what a run is; None if it has not finished a cycle, or if its ledger is damaged, which is told later."""
    try:
        header, cycles = read_ledger(path) if begun(path) else (None, ())
    except InputError:
        return None
    return header if cycles else None


def _has_results(out: Path) -> bool:
    """Whether a run has finished a cycle; a ledger that cannot be read counts, so that nobody deletes it."""
    for path in (out / "runs").glob("*/ledger.jsonl"):
        try:
            if begun(path) and read_ledger(path)[1]:
                return True
        except InputError:
            return True
    return False


LOCK = "lock"


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    with open(out / LOCK, "a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(
                    f"{out}: another askew run works in this folder: wait for its end, or choose another --out"
                ) from error
        yield


def save_thumbnails(config: ExperimentConfig, dataset: Dataset, out: Path, per_strategy: int = 16) -> None:
    """Writes small pictures of the first items that each strategy asked with the first seed, and their file names."""
    seed = config.protocol.seeds[0]
    items, _ = pool_and_initial(config, dataset, seed)
    wanted: set[int] = set()
    for entry in config.strategies:
        path = Job(entry.name, seed).ledger(out)
        if begun(path):
            _, cycles = read_ledger(path)
            wanted.update(cycles[0].asked[:per_strategy] if cycles else [])
    if wanted:
        chosen = np.array(sorted(wanted))
        pixels = np.stack([dataset.train.thumbnail(int(items[i])) for i in chosen])
        called = dataset.train.names
        names = np.array([called[items[i]] if called else "" for i in chosen], dtype=np.str_)
        with whole_file(out / "thumbnails.npz") as draft, draft.open("wb") as file:
            np.savez_compressed(file, items=chosen, pixels=pixels, names=names)


def is_finished(config: ExperimentConfig, out: Path, job: Job) -> bool:
    """Tells whether a run's ledger holds all of its cycles."""
    cycles = _measured(out, job)
    return len(cycles) == cycles_of(config, job) and not cycles[-1].waiting


def cycles_of(config: ExperimentConfig, job: Job) -> int:
    """Returns how many cycles a run has."""
    return 1 if job.label == FULL else config.protocol.cycles


def cycles_done(out: Path, job: Job) -> int:
    """Returns how many cycles a run's ledger holds; 0 if there is none, or none that can be read."""
    return len(_measured(out, job))


def _measured(out: Path, job: Job) -> Sequence[Cycle]:
    path = job.ledger(out)
    try:
        return read_ledger(path)[1] if begun(path) else ()
    except InputError:
        return ()


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that all runs of a folder share; those of vaal only where a strategy depends on them."""
    sections = {name: config.get(name) for name in ("name", "data", "learner", "protocol", "pool")}
    protocol = sections["protocol"]
    if isinstance(protocol, dict):
        sections["protocol"] = {key: value for key, value in protocol.items() if key not in ("seeds", "full")}
    readers = [name for name, entry in strategies().items() if LIKENESS in entry.needs]
    if any(entry.get("strategy") in readers for entry in config.get("strategies", ())):
        own = config.get("vaal") or {}
        sections["vaal"] = {"preset": "desk", **{key: value for key, value in own.items() if value is not None}}
    return sections


def _differences(there: object, here: object, where: str = "") -> list[str]:
    """Lists the settings that differ, such as `protocol.budget is 10 there and 11 here`."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        keys = dict.fromkeys([*there, *here])
        return [
            line
            for key in keys
            for line in _differences(there.get(key), here.get(key), f"{where}.{key}" if where else str(key))
        ]
    return [] if there == here else [f"{where} is {_setting(there)} there and {_setting(here)} here"]


def _setting(value: object) -> str:
    return "left out" if value is None else f"{json.dumps(value, ensure_ascii=False):.60}"


def failure(out: Path, job: Job) -> str:
    """Returns one line about a run that failed: its reason, and the file with the whole of it."""
    path = out / job.folder / "failure.txt"
    reason = (path.read_text(encoding="utf-8").strip().splitlines() or ["no reason is known"])[-1]
    return f"{job.label} seed {job.seed} failed: {reason} (all of it: {path})"


@dataclass(frozen=True)
class Line:
    """What a label reached.

    Attributes:
        label: of the strategy, or `FULL`.
        n_labeled: the largest number of labels that all of its runs with a finished cycle have been measured at.
        accuracy: their mean there.
        n_seeds: how many they are.
    """

    label: str
    n_labeled: int
    accuracy: float
    n_seeds: int


def summary(config: ExperimentConfig, out: Path) -> Sequence[Line]:
    """Returns what each label reached, for the end of a command; no mean mixes label counts."""
    lines = []
    for label in dict.fromkeys(job.label for job in jobs_of(config)):
        paths = [Job(label, seed).ledger(out) for seed in config.protocol.seeds]
        runs = [cycles for path in paths if begun(path) and (cycles := read_ledger(path)[1])]
        measured = [{c.n_labeled: c.metrics["accuracy"] for c in cycles if "accuracy" in c.metrics} for cycles in runs]
        common = set.intersection(*map(set, measured)) if measured else set()
        if common:
            last = max(common)
            lines.append(Line(label, last, float(np.mean([one[last] for one in measured])), len(measured)))
    return lines
