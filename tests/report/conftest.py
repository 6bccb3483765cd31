"""Made-up experiments on disk, in the form that `askew run` writes, for the reports to read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.experiment.ledger import Cycle, Header, open_ledger

NAMES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

STRENGTH = {
    "random": 0.0,
    "entropy": 0.012,
    "entropy+balance": 0.03,
    "entropy+pseudo-label": 0.015,
    "margin": 0.022,
    "dispersion": 0.018,
    "kcenter": 0.004,
    "kcenter+balance": 0.012,
    "bald": 0.014,
}
"""How many points of accuracy above random a made-up strategy is at the end."""


def split(label: str) -> tuple[str, dict[str, Any] | None]:
    name, _, how = label.partition("+")
    by = "predicted" if how == "pseudo-label" else "probs"
    return name, ({"weight": 0.6, "by": by, "distance": "l1", "target": None} if how else None)


def header(label: str, seed: int, cycles: int, budget: int, **changed: Any) -> Header:
    name, balance = split(label)
    full = label == "full"
    given = {"strategy": None if full else name, "balance": balance, "initial": () if full else tuple(range(budget))}
    return Header(label=label, seed=seed, cycles=cycles, budget=budget, **(given | changed))


def cycles_of(
    label: str, seed: int, cycles: int, budget: int, n_classes: int, strength: float, noise: float
) -> list[Cycle]:
    shared = np.random.default_rng([seed, 1])
    own = np.random.default_rng([seed, 2, *label.encode()])
    seed_effect = shared.normal(0, 0.008)
    tail = np.where(np.arange(n_classes) % 2, 0.35, 1.0)
    mix = 0.85 * np.ones(n_classes) + 0.15 * tail if "+" in label else tail ** (0.6 if label != "random" else 1.0)
    labeled = np.full(n_classes, 2 * budget // n_classes)
    free = own.permutation(np.arange(budget, budget + 2000))
    found = []
    for k in range(cycles):
        rise = 1 - np.exp(-k / 2.5)
        start = shared.normal(0, noise) if k == 0 else own.normal(0, noise)
        accuracy = 0.74 + 0.11 * (1 - np.exp(-k / 4)) + strength * rise + seed_effect + start
        asked = np.zeros(n_classes, dtype=int) if k == cycles - 1 else own.multinomial(budget, mix / mix.sum())
        curve = None
        if "+balance" in label and k == 0:
            weights = [0.0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0]
            curve = {"weights": weights, "losses": [float(40 + 160 * np.exp(-6 * w)) for w in weights]}
        balance = {"weight": 0.6, "objective": -120.5, "bound": -120.51, "gap": 1e-4, "l1_score": 0.2, "curve": curve}
        fit = 8.0 + k + own.random()
        seconds = {
            "fit": fit,
            "predict": 3.0 if split(label)[0] == "bald" else 0.7,
            "query": 0.2 if "+" in label else 0.02,
            "evaluate": 0.4,
        }
        found.append(
            Cycle(
                number=k,
                n_labeled=int(labeled.sum()),
                metrics={"accuracy": float(accuracy), "balanced_accuracy": float(accuracy - 0.01)},
                labeled_counts=tuple(labeled.tolist()),
                asked=tuple(free[k * budget : k * budget + int(asked.sum())].tolist()),
                asked_labels=tuple(np.repeat(np.arange(n_classes), asked).tolist()),
                seconds=seconds,
                balance=balance if "+" in label and k < cycles - 1 else None,
            )
        )
        labeled = labeled + asked
    return found


def write_run(folder: Path, head: Header, cycles: Sequence[Cycle]) -> Path:
    run = folder / "runs" / f"{head.label}-seed{head.seed}"
    with open_ledger(run, head) as ledger:
        for cycle in cycles:
            ledger.append(cycle)
    return run


def make_experiment(
    folder: Path,
    *,
    labels: Sequence[str] = tuple(STRENGTH),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    cycles: int = 8,
    budget: int = 100,
    n_classes: int = 10,
    noise: float = 0.004,
    strength: dict[str, float] = STRENGTH,
    full: bool = True,
    thumbnails: bool = True,
) -> Path:
    """Writes an experiment's folder with plausible curves and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = NAMES if n_classes == 10 else [f"class {i}" for i in range(n_classes)]
    about = {
        "name": "made-up",
        "dataset": "fashion-mnist",
        "classes": list(classes),
        "n_items": 10_000,
        "n_test": 10_000,
        "config": {
            "name": "made-up",
            "protocol": {"initial": 200, "budget": budget, "cycles": cycles},
            "strategies": labels,
        },
        "versions": {"askew": "0.1.0", "python": "3.11.9", "numpy": "2.1.0", "torch": "2.5.0"},
        "machine": {"processor": "a made-up one", "cores": 2},
        "created": "2025-01-01T00:00:00+00:00",
    }
    (folder / "experiment.json").write_text(json.dumps(about), encoding="utf-8")
    first_asked: list[int] = []
    for seed in seeds:
        for label in labels:
            found = cycles_of(label, seed, cycles, budget, n_classes, strength.get(label, 0.0), noise)
            write_run(folder, header(label, seed, cycles, budget), found)
            first_asked += found[0].asked[:16] if seed == seeds[0] else []
        if full:
            one = cycles_of("full", seed, 1, budget, n_classes, 0.0, noise)[0]
            metrics = {"accuracy": 0.915, "balanced_accuracy": 0.91}
            write_run(folder, header("full", seed, 1, 0), [dataclasses.replace(one, n_labeled=10_000, metrics=metrics)])
    if thumbnails:
        items = np.unique(first_asked)
        side = np.linspace(-1, 1, 28)
        blob = np.exp(-4 * (side[:, None] ** 2 + side[None, :] ** 2))
        pixels = (np.random.default_rng(0).integers(60, 255, (len(items), 1, 1, 3)) * blob[None, :, :, None]).astype(
            np.uint8
        )
        np.savez(folder / "thumbnails.npz", items=items, pixels=pixels)
    return folder


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Path]:
    """Returns a function that writes a made-up experiment and returns its folder; see `make_experiment`."""

    def make(name: str = "experiment", **settings: Any) -> Path:
        return make_experiment(tmp_path / name, **settings)

    return make


@pytest.fixture
def writer() -> Callable[..., Path]:
    """Returns the function that writes one run's ledger: (folder, header, cycles) -> the run's folder."""
    return write_run


@pytest.fixture
def head() -> Callable[..., Header]:
    """Returns the function that makes a ledger's header: (label, seed, cycles, budget), and fields to change."""
    return header


@pytest.fixture
def cut() -> Callable[[Path, int], None]:
    """Returns the function that cuts a ledger off after so many cycles, as a run that was stopped leaves it."""

    def cut_after(path: Path, cycles: int) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: 1 + 2 * cycles]))

    return cut_after
