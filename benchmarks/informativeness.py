"""Figures 3.4 and 3.5 of the thesis at desk scale on CIFAR-10, and dispersion as an out-of-distribution score.

    python benchmarks/informativeness.py --work DIR --data DIR            what is not measured yet, then the pages
    python benchmarks/informativeness.py --work DIR --pages               the pages of what is measured so far

The first is `askew analyse figure-3.4`; the second is the same with `--out-classes` and `--out-data`. Models are
measured one by one and kept in --work, so a run that was stopped goes on; Fig. 3.5 needs the first cycle alone, so that
comes first, for all seeds. Writes results/informativeness/: a page, figures, tables and the records.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from common import environment
from informativeness_page import page

from askew.data.load import load
from askew.experiment import analysis, foreign
from askew.experiment.analysis import Judged
from askew.experiment.config import ExperimentConfig
from askew.experiment.foreign import Told
from askew.experiment.study import read_single
from askew.experiment.tasks import load_dataset
from askew.files import whole_file
from askew.report import analysis as analysis_report
from askew.report import foreign as foreign_report

ROOT = Path(__file__).parent.parent
CLASSES = ("ship,truck", "cat,dog")
DATA = ("waste-photos.npz",)
OUT = ROOT / "results" / "informativeness"
FILES = (
    *("accuracy-of-top.svg", "accuracy-by-score-dispersion.svg", "out-of-distribution.svg"),
    *("accuracy-of-top.csv", "accuracy-by-score.csv", "errors.csv", "out-of-distribution.csv"),
)
"""What is copied beside the records."""


def one_seed(config: ExperimentConfig, seed: int) -> ExperimentConfig:
    """Returns the experiment with a single seed."""
    return config.model_copy(update={"protocol": config.protocol.model_copy(update={"seeds": [seed]})})


def keep(path: Path, one: Judged) -> None:
    """Writes what was measured of a model."""
    arrays = {f"top {label}": values for label, values in one.tops.items()}
    arrays |= {f"score {label}": values for label, values in one.scores.items()}
    about = np.array([one.seed, one.cycle, one.n_labeled])
    with whole_file(path) as draft, draft.open("wb") as file:
        np.savez_compressed(file, about=about, accuracy=one.accuracy, correct=one.correct, sizes=one.sizes, **arrays)


def kept(path: Path) -> Judged:
    """Reads what `keep` wrote."""
    with np.load(path) as found:
        seed, cycle, n_labeled = found["about"].tolist()
        named = {
            kind: {name[len(kind) + 1 :]: found[name] for name in found.files if name.startswith(f"{kind} ")}
            for kind in ("top", "score")
        }
        accuracy = float(found["accuracy"])
        return Judged(seed, cycle, n_labeled, accuracy, found["correct"], found["sizes"], named["top"], named["score"])


def measure(work: Path, root: Path) -> None:
    """Measures what is not there yet."""
    import torch

    torch.set_num_threads(1)
    config = read_single("figure-3.4", "desk")
    dataset = load_dataset(config.data, root=root)
    plans = analysis.plans_of(config.strategies)
    others = {name: load(name, root=root) for name in DATA}
    running: dict[int, Iterator[Judged]] = {}

    def cycle(seed: int, number: int) -> None:
        path = work / f"seed{seed}-cycle{number}.npz"
        if path.exists():
            return
        if seed not in running:  # the models before it are trained again if the run was stopped
            running[seed] = analysis.analyse(
                one_seed(config, seed), dataset, plans, cycles=config.protocol.cycles, leader=plans["dispersion"]
            )
        while (one := next(running[seed])).cycle < number:
            keep(work / f"seed{seed}-cycle{one.cycle}.npz", one)
        keep(path, one)
        print(path.name, one.accuracy, datetime.now().strftime("%H:%M:%S"), flush=True)

    def told(split: str, seed: int) -> None:
        path = work / f"seed{seed}-{split.replace(',', '+')}.json"
        if path.exists():
            return
        if split in others:
            mixed = foreign.mixed_with(config, dataset, others[split], seed)
        else:
            mixed = foreign.held_out(config, dataset, foreign.split_of(split, dataset.classes), seed)
        one = foreign.tell(config, mixed, foreign.SCORES, split, seed)
        path.write_text(json.dumps({**vars(one), "areas": dict(one.areas)}))
        print(path.name, dict(one.areas), datetime.now().strftime("%H:%M:%S"), flush=True)

    for seed in config.protocol.seeds:
        cycle(seed, 0)
    for seed in config.protocol.seeds:
        for split in (*CLASSES, *DATA):
            told(split, seed)
    for number in range(1, config.protocol.cycles):
        for seed in config.protocol.seeds:
            cycle(seed, number)


def publish(work: Path) -> None:
    """Writes the page, figures, tables and records of what is measured so far."""
    config = read_single("figure-3.4", "desk")
    judged = sorted((kept(path) for path in work.glob("seed*-cycle*.npz")), key=lambda one: (one.seed, one.cycle))
    told = [Told(**json.loads(path.read_text())) for path in sorted(work.glob("seed*.json"))]
    told = [one for split in (*CLASSES, *DATA) for one in told if one.split == split]
    about = {"experiment": config.name, "config": config.model_dump(mode="json"), **environment()}
    shown = {label: (plan.strategy.name, None) for label, plan in analysis.plans_of(config.strategies).items()}
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        ranked, foreigners = Path(place) / "ranked", Path(place) / "foreign"
        analysis_report.write(ranked, judged, shown, about)
        foreign_report.write(foreigners, told, about)
        for path in (*ranked.glob("[!.]*"), *foreigners.glob("[!.]*")):
            if path.name in FILES:
                shutil.copyfile(path, OUT / path.name)
        shutil.copyfile(foreigners / "analysis.json", OUT / "foreign.json")
        shutil.copyfile(ranked / "analysis.json", OUT / "analysis.json")
    records = [json.loads((OUT / name).read_text()) for name in ("analysis.json", "foreign.json")]
    text = page(*records)
    (OUT / "README.md").write_text(text, encoding="utf-8")
    print(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ASKEW_SHARED_DATA", "data")))
    parser.add_argument("--pages", action="store_true")
    options = parser.parse_args()
    if options.work is None:
        print("skipped: needs --work DIR")
        return
    options.work.mkdir(parents=True, exist_ok=True)
    if not options.pages:
        measure(options.work, options.data)
    publish(options.work)


if __name__ == "__main__":
    main()
