"""Strategies × seeds: the runs of an experiment, and the one folder that holds them.

    DIR/experiment.json                     what it is: configuration, versions, machine
    DIR/runs/<label>-seed<seed>/ledger.jsonl
    DIR/runs/<label>-seed<seed>/failure.txt  only if the run failed; removed when it is tried again
    DIR/thumbnails.npz                      small pictures of the first items each strategy asked

The same command goes on where an earlier one stopped; strategies and seeds may be added, the rest must be the same.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from askew.data.dataset import Dataset
from askew.errors import InputError
from askew.experiment.config import ExperimentConfig
from askew.experiment.ledger import begun, read_ledger
from askew.experiment.provenance import processor, versions
from askew.experiment.tasks import build_learner, check_needs, pool_and_initial
from askew.strategies.registry import get

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
    replace_file(path, json.dumps(record, indent=2))


def save_thumbnails(config: ExperimentConfig, dataset: Dataset, out: Path, per_strategy: int = 16) -> None:
    """Writes small pictures of the first items that each strategy asked with the first seed, for the report."""
    seed = config.protocol.seeds[0]
    items, _ = pool_and_initial(config, dataset, seed)
    wanted: set[int] = set()
    for entry in config.strategies:
        path = out / Job(entry.name, seed).folder / "ledger.jsonl"
        if begun(path):
            _, cycles = read_ledger(path)
            wanted.update(cycles[0].asked[:per_strategy] if cycles else [])
    if wanted:
        chosen = np.array(sorted(wanted))
        pixels = np.stack([dataset.train.thumbnail(int(items[i])) for i in chosen])
        part = out / "thumbnails.part.npz"
        np.savez_compressed(part, items=chosen, pixels=pixels)
        os.replace(part, out / "thumbnails.npz")


def is_finished(config: ExperimentConfig, out: Path, job: Job) -> bool:
    """Tells whether a run's ledger holds all of its cycles."""
    path = out / job.folder / "ledger.jsonl"
    if not begun(path):
        return False
    try:
        _, cycles = read_ledger(path)
    except InputError:
        return False
    return len(cycles) == (1 if job.label == FULL else config.protocol.cycles)


def _identity(config: dict[str, Any]) -> dict[str, Any]:
    protocol = {key: value for key, value in config["protocol"].items() if key not in ("seeds", "full")}
    return {"name": config["name"], "data": config["data"], "learner": config["learner"], "protocol": protocol}


def replace_file(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
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
            cycles = read_ledger(path)[1] if begun(path) else ()
            if cycles:
                ends.append((cycles[-1].n_labeled, cycles[-1].metrics["accuracy"]))
        if ends:
            rows.append((label, max(n for n, _ in ends), float(np.mean([a for _, a in ends]))))
    return rows
