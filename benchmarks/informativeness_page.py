"""The page of results/informativeness/, made from the records beside it: no number of it is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from askew.experiment.analysis import SHARES
from askew.report.analysis import Mean
from askew.report.claims import holm
from askew.report.measures import Estimate, sign_of

OURS = "dispersion"
SHOWN = (0.01, 0.05, 0.1, 0.2, 0.5)
JUDGED = 0.1
"""The share of the unlabeled items whose accuracy is compared."""

FEW = 10
"""A bin with fewer items in the mean is not counted."""

Record = Mapping[str, Any]


def page(ranked: Record, foreign: Record) -> str:
    """Returns the page of two records: of the models and their rankings, and of the foreign items."""
    measured, told, about = ranked["measured"], foreign["measured"], ranked
    first = [one for one in measured if one["cycle"] == 0]
    protocol = about["config"]["protocol"]
    data, learner = about["config"]["data"], about["config"]["learner"]
    lines = [
        "# How informative the items are that each strategy asks first",
        "",
        f"Figures 3.4 and 3.5 of the thesis on {data['source'].upper().replace('CIFAR', 'CIFAR-')} at desk scale: "
        f"a pool "
        f"of {data['pool_items']:,}, {protocol['initial']} labels and {protocol['budget']} more a cycle, which "
        f"dispersion "
        f"asks; {learner['backbone']} from scratch with the preset {learner['preset']} and "
        f"{learner['training']['epochs']} epochs. The thesis has a pool of 50,000, ResNet-18 and 100 epochs. "
        f"Means over "
        "seeds with Student's 95% interval. Made by `benchmarks/informativeness.py`; "
        "[what is measured](../../docs/analyse.md). CIFAR-10 is a recompressed copy.",
        "",
        "## What the model of the initial set says of what each strategy asks first (Fig. 3.5)",
        "",
        f"{len(first)} seeds. Accuracy in % on the first part of the {first[0]['n_unlabeled']:,} unlabeled items; "
        f"on all of "
        f"them it is {_of([[one['accuracy_unlabeled']] for one in first], 100)}. The last column is the AUROC of "
        f"the score "
        "for the items that the model gets wrong.",
        "",
        *_first_table(first),
        "",
        "![accuracy on what is asked first](accuracy-of-top.svg)",
        "",
        *_first_said(first),
        "",
        "The thesis: for any amount of unlabeled items, dispersion asks misclassified ones the most, of BALD, margin, "
        "k-center, core-set, VAAL and random, on CIFAR-10 and CIFAR-100; random is flat and the oracle is 0.",
        "",
        "## Accuracy by dispersion, cycle by cycle (Fig. 3.4)",
        "",
        *_by_score_said(measured),
        "",
        "![accuracy by dispersion](accuracy-by-score-dispersion.svg)",
        "",
        "AUROC of each score for the items that the model gets wrong:",
        "",
        *_errors_table(measured),
        "",
        "The thesis: most items lie in the middle of the dispersions, and the higher the dispersion, the less "
        "accurate the "
        "model.",
        "",
        "## Dispersion as an out-of-distribution score",
        "",
        *_foreign(told),
        "",
        "The thesis names this as future work and has no figures of it.",
    ]
    return "\n".join(lines) + "\n"


def _first_table(first: Sequence[Record]) -> list[str]:
    places = [SHARES.index(share) for share in SHOWN]
    values = {label: np.array([one["accuracy_of_top"][label] for one in first]) for label in _labels(first)}
    order = sorted(values, key=lambda label: values[label][:, SHARES.index(JUDGED)].mean())
    rows = [[label, *(_of(values[label][:, [k]], 100) for k in places), _area(first, label)] for label in order]
    return _table(["strategy", *(f"first {100 * share:g}%" for share in SHOWN), "AUROC"], rows)


def _first_said(first: Sequence[Record]) -> list[str]:
    k = SHARES.index(JUDGED)
    tops = {label: np.array([one["accuracy_of_top"][label][k] for one in first]) for label in _labels(first)}
    rivals = [label for label in tops if label not in (OURS, "oracle")]
    lower = _compared({label: tops[label] - tops[OURS] for label in rivals}, 100)
    return [
        f"Of the first {100 * JUDGED:g}%, the model's accuracy on dispersion's items, compared with that on the "
        f"others' by "
        f"seed (positive: dispersion's are the harder ones): {'; '.join(lower)}. The chance of one false claim "
        f"among them "
        "is at most 5% (Holm's procedure)."
    ]


def _by_score_said(measured: Sequence[Record]) -> list[str]:
    said = []
    for cycle in sorted({one["cycle"] for one in measured}):
        several = [one for one in measured if one["cycle"] == cycle]
        edges = np.array(several[0]["by_score"][OURS]["edges"])
        items = np.array([one["by_score"][OURS]["items"] for one in several], dtype=np.float64)
        right = np.array([one["by_score"][OURS]["right"] for one in several], dtype=np.float64)
        kept = items.mean(axis=0) >= FEW
        accuracy = Mean.of(np.divide(right, items, out=np.full_like(right, np.nan), where=items > 0)[:, kept])
        centres = ((edges[:-1] + edges[1:]) / 2)[kept]
        falls = int((np.diff(accuracy.mean) < 0).sum())
        most = centres[items.mean(axis=0)[kept].argmax()]
        said.append(
            f"- {several[0]['n_labeled']:,} labels ({len(several)} seeds): {_one(accuracy, 0, 100)}% at a "
            f"dispersion of "
            f"{centres[0]:.2f}, {_one(accuracy, -1, 100)}% at {centres[-1]:.2f}; from bin to bin it falls in "
            f"{falls} of "
            f"{len(centres) - 1} steps. Most items are at {most:.2f}, of dispersions up to {centres[-1]:.2f}."
        )
    return [f"Bins with {FEW} items or more in the mean over seeds:", "", *said]


def _errors_table(measured: Sequence[Record]) -> list[str]:
    cycles = sorted({one["cycle"] for one in measured})
    by_cycle = [[one for one in measured if one["cycle"] == cycle] for cycle in cycles]
    labels = [label for label in _labels(measured) if label in measured[0]["auroc_of_errors"] and label != "oracle"]
    head = ["score", *(f"{several[0]['n_labeled']:,} labels ({len(several)} seeds)" for several in by_cycle)]
    return _table(head, [[label, *(_area(several, label) for several in by_cycle)] for label in labels])


def _foreign(told: Sequence[Record]) -> list[str]:
    splits = list(dict.fromkeys(one["split"] for one in told))
    scores = list(told[0]["areas"])
    seeds = sorted(set.intersection(*({one["seed"] for one in told if one["split"] == split} for split in splits)))
    area = np.array(
        [
            [
                next(list(o["areas"].values()) for o in told if (o["split"], o["seed"]) == (split, seed))
                for split in splits
            ]
            for seed in seeds
        ]
    )  # seed, split, score
    counts = {
        split: [float(np.mean([o[key] for o in told if o["split"] == split])) for key in ("n_foreign", "n_own")]
        for split in splits
    }
    rows = [
        [
            f"{split} ({counts[split][0]:,.0f} among {counts[split][1]:,.0f})",
            *(_of(area[:, p, [k]]) for k in _each(scores)),
        ]
        for p, split in enumerate(splits)
    ]
    mean = area.mean(axis=1)
    rows.append(["mean of all", *(_of(mean[:, [k]]) for k in _each(scores))])
    ours = scores.index(OURS)
    beside = _compared({s: mean[:, ours] - mean[:, k] for k, s in enumerate(scores) if s != OURS}, 1)
    classes = [split for split in splits if not split.endswith(".npz")]
    return [
        f"{len(seeds)} seeds, the model of the initial set. AUROC: how likely a foreign item scores above an own "
        f"one; 0.5 is "
        f"chance, and below it the foreign ones look the surer. {' and '.join(f'`{one}`' for one in classes)} are "
        f"classes "
        "that were left out of the training; `waste-photos.npz` holds photos of waste, brought to 32 × 32 pixels.",
        "",
        *_table(["foreign", *scores], rows),
        "",
        "![AUROC of foreign items](out-of-distribution.svg)",
        "",
        f"Mean of all, dispersion less each of the others, by seed: {'; '.join(beside)} (Holm's procedure).",
    ]


def _compared(differences: Mapping[str, np.ndarray], scale: float) -> list[str]:
    """Says of each difference its mean with the interval that Holm's procedure judges it by, and what that shows."""
    means = {label: Mean.of(values[:, None]) for label, values in differences.items()}
    found = [Estimate(float(m.mean[0]), float(m.low[0]), float(m.high[0]), int(m.n_seeds[0])) for m in means.values()]
    out = []
    for label, one, verdict in zip(means, found, holm(found), strict=True):
        said = {1: "shown to be above", -1: "shown to be below", 0: "not told apart"}[verdict.sign]
        plain = "" if verdict.sign or not sign_of(one.low, one.high, one.n_seeds) else " among so many"
        unit = " points" if scale == 100 else ""
        digits = 1 if scale == 100 else 3
        numbers = [f"{scale * x:+.{digits}f}" for x in (one.mean, one.low, one.high)]
        out.append(f"{label} {numbers[0]}{unit} (95% interval {numbers[1]} to {numbers[2]}), {said}{plain}")
    return out


def _area(several: Iterable[Record], label: str) -> str:
    areas = [one["auroc_of_errors"].get(label) for one in several]
    return "" if None in areas else _of([[area] for area in areas])


def _of(values: Any, scale: float = 1) -> str:
    return _one(Mean.of(np.asarray(values, dtype=np.float64)), 0, scale)


def _one(mean: Mean, k: int, scale: float) -> str:
    digits = 1 if scale == 100 else 3
    half = float(mean.high[k] - mean.mean[k])
    ends = f" ± {scale * half:.{digits}f}" if np.isfinite(half) else ""
    return f"{scale * float(mean.mean[k]):.{digits}f}{ends}"


def _labels(measured: Sequence[Record]) -> list[str]:
    return list(measured[0]["accuracy_of_top"])


def _each(scores: Sequence[str]) -> range:
    return range(len(scores))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|", *body]
